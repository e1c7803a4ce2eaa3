/*
    Rotating logs keeps a copy, and touches no history. Records of logins, system logs and
    history together are emptied by nobody who has to answer for them.
*/
rule log_wiper
{
    meta:
        title_zh = "清除日志和操作痕迹的脚本"
        title_en = "Script that erases logs and traces"
        description = "A script that on Linux empties, edits or deletes a record of logins (wtmp, btmp, lastlog, utmp) and another system log and erases or switches off a shell's history, or on Windows clears at least three event logs by name or all of them in a loop"
        description_zh = "脚本在 Linux 上清空、修改或删除登录记录（wtmp、btmp、lastlog、utmp）和另一种系统日志，并清除或关闭命令历史；或在 Windows 上按名清除至少三个事件日志，或循环清除全部"
        author = "secwatch"
        date = "2026-11-24"
        version = "1.0"
        severity = "high"
        confidence = 65
        aspect = "info"
        attack = "T1070.002, T1070.003, T1070.001"
        false_positives = "Scripts that prepare images of virtual machines clean up the same places"
        false_positives_zh = "制作虚拟机镜像的脚本会清理同样的位置"
        response_zh = "从日志服务器或备份取回被清除的日志；查明脚本由何人何时运行；在此之前的时间段查找入侵痕迹。"
        response_en = "Get the erased logs from the log server or a backup; find out who ran it and when; search the time before it for the intrusion it hides"
        reference = "https://attack.mitre.org/techniques/T1070/002/"
        licence = "MIT"

    strings:
        $record = /((:|cat\s{1,4}\/dev\/null|echo(\s{1,2}-n)?(\s{1,2}[\x22']{2})?|true|printf\s{1,2}[\x22']{2})?\s{0,4}>\|?\s{0,4}|truncate\s{1,4}(-s\s{0,2}0|--size[= ]0)\s{1,4}|shred\s[^\r\n;|]{0,30}|rm\s{1,4}(-[a-z]{1,4}\s{1,4}){0,2}|cp\s{1,4}\/dev\/null\s{1,4}|ln\s{1,4}-sf?n?\s{1,4}\/dev\/null\s{1,4}|dd\s{1,4}if=\/dev\/(null|zero)\s{1,4}of=|sed\s{1,4}-i[^\r\n;|]{1,80}\s|wipe\s{1,4}|srm\s{1,4})[\x22']?(\/var\/(log|run|adm)|\/run)\/(wtmp|btmp|lastlog|utmpx?|faillog|tallylog)\b/
        $log = /((:|cat\s{1,4}\/dev\/null|echo(\s{1,2}-n)?(\s{1,2}[\x22']{2})?|true|printf\s{1,2}[\x22']{2})?\s{0,4}>\|?\s{0,4}|truncate\s{1,4}(-s\s{0,2}0|--size[= ]0)\s{1,4}|shred\s[^\r\n;|]{0,30}|rm\s{1,4}(-[a-z]{1,4}\s{1,4}){0,2}|cp\s{1,4}\/dev\/null\s{1,4}|ln\s{1,4}-sf?n?\s{1,4}\/dev\/null\s{1,4}|dd\s{1,4}if=\/dev\/(null|zero)\s{1,4}of=|sed\s{1,4}-i[^\r\n;|]{1,80}\s|wipe\s{1,4}|srm\s{1,4})[\x22']?\/var\/log\/(secure|auth\.log|messages|syslog|cron|maillog|audit\/|kern\.log|daemon\.log|user\.log|apache2|httpd|nginx|journal|\*)/
        $listed = /\bfor\s[^\r\n]{1,120}(wtmp|btmp|lastlog)\b[^\r\n]{0,200}(secure|auth\.log|messages|syslog)\b[^\x00]{1,160}(>|truncate|shred|rm\s|cat\s{1,2}\/dev\/null)/
        $listed_back = /\bfor\s[^\r\n]{1,120}(secure|auth\.log|messages|syslog)\b[^\r\n]{0,200}(wtmp|btmp|lastlog)\b[^\x00]{1,160}(>|truncate|shred|rm\s|cat\s{1,2}\/dev\/null)/
        $history_1 = /(\bunset\s{1,4}HIST(FILE|SIZE|ORY)|\bHIST(FILE|SIZE|FILESIZE)\s{0,2}=\s{0,2}["']?(\/dev\/null|0)|\bhistory\s{1,4}-[a-z]{0,2}c|\bset\s{1,2}\+o\s{1,2}history|\bexport\s{1,2}HISTFILE=\s)/
        $history_2 = /((:|cat\s{1,4}\/dev\/null|echo(\s{1,2}-n)?(\s{1,2}[\x22']{2})?|true|printf\s{1,2}[\x22']{2})?\s{0,4}>\|?\s{0,4}|truncate\s{1,4}(-s\s{0,2}0|--size[= ]0)\s{1,4}|shred\s[^\r\n;|]{0,30}|rm\s{1,4}(-[a-z]{1,4}\s{1,4}){0,2}|cp\s{1,4}\/dev\/null\s{1,4}|ln\s{1,4}-sf?n?\s{1,4}\/dev\/null\s{1,4}|dd\s{1,4}if=\/dev\/(null|zero)\s{1,4}of=|sed\s{1,4}-i[^\r\n;|]{1,80}\s|wipe\s{1,4}|srm\s{1,4})[\x22']?[^\s;|]{0,60}\.(ba|z|a|mysql_|python_|k)?(sh_)?history\b/
        $windows_tool = /\bwevtutil(\.exe)?["']?\s{1,4}(cl|clear-log)\s{1,4}["']?[a-z]/ nocase ascii wide
        $windows_command = /\b(clear|remove|limit)-eventlog\s[^\r\n]{0,40}[a-z]/ nocase ascii wide
        $windows_several = /\b(clear|remove)-eventlog\s[^\r\n,]{1,40},[^\r\n,]{1,40},/ nocase ascii wide
        $windows_loop = /\b(wevtutil(\.exe)?["']?\s{1,4}(el|enum-logs)\b|get-(eventlog|winevent)\s{1,4}-(list|listlog))[\x00-\x7e]{1,300}(wevtutil(\.exe)?["']?\s{1,4}(cl|clear-log)|(clear|remove)-eventlog|\.clearlog\s{0,2}\()/ nocase

    condition:
        filesize < 1MB and
        (
            ((($record and $log) or any of ($listed*)) and any of ($history_*)) or
            #windows_tool + #windows_command >= 3 or $windows_several or $windows_loop
        )
}
