/*
    VBA source is compressed within a document, but Office keeps the names and the literals of a
    project readable beside it. A document saved by other means may lack them.
*/
rule office_macro_autostart
{
    meta:
        title_zh = "打开即运行并启动程序或下载的宏"
        title_en = "Macro that starts by itself and runs or downloads something"
        description = "An OLE file with a VBA project that names, readably, a procedure run when the document is opened or closed and a means of starting programs, downloading files or running code in memory"
        description_zh = "含有 VBA 工程的 OLE 文件，可读地出现随文档打开或关闭而运行的过程名，并出现启动程序、下载文件或在内存中执行代码的手段"
        author = "secwatch"
        date = "2026-11-24"
        version = "1.0"
        severity = "high"
        confidence = 65
        aspect = "info"
        attack = "T1204.002, T1059.005"
        false_positives = "Business documents with macros that start other programs"
        false_positives_zh = "带有启动其他程序的宏的业务文档"
        response_zh = "不要打开该文档；查明来源邮件和收件人并撤回；询问是否有人启用过宏，对打开过它的主机隔离检查。"
        response_en = "Do not open the document; find the mail that brought it and everybody who got it, and recall it; ask who opened it or allowed its macros, and isolate and examine those hosts"
        reference = "https://attack.mitre.org/techniques/T1204/002/"
        licence = "MIT"

    strings:
        $project = "_VBA_PROJECT" wide
        $source = { 41 74 74 72 69 62 75 74 (00 65 | 65) 20 }  // "Attribute ", whole or as the compression cuts it
        $auto = /\b(auto_?open|auto_?close|auto_?exec|auto_?new|auto_?exit|document_?open|document_?close|document_?new|document_beforeclose|workbook_?open|workbook_?activate|workbook_(before)?close|presentation_?open|slideshowbegin)\b/ nocase ascii wide
        $act_shell = /\b(wscript\.shell|shell\.application|shellexecute[aw]?|win32_process|winexec|createprocess[aw]?)\b/ nocase ascii wide
        $act_call = /\bshell\b\s{0,2}[\x00-\x20("]/ nocase ascii
        $act_download = /\b(urldownloadtofile[aw]?|msxml2\.(server)?xmlhttp|microsoft\.xmlhttp|winhttp\.winhttprequest|adodb\.stream|internetopenurl[aw]?)\b/ nocase ascii wide
        $act_program = /\b(powershell|mshta|certutil|bitsadmin|regsvr32|rundll32|cmd(\.exe)?\s{1,2}\/c)\b/ nocase ascii wide
        $act_memory = /\b(virtualalloc(ex)?|rtlmovememory|createremotethread|enumsystemlocales[aw]?|heapcreate)\b/ nocase ascii wide

    condition:
        uint32(0) == 0xE011CFD0 and filesize < 32MB and any of ($project, $source) and $auto and any of ($act_*)
}
