/*
    PowerShell started with a command that is encoded (-EncodedCommand or any shortening of it)
    and that fetches something from the network once it is decoded. The encoding is Base64 over
    UTF-16LE, so the words are looked for in that form, in the three alignments that YARA knows.
    Base64 hides the case of letters from `nocase`: hence the usual spellings one by one.
*/
rule powershell_encoded_download
{
    meta:
        title_zh = "经编码的 PowerShell 下载执行命令"
        title_en = "Encoded PowerShell command that downloads"
        description_zh = "带编码命令的 PowerShell 命令行，解码后从网络下载内容"
        description = "A PowerShell command line with an encoded command that, decoded, downloads from the network"
        author = "secwatch"
        date = "2026-11-23"
        version = "1.0"
        severity = "high"
        confidence = 80
        aspect = "info"
        attack = "T1059.001, T1027.010, T1105"
        false_positives_zh = "以这种方式封装安装程序的软件分发和远程管理工具"
        false_positives = "Software distribution and remote management tools that wrap their installers this way"
        response_zh = "解码该命令，查看下载地址；在流量记录中查找访问过该地址的主机并封禁；隔离运行过该命令的主机，检查计划任务和启动项。"
        response_en = "Decode the command and read the address; find and block every host that asked for it; isolate the host that ran it and check its scheduled tasks and autostart entries"
        reference = "https://attack.mitre.org/techniques/T1059/001/"
        licence = "MIT"

    strings:
        // The name of the program, at most 400 characters of options or markup, -e… and the start of the code.
        $start = /(powershell|pwsh)[^\x00]{0,400}[\s"'>][\/-]e(c|n[a-z]{0,12})?[\s"']{1,8}[a-z0-9+\/]{40}/ nocase ascii wide

        $download_1 = "DownloadString" wide base64 base64wide
        $download_2 = "DownloadFile" wide base64 base64wide
        $download_3 = "DownloadData" wide base64 base64wide
        $download_4 = "downloadstring" wide base64 base64wide
        $download_5 = "downloadfile" wide base64 base64wide
        $download_6 = "Invoke-WebRequest" wide base64 base64wide
        $download_7 = "invoke-webrequest" wide base64 base64wide
        $download_8 = "Invoke-RestMethod" wide base64 base64wide
        $download_9 = "Start-BitsTransfer" wide base64 base64wide
        $download_10 = "Net.WebClient" wide base64 base64wide
        $download_11 = "net.webclient" wide base64 base64wide
        $download_12 = "Net.Http.HttpClient" wide base64 base64wide

    condition:
        filesize < 16MB and
        // The download stands in the command that was started, not somewhere else in the file.
        for any place in (1 .. #start) : (
            for any of ($download*) : ($ in (@start[place] .. @start[place] + 32768))
        )
}
