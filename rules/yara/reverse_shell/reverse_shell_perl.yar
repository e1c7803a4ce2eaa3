/*
    Reopening the standard handles on a socket is what inetd does for a server; a client that
    does so for a shell gives it away.
*/
rule reverse_shell_perl
{
    meta:
        title_zh = "Perl 反向连接的命令行"
        title_en = "Reverse shell in Perl"
        description = "Perl code that opens a client socket, reopens standard input or output on it and starts a shell or runs the lines that arrive"
        description_zh = "Perl 代码打开客户端套接字，把标准输入或输出重新打开到该套接字，并启动 shell 或执行收到的各行内容"
        author = "secwatch"
        date = "2026-11-24"
        version = "1.0"
        severity = "critical"
        confidence = 85
        aspect = "info"
        attack = "T1059"
        false_positives = "Teaching material; old network servers in Perl that listen instead of connecting"
        false_positives_zh = "教学材料；监听而不是主动连接的旧 Perl 网络服务程序"
        response_zh = "在流量记录中查找该地址的连接并封禁；隔离主机，保留内存和进程信息；查明文件由何人写入，检查持久化项目。"
        response_en = "Find connections to its address in the traffic records and block it; isolate the host and keep its memory and process list; find out who wrote the file and check what else starts by itself"
        reference = "https://attack.mitre.org/techniques/T1059/"
        licence = "MIT"

    strings:
        $socket = /(\bIO::Socket(::INET6?|::SSL)?\b|\buse\s{1,4}Socket\b|\bsocket\s{0,2}\(\s{0,2}\*?\$?[a-z_]{1,16}\s{0,2},\s{0,2}(PF|AF)_INET)/ nocase
        $client = /(\bPeerAddr|\bPeerHost|\bconnect\s{0,2}\(\s{0,2}[\*\$]?[a-z_]{1,16}\s{0,2},|(INET6?(->|::)new|new\s{1,4}IO::Socket::INET6?)\s{0,2}\(\s{0,2}["'$])/ nocase
        $reopened = /\bopen\s{0,2}\(?\s{0,2}\*?(STDIN|STDOUT|STDERR)\s{0,2},\s{0,2}["'][<>+]{1,3}&/
        $fdopen = /(STDIN|STDOUT|\$~)\s{0,2}->\s{0,2}fdopen\s{0,2}\(/
        $shell = /\b(exec|system)\b\s{0,2}[({]?\s{0,2}["'{]?[^"'\r\n;]{0,16}(\/(ba|z|k|da|a|c)?sh\b|cmd\.exe|\$SHELL|\$shell)/
        $lines = /\b(system|exec|eval|qx)\b\s{0,2}[({]?\s{0,2}"?\$_/

    condition:
        filesize < 1MB and $socket and $client and any of ($reopened, $fdopen) and any of ($shell, $lines)
}
