/*
    The same as in a document, where an analyst, a mail gateway or the scanner itself has taken
    the source out of it.
*/
rule vba_source_autostart
{
    meta:
        title_zh = "自动运行并启动程序或下载的 VBA 代码"
        title_en = "VBA source that starts by itself and runs or downloads something"
        description = "VBA source text that defines a procedure run when the document is opened or closed and starts a program, downloads a file, or declares a function to run code in memory"
        description_zh = "VBA 源代码文本中定义了随文档打开或关闭而运行的过程，并启动程序、下载文件，或声明用于在内存中执行代码的函数"
        author = "secwatch"
        date = "2026-11-24"
        version = "1.0"
        severity = "high"
        confidence = 75
        aspect = "info"
        attack = "T1204.002, T1059.005"
        false_positives = "Source of business macros that start other programs"
        false_positives_zh = "启动其他程序的业务宏的源代码"
        response_zh = "不要打开该文档；查明来源邮件和收件人并撤回；询问是否有人启用过宏，对打开过它的主机隔离检查。"
        response_en = "Do not open the document; find the mail that brought it and everybody who got it, and recall it; ask who opened it or allowed its macros, and isolate and examine those hosts"
        reference = "https://attack.mitre.org/techniques/T1204/002/"
        licence = "MIT"

    strings:
        $auto = /\b(sub|function)\s{1,4}(auto_?open|auto_?close|auto_?exec|auto_?new|auto_?exit|document_?open|document_?close|document_?new|document_beforeclose|workbook_?open|workbook_?activate|workbook_(before)?close|presentation_?open|slideshowbegin)\s{0,4}\(/ nocase ascii wide
        $act_shell = /\b(createobject|getobject)\s{0,2}\(\s{0,2}"(wscript\.shell|shell\.application|winmgmts:[^"\r\n]{0,80}|new:[^"\r\n]{0,60})"/ nocase ascii wide
        $act_call = /(=|\bcall\b|\bthen\b|[\r\n:]|vba\.|interaction\.)[ \t]{0,16}shell[ \t]{0,4}[(" ][ \t]{0,4}["a-z(]/ nocase ascii wide
        $act_declared = /\bdeclare\s{1,4}(ptrsafe\s{1,4})?(function|sub)\s[^\r\n]{0,80}(lib)\s{1,4}"(urlmon|wininet|winhttp|shell32|kernel32|ntdll)(\.dll)?"/ nocase ascii wide
        $act_download = /\b(createobject)\s{0,2}\(\s{0,2}"(msxml2\.(server)?xmlhttp|microsoft\.xmlhttp|winhttp\.winhttprequest)[^"\r\n]{0,16}"/ nocase ascii wide

    condition:
        uint32(0) != 0xE011CFD0 and filesize < 2MB and $auto and any of ($act_*)
}
