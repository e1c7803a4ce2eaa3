/*
    A page of the web server that connects outward and starts a shell. How the two are tied
    together differs: by a number of a descriptor, by an array of streams, or by a loop.
*/
rule reverse_shell_php
{
    meta:
        title_zh = "PHP 反向连接的命令行"
        title_en = "Reverse shell in PHP"
        description = "PHP code that opens a TCP connection as client and starts a shell with its streams redirected to the connection, or with pipes that it relays to and from the connection"
        description_zh = "PHP 代码以客户端身份建立 TCP 连接，并启动 shell：把其输入输出重定向到该连接，或经管道与该连接互相转发"
        author = "secwatch"
        date = "2026-11-24"
        version = "1.0"
        severity = "critical"
        confidence = 85
        aspect = "info"
        attack = "T1505.003, T1059"
        false_positives = "Teaching material; terminal consoles written in PHP"
        false_positives_zh = "教学材料；用 PHP 编写的终端控制台"
        response_zh = "在流量记录中查找该地址的连接并封禁；隔离主机，保留内存和进程信息；查明文件由何人写入，检查持久化项目。"
        response_en = "Find connections to its address in the traffic records and block it; isolate the host and keep its memory and process list; find out who wrote the file and check what else starts by itself"
        reference = "https://attack.mitre.org/techniques/T1505/003/"
        licence = "MIT"

    strings:
        $client = /\b(fsockopen|pfsockopen|stream_socket_client|socket_connect)\s{0,4}\(/
        $numbered = /\b(exec|shell_exec|system|passthru|popen|proc_open)\s{0,4}\(\s{0,4}["'][^"'\r\n]{0,40}sh\b[^"'\r\n]{0,16}[0-9]?<&\s{0,2}[0-9$]/
        $backtick = /`[^`\r\n]{0,40}sh\b[^`\r\n]{0,16}[0-9]?<&\s{0,2}[0-9$]/
        $opened = /\bproc_open\s{0,4}\(/
        $shell = /["'][^"'\r\n]{0,60}\b((ba|z|k|da|a)?sh|cmd(\.exe)?|powershell(\.exe)?)(\s{1,4}-[a-z]{1,4})?\s{0,4}["';]/
        $relay_1 = /\bf(write|puts)\s{0,4}\(\s{0,4}\$/
        $relay_2 = /\b(stream_select|fread|fgets|stream_copy_to_stream|stream_get_contents)\s{0,4}\(\s{0,4}\$/
        $streams = /\bproc_open\s{0,4}\([^;]{1,120}(array\s{0,4}\(|\[)\s{0,4}(0\s{0,4}=>\s{0,4})?\$[a-z_]{1,24}\s{0,4},\s{0,4}(1\s{0,4}=>\s{0,4})?\$/ nocase

    condition:
        filesize < 1MB and $client and ($numbered or $backtick or $streams or ($opened and $shell and all of ($relay_*)))
}
