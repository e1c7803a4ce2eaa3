/*
    Well-known installers are started the same way, over HTTPS from a name and in a visible
    window: these must not be found.
*/
rule powershell_download_cradle
{
    meta:
        title_zh = "PowerShell 下载后直接执行"
        title_en = "PowerShell that runs what it downloads"
        description = "A PowerShell statement in one line that evaluates what it downloads, and is started with a hidden window, or fetches over plain HTTP or from a bare IPv4 address"
        description_zh = "同一行 PowerShell 语句直接执行下载的内容，并且以隐藏窗口启动，或经明文 HTTP、或从裸 IPv4 地址下载"
        author = "secwatch"
        date = "2026-11-24"
        version = "1.0"
        severity = "high"
        confidence = 80
        aspect = "info"
        attack = "T1059.001, T1105"
        false_positives = "Installers that are still offered over plain HTTP; notes of administrators"
        false_positives_zh = "仍经明文 HTTP 提供的安装程序；管理员的笔记"
        response_zh = "读出该命令的下载地址或连接对象，在流量记录中查找并封禁；隔离运行过它的主机，检查计划任务、启动项和 PowerShell 日志。"
        response_en = "Read the addresses it loads from or connects to, find them in the traffic records and block them; isolate the host that ran it and check its scheduled tasks, autostart entries and PowerShell logs"
        reference = "https://attack.mitre.org/techniques/T1059/001/"
        licence = "MIT"

    strings:
        $plain = /(\b(iex|invoke-expression)\b|\[scriptblock\]::create)[^\r\n]{0,200}(downloadstring|downloaddata|\biwr\b|\birm\b|invoke-webrequest|invoke-restmethod|\bwget\b|\bcurl\b)[^\r\n]{0,160}(http:\/\/|https:\/\/\d{1,3}\.\d{1,3}\.)/ nocase ascii wide
        $plain_piped = /(downloadstring|downloaddata|\biwr\b|\birm\b|invoke-webrequest|invoke-restmethod|\bwget\b|\bcurl\b)[^\r\n]{0,160}(http:\/\/|https:\/\/\d{1,3}\.\d{1,3}\.)[^\r\n]{0,300}\|\s{0,4}(iex|invoke-expression)\b/ nocase ascii wide
        $plain_method = /(http:\/\/|https:\/\/\d{1,3}\.\d{1,3}\.)[^\r\n]{0,300}\b(iex|invoke-expression)\b[^\r\n]{0,60}\b(downloadstring|downloaddata)/ nocase ascii wide
        $plain_object = /(xmlhttp|winhttprequest)[^\r\n]{0,200}(http:\/\/|https:\/\/\d{1,3}\.\d{1,3}\.)[^\r\n]{0,300}\b(iex|invoke-expression)\b[^\r\n]{0,60}\bresponse(text|body)/ nocase ascii wide
        $hidden = /-w(i|in|ind|indo|indow|indows|indowst|indowsty|indowstyl|indowstyle)?\s{1,4}["']?(hidden|hid|h|1)\b[^\r\n]{0,400}(\b(iex|invoke-expression)\b|\[scriptblock\]::create)[^\r\n]{0,200}(responsetext|downloadstring|downloaddata|\biwr\b|\birm\b|invoke-webrequest|invoke-restmethod|\bwget\b|\bcurl\b)/ nocase ascii wide
        $hidden_piped = /-w(i|in|ind|indo|indow|indows|indowst|indowsty|indowstyl|indowstyle)?\s{1,4}["']?(hidden|hid|h|1)\b[^\r\n]{0,400}(downloadstring|downloaddata|\biwr\b|\birm\b|invoke-webrequest|invoke-restmethod|\bwget\b|\bcurl\b)[^\r\n]{0,300}\|\s{0,4}(iex|invoke-expression)\b/ nocase ascii wide

    condition:
        filesize < 4MB and any of them
}
