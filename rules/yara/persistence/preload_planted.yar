/*
    What this file names is loaded into every program of the host. Libraries that are installed
    for it lie in the library directories under a visible name.
*/
rule preload_planted
{
    meta:
        title_zh = "被植入的 ld.so.preload"
        title_en = "Planted ld.so.preload"
        description = "An ld.so.preload file (a text under 1 KB that begins with a library's path), or a shell command that writes one, whose library lies in a temporary directory, below /dev, /run or a home directory, or in a file or directory whose name begins with a point"
        description_zh = "ld.so.preload 文件（小于 1 KB，以库路径开头）或写入该文件的命令，其中的库位于临时目录、/dev、/run 或用户主目录之下，或文件名、目录名以点开头"
        author = "secwatch"
        date = "2026-11-24"
        version = "1.0"
        severity = "critical"
        confidence = 85
        aspect = "info"
        attack = "T1574.006"
        false_positives = "Tests of preloaded libraries by developers"
        false_positives_zh = "开发人员对预加载库的测试"
        response_zh = "停用该启动项并保留副本；查明写入时间和帐户；检查同一时间修改的其它文件、任务和密钥，从匹配前的干净快照恢复。"
        response_en = "Disable the entry and keep a copy; find out when and by which account it was written; check what else changed at that time, then restore from an older, clean snapshot"
        reference = "https://attack.mitre.org/techniques/T1574/006/"
        licence = "MIT"

    strings:
        // Libraries are separated by white space or colons: the planted one may follow an honest one.
        $first = /^\/[^\s"']{1,200}\.so\b[.0-9]{0,12}[ \t:\r\n]/
        $path = /^(\/(tmp|var\/tmp|dev|run|root|home\/[^\s\/]{1,32})\/[^\s\"']{1,120}|(\/[^\s\/\"']{1,40}){0,6}\/\.[^\s\/.\"'][^\s\"']{0,120})\.so\b[.0-9]{0,12}[ \t:]{0,4}([\r\n]|$)/
        $later = /[\r\n \t:](\/(tmp|var\/tmp|dev|run|root|home\/[^\s\/]{1,32})\/[^\s\"']{1,120}|(\/[^\s\/\"']{1,40}){0,6}\/\.[^\s\/.\"'][^\s\"']{0,120})\.so\b[.0-9]{0,12}([ \t:\r\n]|$)/
        $library = /(\/(tmp|var\/tmp|dev|run|root|home\/[^\s\/]{1,32})\/[^\s\"']{1,120}|(\/[^\s\/\"']{1,40}){0,6}\/\.[^\s\/.\"'][^\s\"']{0,120})\.so\b/
        $write_1 = />{1,2}\s{0,4}["']?(\$[{A-Za-z_}]{1,24})?\/etc\/ld\.so\.preload\b/
        $write_2 = /\btee\s{1,4}(-a\s{1,4}|--append\s{1,4})?["']?\/etc\/ld\.so\.preload\b/
        $write_3 = /\b(cp|mv|ln|install|sed)\s[^\r\n;|]{1,200}\s["']?\/etc\/ld\.so\.preload\b/

    condition:
        (filesize < 1KB and uint8(0) == 0x2F and ($path at 0 or ($first at 0 and $later))) or
        (filesize < 1MB and $library and any of ($write_*))
}
