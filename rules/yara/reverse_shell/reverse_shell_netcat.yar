/*
    Four ways to the same: the tool starts the shell itself, a named pipe closes the circle, two
    connections carry in and out, or socat ties both ends.
*/
rule reverse_shell_netcat
{
    meta:
        title_zh = "netcat、socat 等反向连接的命令行"
        title_en = "Reverse shell by netcat, socat or a pipe to a network client"
        description = "A command line that has netcat or socat start a shell for a connection, or that joins a shell by a named pipe or by two pipes with netcat, telnet or openssl s_client"
        description_zh = "命令行让 netcat 或 socat 为连接启动 shell，或通过命名管道、前后两个管道把 shell 与 netcat、telnet 或 openssl s_client 连接起来"
        author = "secwatch"
        date = "2026-11-24"
        version = "1.0"
        severity = "critical"
        confidence = 85
        aspect = "info"
        attack = "T1059.004, T1095"
        false_positives = "Documentation of these tools; test beds"
        false_positives_zh = "这些工具的文档；测试环境"
        response_zh = "在流量记录中查找该地址的连接并封禁；隔离主机，保留内存和进程信息；查明文件由何人写入，检查持久化项目。"
        response_en = "Find connections to its address in the traffic records and block it; isolate the host and keep its memory and process list; find out who wrote the file and check what else starts by itself"
        reference = "https://attack.mitre.org/techniques/T1059/004/"
        licence = "MIT"

    strings:
        $started = /\b(nc|ncat|netcat|nc\.traditional|nc\.openbsd|busybox\s{1,4}nc)(\.exe|64\.exe)?\s[^\r\n|;#]{0,100}(-[a-z]{0,5}[ec]|--exec|--sh-exec)[\s=]{1,4}["']?((\/[a-z\/]{1,24}\/)?(ba|z|k|da|a|c)?sh\b|cmd(\.exe)?\b|powershell)/
        $named_pipe = /\b(mkfifo|mknod)\s{1,4}[^\x00]{1,240}\|\s{0,4}(\/[a-z\/]{1,24}\/)?(ba|z|k|da|a|c)?sh\b[^\r\n|]{0,40}\|\s{0,4}(\b(nc|ncat|netcat|nc\.traditional|nc\.openbsd|busybox\s{1,4}nc)(\.exe|64\.exe)?\s|telnet\s|openssl\s{1,4}s_client)/
        $named_pipe_back = /\b(mkfifo|mknod)\s{1,4}[^\x00]{1,200}(\b(nc|ncat|netcat|nc\.traditional|nc\.openbsd|busybox\s{1,4}nc)(\.exe|64\.exe)?|telnet|openssl\s{1,4}s_client)\s[^\r\n|]{1,120}\|\s{0,4}(\/[a-z\/]{1,24}\/)?(ba|z|k|da|a|c)?sh\b[^\r\n|;]{0,40}>/
        $named_pipe_in = /\b(mkfifo|mknod)\s{1,4}[^\x00]{1,200}(\/[a-z\/]{1,24}\/)?(ba|z|k|da|a|c)?sh\b[^\r\n|;]{0,40}<[^\r\n|;]{1,80}\|\s{0,4}(\b(nc|ncat|netcat|nc\.traditional|nc\.openbsd|busybox\s{1,4}nc)(\.exe|64\.exe)?\s|telnet\s|openssl\s{1,4}s_client)/
        $two_pipes = /(\b(nc|ncat|netcat|nc\.traditional|nc\.openbsd|busybox\s{1,4}nc)(\.exe|64\.exe)?|telnet)\s[^\r\n|;]{3,120}\|\s{0,4}(\/[a-z\/]{1,24}\/)?(ba|z|k|da|a|c)?sh\b[^\r\n|;]{0,40}\|\s{0,4}(\b(nc|ncat|netcat|nc\.traditional|nc\.openbsd|busybox\s{1,4}nc)(\.exe|64\.exe)?|telnet)\s/
        $socat_start = /\bsocat(\.exe)?\s[^\r\n]{0,200}\b(exec|system):["'\\]{0,3}(\/[a-z\/]{1,24}\/)?(ba|z|k|da|a|c)?sh\b[^\r\n]{0,160}\b(tcp|udp|openssl|ssl|sctp|proxy|socks)[a-z0-9-]{0,12}:/ nocase
        $socat_end = /\bsocat(\.exe)?\s[^\r\n]{0,160}\b(tcp|udp|openssl|ssl|sctp|proxy|socks)[a-z0-9-]{0,12}:[^\r\n]{1,160}\b(exec|system):["'\\]{0,3}(\/[a-z\/]{1,24}\/)?(ba|z|k|da|a|c)?sh\b/ nocase

    condition:
        filesize < 4MB and any of them
}
