/*
    Shortcuts that Windows writes have one or two kilobytes. A dropper hides its payload behind
    them and starts a command that cuts it out again.
*/
rule lnk_carrier
{
    meta:
        title_zh = "夹带其它文件的快捷方式"
        title_en = "Shortcut that carries another file"
        description = "A Windows shortcut of more than 8 KB that holds a program, document, archive, script or HTML application behind its own first kilobyte of data"
        description_zh = "大于 8 KB 的 Windows 快捷方式，在自身数据的前 1 KB 之后夹带程序、文档、压缩包、脚本或 HTML 应用"
        author = "secwatch"
        date = "2026-11-24"
        version = "1.0"
        severity = "high"
        confidence = 80
        aspect = "info"
        attack = "T1027.009, T1204.002"
        false_positives = "None known: a shortcut has no room for files"
        false_positives_zh = "未发现：快捷方式没有存放文件的位置"
        response_zh = "不要双击；查明该快捷方式来自哪封邮件、压缩包或移动介质；隔离打开过它的主机，检查其启动的进程和下载的文件。"
        response_en = "Do not open it; find the mail, archive or removable medium it came with; isolate the hosts that opened it and check what they started and downloaded"
        reference = "https://attack.mitre.org/techniques/T1027/009/"
        licence = "MIT"

    strings:
        $program = "This program cannot be run in DOS mode"
        $program_header = { 50 45 00 00 (4C 01 | 64 86 | 64 AA) ?? 00 }
        $pdf = /%PDF-[12]\.\d/
        $ole = { D0 CF 11 E0 A1 B1 1A E1 }
        $zip = { 50 4B 03 04 ?? 00 ?? ?? (00 | 08) 00 }
        $rar = { 52 61 72 21 1A 07 (00 | 01) }
        $seven_zip = { 37 7A BC AF 27 1C }
        $cabinet = { 4D 53 43 46 00 00 00 00 }
        $script = /<(script|hta:application)[\s>]/ nocase
        $elf = { 7F 45 4C 46 (01 | 02) 01 01 }

    condition:
        uint32(0) == 0x0000004C and uint32(4) == 0x00021401 and filesize > 8KB and filesize < 64MB and
         for any of them : ($ in (1024 .. filesize))
}
