/*
    Execute is also a method of database connections: where a point stands before the word, it
    is not the evaluator. Characters of SQL (equals, star) are not allowed between the two
    words.
*/
rule asp_request_evaluated
{
    meta:
        title_zh = "ASP 网页后门：直接执行访问者提交的内容"
        title_en = "ASP web shell: evaluates what the visitor sends"
        description = "A classic ASP or ASP.NET page that hands a request value, directly or inside decoding calls, to eval, Execute or ExecuteGlobal"
        description_zh = "ASP 或 ASP.NET 页面把请求中的值直接或经解码函数交给 eval、Execute 或 ExecuteGlobal 执行"
        author = "secwatch"
        date = "2026-11-24"
        version = "1.0"
        severity = "critical"
        confidence = 85
        aspect = "info"
        attack = "T1505.003"
        false_positives = "Teaching material on web security kept as pages"
        false_positives_zh = "以网页形式保存的网络安全教学材料"
        response_zh = "立即隔离该网站主机并保留样本与访问日志；按文件时间查找首次访问者和其它后门；从匹配前的干净快照恢复网站目录，修补漏洞后再上线。"
        response_en = "Isolate the web server, keep the file and the access logs; look for its first visitor and for other shells around the file's time; restore the site from an older, clean snapshot, close the hole, then go online again"
        reference = "https://attack.mitre.org/techniques/T1505/003/"
        licence = "MIT"

    strings:
        $evaluated = /[^.\w](eval|execute|executeglobal)\s{0,4}\(?[\w.\s"',&()+\-]{0,160}[^\w]request\s{0,4}(\.\s{0,4}(item|form|querystring|cookies|params|headers|servervariables|binaryread)\s{0,4})?[\[(]/ nocase
        $direct = /[^.\w](eval|execute|executeglobal)[\s(]{1,8}request\s{0,4}(\.\s{0,4}(item|form|querystring|cookies|params|headers|servervariables)\s{0,4})?[\[(]/ nocase
        $scriptlet = /<script[^>]{1,100}runat\s{0,2}=\s{0,2}["']?server/ nocase

    condition:
        filesize < 1MB and any of ($evaluated, $direct) and
         (
             $scriptlet or
             for any position in (0 .. 65535) : (uint16(position) == 0x253C)  // <%
         )
}
