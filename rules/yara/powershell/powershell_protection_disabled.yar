/*
    One preference of Defender is switched off for tests and for other virus scanners; two or
    more, or tampering with AMSI, is what droppers do first.
*/
rule powershell_protection_disabled
{
    meta:
        title_zh = "PowerShell 关闭安全防护"
        title_en = "PowerShell that switches protection off"
        description = "PowerShell code that reaches AMSI's internal type by reflection to set its failure flag, overwrites AMSI's scan function in memory, or turns at least two protections of Microsoft Defender off by its preferences"
        description_zh = "PowerShell 代码通过反射设置 AMSI 内部类型的失败标志，或改写内存中的 AMSI 扫描函数，或用首选项命令关闭 Microsoft Defender 的至少两项防护"
        author = "secwatch"
        date = "2026-11-24"
        version = "1.0"
        severity = "high"
        confidence = 85
        aspect = "info"
        attack = "T1562.001"
        false_positives = "Image building scripts that set Defender up; detection rules that quote the commands"
        false_positives_zh = "设置 Defender 的镜像制作脚本；引用这些命令的检测规则"
        response_zh = "读出该命令的下载地址或连接对象，在流量记录中查找并封禁；隔离运行过它的主机，检查计划任务、启动项和 PowerShell 日志。"
        response_en = "Read the addresses it loads from or connects to, find them in the traffic records and block them; isolate the host that ran it and check its scheduled tasks, autostart entries and PowerShell logs"
        reference = "https://attack.mitre.org/techniques/T1562/001/"
        licence = "MIT"

    strings:
        $type = /(amsiutils|['"]am['"]?\s{0,2}\+\s{0,2}['"]siutils)/ nocase ascii wide
        $flag = /(amsiinitfailed|amsisession|amsicontext|['"]amsi['"]\s{0,2}\+\s{0,2}['"]initfailed)/ nocase ascii wide
        $flag_named = "amsiinitfailed" nocase ascii wide
        $flag_taken = /\bgetfield\s{0,2}\(/ nocase ascii wide
        $flag_set = /\bsetvalue\s{0,2}\(/ nocase ascii wide
        $reflection = /(\bgetfield\b|\bsetvalue\b|\.assembly\.gettype)/ nocase ascii wide
        $function = /amsi(scanbuffer|scanstring|opensession|initialize)\b/ nocase ascii wide
        $unprotect = /(virtualprotect|writeprocessmemory|ntprotectvirtualmemory)/ nocase ascii wide
        $copy = /(marshal\]::(copy|writebyte|writeint\d{2})|writeprocessmemory|getprocaddress|copymemory)/ nocase ascii wide
        $powershell = /(\bpowershell\b|\badd-type\b|\[system\.|\[runtime\.|\[intptr\]|\bdllimport\b)/ nocase ascii wide
        $preference = /set-mppreference\s[^\r\n]{0,600}-disable[a-z]{4,40}[\s:]{1,4}["']?(\$true|1\b|true)/ nocase ascii wide
        $preferences = /set-mppreference\s[^\r\n]{0,600}-disable[a-z]{4,40}[\s:]{1,4}["']?(\$true|1|true)[^\r\n]{1,200}-disable[a-z]{4,40}[\s:]{1,4}["']?(\$true|1\b|true)/ nocase ascii wide

    condition:
        filesize < 4MB and uint16(0) != 0x5A4D and
        (
            ($type and $flag and $reflection) or
            ($flag_named and $flag_taken and $flag_set) or
            ($function and $unprotect and $copy and $powershell) or
            #preference >= 2 or $preferences
        )
}
