/*
    The device alone serves to test ports and to fetch pages. It is a reverse shell where a
    shell's input comes from it.
*/
rule reverse_shell_bash
{
    meta:
        title_zh = "Bash 反向连接的命令行"
        title_en = "Reverse shell by the shell's own network device"
        description = "Shell code that ties an interactive shell to the shell's network device (/dev/tcp or /dev/udp), or opens that device on a descriptor and lets a shell or a loop run what arrives there"
        description_zh = "Shell 代码把交互式 shell 接到 /dev/tcp 或 /dev/udp 网络设备，或以描述符打开该设备并由 shell 或循环执行收到的内容"
        author = "secwatch"
        date = "2026-11-24"
        version = "1.0"
        severity = "critical"
        confidence = 85
        aspect = "info"
        attack = "T1059.004"
        false_positives = "Teaching material and documentation of the device"
        false_positives_zh = "教学材料和该设备的文档"
        response_zh = "在流量记录中查找该地址的连接并封禁；隔离主机，保留内存和进程信息；查明文件由何人写入，检查持久化项目。"
        response_en = "Find connections to its address in the traffic records and block it; isolate the host and keep its memory and process list; find out who wrote the file and check what else starts by itself"
        reference = "https://attack.mitre.org/techniques/T1059/004/"
        licence = "MIT"

    strings:
        $direct = /\b(ba|z|k|da|a)?sh\s{1,4}(-[a-z]{1,8}\s{1,4}){0,3}-[a-z]{0,4}i[a-z]{0,4}\b[^\r\n|]{0,40}[<>]\s{0,2}&?\s{0,4}["']?\/dev\/(tcp|udp)\/[^\s\/]{1,80}\/[^\s]{1,16}/
        $input = /\b(ba|z|k|da|a)?sh\b[^\r\n|;"']{0,20}<\s{0,4}["']?\/dev\/(tcp|udp)\/[^\s\/]{1,80}\/[^\s]{1,16}[^\r\n;]{0,20}>&?\s{0,2}[0-9&"'\/]/
        $opened_shell = /\bexec\s{1,4}\{?[0-9a-zA-Z_]{1,12}\}?<>\s{0,4}["']?\/dev\/(tcp|udp)\/[^\s\/]{1,80}\/[^\s;]{1,16}[^\x00]{0,400}\b(ba|z|k|da|a)?sh\b[^\r\n;|]{0,20}[<>]{1,2}&/
        $opened_loop = /\bexec\s{1,4}\{?[0-9a-zA-Z_]{1,12}\}?<>\s{0,4}["']?\/dev\/(tcp|udp)\/[^\s\/]{1,80}\/[^\s;]{1,16}[^\x00]{0,300}\bread\s[^\x00]{1,80}\bdo\s{1,16}(eval\s{1,4}|(ba)?sh\s{1,4}-c\s{1,4}|[a-z_]{1,16}=)?["'`(]{0,3}\$[({"]{0,3}[a-z_]/
        $piped = /\b(cat|nc|tail)?\s{0,4}<\s{0,2}["']?\/dev\/(tcp|udp)\/[^\s\/]{1,80}\/[^\s;|]{1,16}\s{0,4}\|\s{0,4}(\/bin\/)?(ba|z|k|da|a)?sh\b/

    condition:
        filesize < 4MB and any of them
}
