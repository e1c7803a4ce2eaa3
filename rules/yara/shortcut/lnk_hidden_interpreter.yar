/*
    A shortcut shows an icon and a name of its own, and starts what its arguments say. The
    arguments are kept in UTF-16, in old shortcuts in the code page.
*/
rule lnk_hidden_interpreter
{
    meta:
        title_zh = "启动脚本解释器的可疑快捷方式"
        title_en = "Shortcut that starts an interpreter in a suspicious way"
        description = "A Windows shortcut that names a command or script interpreter or a system tool used as one, with a sign of hiding or loading: hidden or minimised window, encoded command, evaluation, web address, temporary directory, or commands chained by an ampersand or pipe"
        description_zh = "Windows 快捷方式指向命令或脚本解释器（或可作此用的系统工具），并带有隐藏或加载的迹象：隐藏或最小化窗口、编码命令、求值、网址、临时目录，或以 & 或 | 串接的命令"
        author = "secwatch"
        date = "2026-11-24"
        version = "1.0"
        severity = "high"
        confidence = 75
        aspect = "info"
        attack = "T1204.002, T1547.009"
        false_positives = "Shortcuts of administrators to scripts; installers that put a page on the desktop"
        false_positives_zh = "管理员指向脚本的快捷方式；在桌面放置网页的安装程序"
        response_zh = "不要双击；查明该快捷方式来自哪封邮件、压缩包或移动介质；隔离打开过它的主机，检查其启动的进程和下载的文件。"
        response_en = "Do not open it; find the mail, archive or removable medium it came with; isolate the hosts that opened it and check what they started and downloaded"
        reference = "https://attack.mitre.org/techniques/T1204/002/"
        licence = "MIT"

    strings:
        $interpreter = /(powershell|pwsh|cmd\.exe|mshta|wscript|cscript|rundll32|regsvr32|msiexec|certutil|bitsadmin|forfiles|conhost|hh\.exe|wmic|curl\.exe|ssh\.exe)/ nocase ascii wide
        $hidden = /(-w[a-z]{0,11}\s{1,4}["']?(hidden|hid\b|minimized|1\b)|\/min\b|windowstyle\s{1,4}(hidden|minimized))/ nocase ascii wide
        $encoded_short = /( -e | \/e |"-e )["']?[a-z0-9+\/]{32}/ nocase ascii wide
        $encoded_long = /( -| \/|"-)(ec|en|enc[a-z]{0,12}) {1,4}["']?[a-z0-9+\/]{32}/ nocase ascii wide
        $encoded_text = "frombase64string" nocase ascii wide
        $evaluated = /\b(iex|invoke-expression|downloadstring|downloadfile|invoke-webrequest|iwr|irm|javascript:|vbscript:)/ nocase ascii wide
        $address = /(https?:\/\/|\\\\[a-z0-9.\-]{3,60}@(ssl|\d{2,5})\\)/ nocase ascii wide
        $temporary = /(%temp%|%tmp%|\$env:temp|%appdata%|\$env:appdata|%public%|\\users\\public\\|\\appdata\\local\\temp\\)/ nocase ascii wide
        $chained = /(\/c |\/k |\/c"|\/k")[^\x0d\x0a]{0,200}[^^][&|]/ nocase ascii wide

    condition:
        uint32(0) == 0x0000004C and uint32(4) == 0x00021401 and filesize < 32MB and $interpreter and
        (
            uint32(60) == 7 or  // the header's ShowCommand: minimised
            any of ($hidden, $encoded_*, $evaluated, $address, $temporary, $chained)
        )
}
