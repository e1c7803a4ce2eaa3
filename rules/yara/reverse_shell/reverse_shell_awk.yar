/*
    Awk can fetch a page by the same means; here what arrives is run, so a second pipe or a call
    of the system is needed.
*/
rule reverse_shell_awk
{
    meta:
        title_zh = "awk 反向连接的命令行"
        title_en = "Reverse shell in awk"
        description = "Awk code that opens a TCP or UDP connection of its own to a host (the /inet special file), reads lines from it through a two-way pipe and runs them as commands"
        description_zh = "awk 代码以 /inet 特殊文件自行连接主机，通过双向管道读取各行并作为命令执行"
        author = "secwatch"
        date = "2026-11-24"
        version = "1.0"
        severity = "critical"
        confidence = 85
        aspect = "info"
        attack = "T1059.004"
        false_positives = "Teaching material of awk"
        false_positives_zh = "awk 教学材料"
        response_zh = "在流量记录中查找该地址的连接并封禁；隔离主机，保留内存和进程信息；查明文件由何人写入，检查持久化项目。"
        response_en = "Find connections to its address in the traffic records and block it; isolate the host and keep its memory and process list; find out who wrote the file and check what else starts by itself"
        reference = "https://attack.mitre.org/techniques/T1059/004/"
        licence = "MIT"

    strings:
        $connection = /\/inet[46]?\/(tcp|udp)\/[^\/\s"']{1,8}\/["']?\s{0,4}[^\s\/]{1,80}\s{0,4}["']?\/["']?\s{0,4}[0-9a-z$]{1,12}/
        $two_way = /\|&\s{0,4}getline\b/
        $run_1 = /\bsystem\s{0,2}\(\s{0,2}[a-z_$]/
        $run_2 = /\b[a-z_][a-z_0-9]{0,20}\s{0,2}\|\s{0,2}getline\b/
        $run_3 = /[^"\/]\b[a-z_][a-z_0-9]{0,20}\s{0,2}\|&\s{0,4}getline\s{0,4}[a-z_]{0,16}\)?\s{0,4}>?\s{0,4}0?\)?[^\x00]{1,200}\|&\s{0,4}getline\b/

    condition:
        filesize < 1MB and $connection and $two_way and any of ($run_*)
}
