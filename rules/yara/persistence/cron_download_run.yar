/*
    A job that fetches a page to start something on a web server is common and pipes nothing
    into a shell. Running what comes from the network every few minutes is how miners stay.
*/
rule cron_download_run
{
    meta:
        title_zh = "计划任务下载并执行代码"
        title_en = "Cron job that downloads and runs code"
        description = "A cron entry (schedule of five fields or @word) that hands what it downloads to an interpreter, makes it executable or runs it, or that runs a decoded literal, in one line"
        description_zh = "cron 条目（五个时间字段或 @ 词）在同一行内下载内容并交给解释器、赋予可执行权限或运行，或运行解码后的字面量"
        author = "secwatch"
        date = "2026-11-24"
        version = "1.0"
        severity = "critical"
        confidence = 80
        aspect = "info"
        attack = "T1053.003, T1105"
        false_positives = "Self-updating scripts of administrators; installers of agents that fetch themselves anew"
        false_positives_zh = "管理员编写的自动更新脚本；重新下载自身的代理安装程序"
        response_zh = "停用该启动项并保留副本；查明写入时间和帐户；检查同一时间修改的其它文件、任务和密钥，从匹配前的干净快照恢复。"
        response_en = "Disable the entry and keep a copy; find out when and by which account it was written; check what else changed at that time, then restore from an older, clean snapshot"
        reference = "https://attack.mitre.org/techniques/T1053/003/"
        licence = "MIT"

    strings:
        $download = /(@(reboot|hourly|daily|weekly|monthly|yearly|annually|midnight)|[0-9*][0-9*,\/-]{0,24}([ \t]{1,8}[0-9*][0-9*,\/-]{0,24}){2}([ \t]{1,8}[0-9a-z*][0-9a-z*,\/-]{0,24}){2})[ \t]{1,8}[^\r\n]{0,200}\b(curl|wget|fetch|lwp-download)\s[^\r\n]{4,400}(\|\s{0,4}(sudo\s{1,4}|nohup\s{1,4}|exec\s{1,4})?(\/[a-z\/]{1,16}\/)?(env\s{1,4})?((ba|z|k|da|a)?sh|python[0-9.]{0,4}|perl|php|ruby)\b|[;&]\s{0,4}(sudo\s{1,4}|nohup\s{1,4})?(chmod\s|(\/bin\/)?(ba|da|z)?sh\s|\.\/|\/(tmp|var\/tmp|dev\/shm)\/))/ nocase
        $substituted = /(@(reboot|hourly|daily|weekly|monthly|yearly|annually|midnight)|[0-9*][0-9*,\/-]{0,24}([ \t]{1,8}[0-9*][0-9*,\/-]{0,24}){2}([ \t]{1,8}[0-9a-z*][0-9a-z*,\/-]{0,24}){2})[ \t]{1,8}[^\r\n]{0,200}((ba|z|k|da)?sh|eval|source|python[0-9.]{0,4})\s[^\r\n]{0,16}(<\(|\$\(|`)\s{0,4}(curl|wget|fetch)\s/ nocase
        $decoded = /(@(reboot|hourly|daily|weekly|monthly|yearly|annually|midnight)|[0-9*][0-9*,\/-]{0,24}([ \t]{1,8}[0-9*][0-9*,\/-]{0,24}){2}([ \t]{1,8}[0-9a-z*][0-9a-z*,\/-]{0,24}){2})[ \t]{1,8}[^\r\n]{0,400}\bbase64\s{1,4}(-d|-D|--decode)[^\r\n]{0,60}\|\s{0,4}(sudo\s{1,4}|nohup\s{1,4}|exec\s{1,4})?(\/[a-z\/]{1,16}\/)?(env\s{1,4})?((ba|z|k|da|a)?sh|python[0-9.]{0,4}|perl|php|ruby)\b/ nocase
        $evaluated = /(@(reboot|hourly|daily|weekly|monthly|yearly|annually|midnight)|[0-9*][0-9*,\/-]{0,24}([ \t]{1,8}[0-9*][0-9*,\/-]{0,24}){2}([ \t]{1,8}[0-9a-z*][0-9a-z*,\/-]{0,24}){2})[ \t]{1,8}[^\r\n]{0,80}\b(python[0-9.]{0,4}|perl|php|ruby)\s[^\r\n]{1,200}\b(exec|eval)\b[^\r\n]{0,40}(\burlopen|requests\.get|file_get_contents|URI\.open|Net::HTTP|\bget)\b[^\r\n]{0,40}(https?|ftp):\/\// nocase

    condition:
        filesize < 1MB and any of them
}
