/*
    An HTML application is a program with all rights of its user. Tools show a window; a
    launcher does its one thing and gets rid of the window.
*/
rule hta_launcher
{
    meta:
        title_zh = "隐藏运行并启动命令的 HTML 应用"
        title_en = "HTML application that hides and starts a command"
        description = "An HTML application or page whose script starts a command by the shell object or process management and hides: by closing, shrinking or moving its window away, by having no window or task bar entry, or by starting the command with window style 0"
        description_zh = "HTML 应用或页面，其脚本用 shell 对象或进程管理启动命令，并加以隐藏：关闭、缩小或移走窗口，没有窗口或任务栏项，或以窗口样式 0 启动命令"
        author = "secwatch"
        date = "2026-11-24"
        version = "1.0"
        severity = "high"
        confidence = 80
        aspect = "info"
        attack = "T1218.005, T1204.002"
        false_positives = "Small administration tools written as HTML applications"
        false_positives_zh = "写成 HTML 应用的小型管理工具"
        response_zh = "不要运行；查明来源邮件或网址并封禁；在流量记录中查找其下载地址，隔离运行过它的主机。"
        response_en = "Do not run it; find the mail or address it came from and block it; find its download address in the traffic records and isolate the hosts that ran it"
        reference = "https://attack.mitre.org/techniques/T1218/005/"
        licence = "MIT"

    strings:
        $page = /<(html|script|hta:application|head|body)[\s>]/ nocase ascii wide
        $wsf = /<(job|package)[\s>]/ nocase ascii wide  // a script of Windows Script Host is no page
        $start_shell = /\b(activexobject|createobject)\s{0,4}\(\s{0,4}["'](wscript\.shell|shell\.application)["']/ nocase ascii wide
        $start_process = /win32_process\b/ nocase ascii wide
        $run = /\.\s{0,2}(run|exec|shellexecute|create)\b\s{0,2}[("' ]/ nocase ascii wide
        $hide_close = /\b(window|self)\s{0,2}\.\s{0,2}close\b/ nocase ascii wide
        $hide_close_2 = /[\s;:>{]close\s{0,2}(\(\s{0,2}\)|[\r\n])/ nocase ascii wide
        $hide_size = /\bresizeto\s{0,2}[( ]\s{0,2}[01]\s{0,2},\s{0,2}[01]\b/ nocase ascii wide
        $hide_move = /\bmoveto\s{0,2}[( ]\s{0,2}-\d{2,6}/ nocase ascii wide
        $hide_bar = /\b(showintaskbar\s{0,2}=\s{0,2}["']?no|windowstate\s{0,2}=\s{0,2}["']?minimize|caption\s{0,2}=\s{0,2}["']?no\b)/ nocase ascii wide
        $hide_style = /\.\s{0,2}run\b[^\r\n]{1,400},\s{0,2}(0|vbhide)\s{0,2}([,);\r\n:]|$)/ nocase ascii wide
        $hide_execute = /\.\s{0,2}shellexecute\b[^\r\n]{1,400},\s{0,2}0\s{0,2}([,);\r\n:]|$)/ nocase ascii wide

    condition:
        filesize < 4MB and uint16(0) != 0x5A4D and $page and not $wsf in (0 .. 512) and any of ($start_*) and $run and any of ($hide_*)
}
