/*
    Three traits in one page: input of the visitor, a process, its output. Any two of them are
    found in honest pages.
*/
rule aspx_process_shell
{
    meta:
        title_zh = "ASP 网页后门：执行命令并返回结果"
        title_en = "ASP web shell: runs commands and returns their output"
        description = "A classic ASP or ASP.NET page that takes a request value or a text box, starts a process (System.Diagnostics.Process, or WScript.Shell run or exec) and reads the process's output"
        description_zh = "ASP 或 ASP.NET 页面取得请求值或文本框内容，启动进程（System.Diagnostics.Process，或 WScript.Shell 的 run、exec），并读取其输出"
        author = "secwatch"
        date = "2026-11-24"
        version = "1.0"
        severity = "critical"
        confidence = 80
        aspect = "info"
        attack = "T1505.003, T1059.003"
        false_positives = "Administration consoles of old intranet applications"
        false_positives_zh = "旧内网应用的管理控制台"
        response_zh = "立即隔离该网站主机并保留样本与访问日志；按文件时间查找首次访问者和其它后门；从匹配前的干净快照恢复网站目录，修补漏洞后再上线。"
        response_en = "Isolate the web server, keep the file and the access logs; look for its first visitor and for other shells around the file's time; restore the site from an older, clean snapshot, close the hole, then go online again"
        reference = "https://attack.mitre.org/techniques/T1505/003/"
        licence = "MIT"

    strings:
        $request = /\brequest\s{0,2}(\.\s{0,2}(form|querystring|params|headers|cookies|item)\s{0,2})?[\[(]/ nocase
        $box = /<(asp:textbox|input|textarea)\s[^>]{0,200}runat\s{0,2}=\s{0,2}["']?server/ nocase
        $process = /\b(ProcessStartInfo|Process\s{0,2}\.\s{0,2}Start\s{0,2}\(|new\s{1,4}(System\.Diagnostics\.)?Process\s{0,2}\()/ nocase
        $output = /\b(RedirectStandardOutput|StandardOutput\s{0,2}\.\s{0,2}Read)/ nocase
        $object = /createobject\s{0,2}\(\s{0,2}["']wscript\.shell["']/ nocase
        $object_output = /\.\s{0,2}(stdout\s{0,2}\.\s{0,2}read|exec\s{0,2}\([^)\r\n]{1,200}\)\s{0,2}\.\s{0,2}stdout)/ nocase
        $object_file = /\.\s{0,2}run\s{0,2}[( ][^\r\n]{0,200}>[^\r\n]{0,200}/ nocase
        $opened = /\bopentextfile\s{0,2}\(/ nocase
        $scriptlet = /<script[^>]{1,100}runat\s{0,2}=\s{0,2}["']?server/ nocase

    condition:
        filesize < 1MB and any of ($request, $box) and
         (($process and $output) or ($object and ($object_output or ($object_file and $opened)))) and
         (
             $scriptlet or
             for any position in (0 .. 65535) : (uint16(position) == 0x253C)  // <%
         )
}
