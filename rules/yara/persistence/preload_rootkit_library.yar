/*
    A library that hides files must replace the reading of directories and find the real
    function again; to hide itself it must know the file that loads it. Those that encrypt their
    strings are not found so.
*/
rule preload_rootkit_library
{
    meta:
        title_zh = "用于隐藏的预加载库"
        title_en = "Preloaded library that hides things"
        description = "An ELF shared library under 4 MB that names ld.so.preload, looks functions up with dlsym, replaces directory reading and at least two more of: opening, stat, deleting, network table, accepting connections, password checks, process table"
        description_zh = "小于 4 MB 的 ELF 共享库，出现 ld.so.preload，用 dlsym 查找函数，替换读目录函数，并另有至少两项：打开文件、stat、删除文件、网络连接表、接受连接、口令校验、进程表"
        author = "secwatch"
        date = "2026-11-24"
        version = "1.0"
        severity = "critical"
        confidence = 75
        aspect = "info"
        attack = "T1014, T1574.006"
        false_positives = "Auditing and sandbox libraries that are preloaded on purpose"
        false_positives_zh = "有意预加载的审计库和沙箱库"
        response_zh = "停用该启动项并保留副本；查明写入时间和帐户；检查同一时间修改的其它文件、任务和密钥，从匹配前的干净快照恢复。"
        response_en = "Disable the entry and keep a copy; find out when and by which account it was written; check what else changed at that time, then restore from an older, clean snapshot"
        reference = "https://attack.mitre.org/techniques/T1014/"
        licence = "MIT"

    strings:
        $itself = "ld.so.preload"
        $lookup = /\bdlv?sym\b/
        $directory = /\breaddir(64)?(_r)?\b/
        $more_open = /\b(fopen(64)?|open64|openat)\x00/
        $more_stat = /\b(__)?(l|f)?xstat(64)?\b|\b(l|f)stat(64)?\x00/
        $more_delete = /\b(unlinkat|unlink|rmdir|rename)\x00/
        $more_network = /\/proc\/(self\/)?net\/(tcp6?|udp6?)\b/
        $more_accept = /\b(accept4?|getpeername)\x00/
        $more_password = /\b(pam_(authenticate|sm_authenticate|get_password|get_item)|getspnam|getpwnam|pam_vprompt)\x00/
        $more_process = /\/proc\/(self\/fd\/)?%[sdlu]{1,3}/

    condition:
        uint32(0) == 0x464C457F and uint16(16) == 3 and filesize < 4MB and $itself and $lookup and $directory and 2 of ($more_*)
}
