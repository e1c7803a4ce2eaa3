/*
    Connecting, duplicating a descriptor and starting a shell each have honest uses; that the
    descriptor is a socket's that was connected outward, and the program a shell, hardly has.
*/
rule reverse_shell_python
{
    meta:
        title_zh = "Python 反向连接的命令行"
        title_en = "Reverse shell in Python"
        description = "Python code that connects a socket to a host and makes it standard input or output of a shell: by duplicating the socket's descriptor, or by giving it to a started shell"
        description_zh = "Python 代码用套接字连接主机，并使其成为 shell 的标准输入或输出：复制套接字描述符，或把套接字交给所启动的 shell"
        author = "secwatch"
        date = "2026-11-24"
        version = "1.0"
        severity = "critical"
        confidence = 80
        aspect = "info"
        attack = "T1059.006"
        false_positives = "Teaching material; servers of one's own making that start programs for a connection"
        false_positives_zh = "教学材料；为每个连接启动程序的自制服务程序"
        response_zh = "在流量记录中查找该地址的连接并封禁；隔离主机，保留内存和进程信息；查明文件由何人写入，检查持久化项目。"
        response_en = "Find connections to its address in the traffic records and block it; isolate the host and keep its memory and process list; find out who wrote the file and check what else starts by itself"
        reference = "https://attack.mitre.org/techniques/T1059/006/"
        licence = "MIT"

    strings:
        $connect_1 = ".connect("
        $connect_2 = ".connect_ex("
        $connect_3 = ".connect (("
        $connect_4 = /\bcreate_connection\s{0,2}\(/
        $socket = /\bsocket\b/
        $duplicated = /\bdup2\s{0,2}\(\s{0,4}[a-z_][a-z_0-9.]{0,32}(\.fileno\s{0,2}\(\s{0,2}\))?\s{0,4},\s{0,4}([0-2a-z]|sys\.)/ nocase
        $fileno = /\.fileno\s{0,2}\(\s{0,2}\)/
        $given = /\bstd(in|out)\s{0,2}=\s{0,2}[a-z_][a-z_0-9.]{0,24}(\.(fileno|makefile)\s{0,2}\([^)\r\n]{0,12}\))?\s{0,4},[^\r\n]{0,60}\bstd(in|out|err)\s{0,2}=/ nocase
        $given_plainly = /\bstd(in|out)\s{0,2}=\s{0,2}[a-z_][a-z_0-9]{0,24}\s{0,4},\s{0,8}std(in|out|err)\s{0,2}=\s{0,2}[a-z_][a-z_0-9]{0,24}\s{0,4}[,)]/
        $shell_spawned = /\bpty\s{0,2}\.\s{0,2}spawn\s{0,2}\(/
        $shell_started = /\b(call|Popen|run|system|execl[pe]{0,2}|execv[pe]{0,2}|check_output|spawn[lv][pe]{0,2})\s{0,2}\(\s{0,4}[\[(]?\s{0,4}["']{1,3}(\/(usr\/)?bin\/(env\s)?)?(ba|z|k|da|a)?sh\b/
        $shell_windows = /\b(call|Popen|run|system)\s{0,2}\(\s{0,4}[\[(]?\s{0,4}["']{1,3}(cmd|powershell)(\.exe)?\b/

    condition:
        filesize < 256KB and any of ($connect_*) and $socket and ($given_plainly or ($fileno and any of ($duplicated, $given))) and any of ($shell_*)
}
