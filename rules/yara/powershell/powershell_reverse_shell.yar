/*
    A client for TCP alone is a port test; one whose input is evaluated and whose outcome goes
    back is a shell for somebody else.
*/
rule powershell_reverse_shell
{
    meta:
        title_zh = "PowerShell 反向连接的命令行"
        title_en = "PowerShell that connects out and obeys"
        description = "PowerShell code that opens a TCP connection as client, reads from its stream, evaluates what was read or feeds it to a started process, and writes the outcome back to the stream"
        description_zh = "PowerShell 代码以客户端身份建立 TCP 连接，从数据流中读取内容并执行或交给所启动的进程，再把结果写回数据流"
        author = "secwatch"
        date = "2026-11-24"
        version = "1.0"
        severity = "critical"
        confidence = 85
        aspect = "info"
        attack = "T1059.001, T1571"
        false_positives = "Teaching material; remote support scripts of one's own making"
        false_positives_zh = "教学材料；自行编写的远程支持脚本"
        response_zh = "读出该命令的下载地址或连接对象，在流量记录中查找并封禁；隔离运行过它的主机，检查计划任务、启动项和 PowerShell 日志。"
        response_en = "Read the addresses it loads from or connects to, find them in the traffic records and block them; isolate the host that ran it and check its scheduled tasks, autostart entries and PowerShell logs"
        reference = "https://attack.mitre.org/techniques/T1059/001/"
        licence = "MIT"

    strings:
        $client = /(new-object\s[^\r\n]{0,40}|\[(system\.)?)net\.sockets\.tcpclient\b/ nocase ascii wide
        $stream = /\.getstream\s{0,2}\(/ nocase ascii wide
        $read = /(\.read(line|toend|async)?\s{0,2}\(|\.dataavailable\b)/ nocase ascii wide
        $evaluate = /\b(iex|invoke-expression|invoke-command)\b|\[scriptblock\]::create/ nocase ascii wide
        $process = /(redirectstandardinput|\.standardinput\.write)/ nocase ascii wide
        $write = /\.write(line|async)?\s{0,2}\(/ nocase ascii wide

    condition:
        filesize < 1MB and uint16(0) != 0x5A4D and $client and $stream and $read and $write and ($evaluate or $process)
}
