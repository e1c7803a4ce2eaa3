/*
    A page has no business with processes: reading the request and starting one in the same page
    is the trait. Only pages with scriptlets are meant, not servlets or libraries.
*/
rule jsp_command_shell
{
    meta:
        title_zh = "JSP 网页后门：执行访问者给出的系统命令"
        title_en = "JSP web shell: runs a command that the visitor names"
        description = "A JSP or JSPX page that reads the request (parameter, header, cookie or body) and starts an operating system process, by Runtime, ProcessBuilder or reflection on either"
        description_zh = "JSP 或 JSPX 页面读取请求（参数、请求头、Cookie 或正文），并通过 Runtime、ProcessBuilder 或对二者的反射启动操作系统进程"
        author = "secwatch"
        date = "2026-11-24"
        version = "1.0"
        severity = "critical"
        confidence = 80
        aspect = "info"
        attack = "T1505.003, T1059"
        false_positives = "Administration pages of old Java applications; teaching material on web security"
        false_positives_zh = "旧 Java 应用的管理页面；网络安全教学材料"
        response_zh = "立即隔离该网站主机并保留样本与访问日志；按文件时间查找首次访问者和其它后门；从匹配前的干净快照恢复网站目录，修补漏洞后再上线。"
        response_en = "Isolate the web server, keep the file and the access logs; look for its first visitor and for other shells around the file's time; restore the site from an older, clean snapshot, close the hole, then go online again"
        reference = "https://attack.mitre.org/techniques/T1505/003/"
        licence = "MIT"

    strings:
        $input = /\brequest\s{0,4}\.\s{0,4}(getParameter|getParameterValues|getHeader|getQueryString|getCookies|getInputStream|getReader|getPart)\s{0,4}\(/
        $runtime = /\bgetRuntime\s{0,4}\(\s{0,4}\)\s{0,4}\.\s{0,4}exec\s{0,4}\(/
        $runtime_held = /\bRuntime\s{1,8}[A-Za-z_][A-Za-z0-9_]{0,32}\s{0,4}=\s{0,4}(java\.lang\.)?Runtime\s{0,4}\.\s{0,4}getRuntime\s{0,4}\(/
        $held_exec = /\.\s{0,4}exec\s{0,4}\(/
        $builder = /\bnew\s{1,8}(java\.lang\.)?ProcessBuilder\s{0,4}\(/
        $reflected = /["'](java\.lang\.)(Runtime|ProcessBuilder|ProcessImpl|UNIXProcess)["']/
        $scriptlet = /<jsp:(scriptlet|declaration|expression)[\s>]/

    condition:
        filesize < 1MB and $input and (any of ($runtime, $builder, $reflected) or ($runtime_held and $held_exec)) and
        (
            $scriptlet or
            for any position in (0 .. 65535) : (uint16(position) == 0x253C)  // <%
        )
}
