/*
    Tools that come signed with Windows and are not stopped by allow lists. Each has an honest
    use which does not look like this.
*/
rule windows_tool_download
{
    meta:
        title_zh = "用系统自带工具下载或运行代码的命令"
        title_en = "Windows tool used to download or run code"
        description = "A command line that has certutil, bitsadmin, mshta, regsvr32, rundll32 or msiexec fetch or run something from a web address, run inline script, or that has certutil decode a file and then starts it"
        description_zh = "命令行用 certutil、bitsadmin、mshta、regsvr32、rundll32 或 msiexec 从网址获取或运行内容，运行内联脚本，或用 certutil 解码文件后启动"
        author = "secwatch"
        date = "2026-11-24"
        version = "1.0"
        severity = "high"
        confidence = 75
        aspect = "info"
        attack = "T1218, T1105, T1140"
        false_positives = "Detection rules that quote the commands; installation by msiexec from an internal web server in quiet mode"
        false_positives_zh = "引用这些命令的检测规则；用 msiexec 从内部网站静默安装软件"
        response_zh = "不要运行；查明来源邮件或网址并封禁；在流量记录中查找其下载地址，隔离运行过它的主机。"
        response_en = "Do not run it; find the mail or address it came from and block it; find its download address in the traffic records and isolate the hosts that ran it"
        reference = "https://attack.mitre.org/techniques/T1218/"
        licence = "MIT"

    strings:
        $certutil = /\bcertutil(\.exe)?["']?\s[^\r\n\x00]{0,80}[\-\/](urlcache|verifyctl|url)\b[^\r\n\x00]{0,100}(https?|ftp):\/\// nocase ascii wide
        $decoded = /\bcertutil(\.exe)?["']?\s[^\r\n\x00]{0,40}[\-\/]decode(hex)?\s[^\r\n\x00]{1,200}(\.exe|\.dll|\.bat|\.cmd|\.js|\.vbs|\.hta|\.ps1|\.scr|\.msi)\b[^\x00]{1,200}\b(start|rundll32|regsvr32|call|powershell|wscript|cscript|mshta|cmd|msiexec)\b/ nocase ascii wide
        $decoded_run = /\bcertutil(\.exe)?["']?\s[^\r\n\x00]{0,40}[\-\/]decode(hex)?\s[^\r\n\x00]{1,200}\.(exe|bat|cmd|scr|js|vbs|hta|msi)\b[^\r\n\x00&]{0,40}(&{1,2}|\r?\n)\s{0,8}["']?[^\s&"'\x00]{1,100}\.(exe|bat|cmd|scr|js|vbs|hta|msi)\b/ nocase ascii wide
        $bits = /\bbitsadmin(\.exe)?["']?\s[^\r\n\x00]{0,80}\/(transfer|addfile)\b[^\r\n\x00]{0,160}(https?|ftp):\/\// nocase ascii wide
        $mshta = /\bmshta(\.exe)?["']?\s{1,8}["']?(https?:|javascript:|vbscript:|about:|\\\\)/ nocase ascii wide
        $regsvr = /\bregsvr32(\.exe)?["']?\s[^\r\n\x00]{0,80}\/i:\s{0,2}["']?(https?|ftp):\/\// nocase ascii wide
        $rundll = /\brundll32(\.exe)?["']?\s{1,8}["']?(javascript:|vbscript:|url\.dll[^\r\n]{0,40}https?:|\\\\[0-9]{1,3}\.[0-9]{1,3}\.|\\\\[a-z0-9.\-]{3,60}@)/ nocase ascii wide
        $msiexec = /\bmsiexec(\.exe)?["']?\s[^\r\n\x00]{0,40}(\/q[nb]?\b[^\r\n\x00]{0,60}https?:\/\/|https?:\/\/[^\r\n\x00]{1,160}\/q[nb]?\b)/ nocase ascii wide

    condition:
        filesize < 4MB and any of them
}
