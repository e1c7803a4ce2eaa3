/*
    Three objects of Windows do the three steps of a dropper. Any two of them are found in the
    scripts of administrators.
*/
rule wsh_dropper
{
    meta:
        title_zh = "下载文件并运行的 Windows 脚本"
        title_en = "Windows script that downloads a file and runs it"
        description = "A script for Windows Script Host that downloads by an HTTP object, writes what it got to a file through a stream or file object, and starts a program by the shell object or process management"
        description_zh = "Windows 脚本（JScript、VBScript、WSF）用 HTTP 对象下载，经流对象或文件对象写入文件，并用 shell 对象或进程管理启动程序"
        author = "secwatch"
        date = "2026-11-24"
        version = "1.0"
        severity = "high"
        confidence = 80
        aspect = "info"
        attack = "T1059.005, T1059.007, T1105"
        false_positives = "Logon scripts of administrators that fetch and install software"
        false_positives_zh = "管理员用于下载并安装软件的登录脚本"
        response_zh = "不要运行；查明来源邮件或网址并封禁；在流量记录中查找其下载地址，隔离运行过它的主机。"
        response_en = "Do not run it; find the mail or address it came from and block it; find its download address in the traffic records and isolate the hosts that ran it"
        reference = "https://attack.mitre.org/techniques/T1059/005/"
        licence = "MIT"

    strings:
        $fetch = /\b(msxml2\.(server)?xmlhttp|microsoft\.xmlhttp|winhttp\.winhttprequest)/ nocase ascii wide
        $store_stream = /\badodb\.stream\b/ nocase ascii wide
        $store_save = /\.\s{0,2}savetofile\b/ nocase ascii wide
        $store_file = /\bscripting\.filesystemobject\b/ nocase ascii wide
        $store_write = /\.\s{0,2}(createtextfile|opentextfile)\b/ nocase ascii wide
        $run_shell = /\b(wscript\.shell|shell\.application)\b/ nocase ascii wide
        $run_call = /\.\s{0,2}(run|exec|shellexecute)\b\s{0,2}[("' a-z]/ nocase ascii wide
        $run_process = /win32_process\b/ nocase ascii wide
        $run_create = /\.\s{0,2}create\s{0,2}[( ]/ nocase ascii wide
        $script = /\b(createobject|activexobject)\s{0,4}\(/ nocase ascii wide

    condition:
        filesize < 4MB and uint16(0) != 0x5A4D and uint32(0) != 0xE011CFD0 and $script and $fetch and
        (($store_stream and $store_save) or ($store_file and $store_write)) and
        (($run_shell and $run_call) or ($run_process and $run_create))
}
