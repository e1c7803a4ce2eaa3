/*
    Forced commands that limit a key to a backup or a repository name an installed program. The
    dangerous ones run something of their own and then the shell that was asked for, so that
    nobody notices.
*/
rule ssh_forced_command
{
    meta:
        title_zh = "authorized_keys 中的后门选项"
        title_en = "Back door in an authorized_keys file"
        description = "An authorized_keys line whose forced command runs something from a temporary directory or hidden file, a download, a decoder, a network shell or inline interpreter code, or sets a loader or shell start-up variable, or hides its key behind at least 80 blanks"
        description_zh = "authorized_keys 中的一行：强制命令运行临时目录或隐藏文件中的程序、下载、解码、网络 shell 或内联解释器代码，或设置加载器、shell 启动变量，或把密钥藏在至少 80 个空白之后"
        author = "secwatch"
        date = "2026-11-24"
        version = "1.0"
        severity = "critical"
        confidence = 85
        aspect = "info"
        attack = "T1098.004"
        false_positives = "Forced commands of administrators that call inline code"
        false_positives_zh = "管理员设置的、调用内联代码的强制命令"
        response_zh = "核对该密钥的所有者；无人认领则删除密钥，查看登录日志中它的使用记录，并检查其它主机上是否有同一密钥。"
        response_en = "Ask whose key it is; if nobody's, remove it, look in the login records for its use, and search other hosts for the same key"
        reference = "https://attack.mitre.org/techniques/T1098/004/"
        licence = "MIT"

    strings:
        $command = /\bcommand\s{0,2}=\s{0,2}"[^\r\n]{0,300}(\/dev\/(tcp|udp|shm)\/|\/tmp\/|\/var\/tmp\/|\/\.[a-z0-9_][^\s\/"]{0,40}[\s";&]|\b(curl|wget)\s|base64\s{1,4}(-d|--decode)|\b(nc|ncat|netcat|socat)\s|\b(python[0-9.]{0,4}|perl|php|ruby)\s{1,4}-[cer]|\bnohup\s|\bsetsid\s|(ba|z|k)?sh\s{1,4}-i)[^\r\n]{0,600}\s(ssh-(rsa|dss|ed25519)|ecdsa-sha2-nistp\d{3}|sk-(ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com)\s{1,8}AAAA/
        $variable = /\benvironment\s{0,2}=\s{0,2}"(LD_[A-Z_]{4,16}|BASH_ENV|ENV|PROMPT_COMMAND|PYTHONSTARTUP|PERL5OPT)=[^\r\n]{1,600}\s(ssh-(rsa|dss|ed25519)|ecdsa-sha2-nistp\d{3}|sk-(ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com)\s{1,8}AAAA/
        $hidden = /[ \t]{80}((command|environment|from|restrict|no-pty|permitopen)[^\r\n]{0,400}\s)?(ssh-(rsa|dss|ed25519)|ecdsa-sha2-nistp\d{3}|sk-(ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com)\s{1,8}AAAA/

    condition:
        filesize < 512KB and any of them
}
