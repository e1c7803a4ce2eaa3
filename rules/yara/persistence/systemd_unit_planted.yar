/*
    A service starts at boot and again when it is killed; what it starts should be installed,
    not lie in a temporary directory or under a name that a listing does not show.
*/
rule systemd_unit_planted
{
    meta:
        title_zh = "可疑的 systemd 服务"
        title_en = "Suspicious systemd service"
        description = "A systemd service whose command lies in a temporary directory or is hidden (its file, or a directory directly below a system directory, begins with a point), or runs a shell or interpreter with a download handed to an interpreter, a decoder or a network shell"
        description_zh = "systemd 服务的命令位于临时目录，或为隐藏文件、位于系统目录下的隐藏目录，或经 shell、解释器执行下载内容、解码内容或网络 shell"
        author = "secwatch"
        date = "2026-11-24"
        version = "1.0"
        severity = "high"
        confidence = 75
        aspect = "info"
        attack = "T1543.002"
        false_positives = "Services of developers that run out of a temporary directory; test units"
        false_positives_zh = "开发人员从临时目录运行的服务；测试用单元"
        response_zh = "停用该启动项并保留副本；查明写入时间和帐户；检查同一时间修改的其它文件、任务和密钥，从匹配前的干净快照恢复。"
        response_en = "Disable the entry and keep a copy; find out when and by which account it was written; check what else changed at that time, then restore from an older, clean snapshot"
        reference = "https://attack.mitre.org/techniques/T1543/002/"
        licence = "MIT"

    strings:
        $service = /\[Service\]/
        $placed = /\bExecSt(art|artPre|artPost|op|opPost)\s{0,4}=\s{0,4}[@+!:-]{0,3}["']?((\/(tmp|var\/tmp|dev\/shm|run\/user\/\d{1,6})\/|\/(var|usr|etc|lib|lib64|bin|sbin|dev|boot|opt|srv)\/((lib|local|share|bin|sbin|cache|spool|tmp|log)\/){0,2}\.[^\s\/.])[^\s\"'\;]{1,120}|(\/[^\s\/\"']{1,40}){0,6}\/\.[^\s\/.\"';]{1,40}(\s|$|[\"';]))/
        $given = /\bExecSt(art|artPre|artPost)\s{0,4}=\s{0,4}[@+!:-]{0,3}["']?(\/usr)?(\/local)?(\/bin\/)?(env\s{1,4})?((ba|da|z|k)?sh|python[0-9.]{0,4}|perl|nohup|setsid)\s{1,4}["']?((\/(tmp|var\/tmp|dev\/shm|run\/user\/\d{1,6})\/|\/(var|usr|etc|lib|lib64|bin|sbin|dev|boot|opt|srv)\/((lib|local|share|bin|sbin|cache|spool|tmp|log)\/){0,2}\.[^\s\/.])[^\s\"'\;]{1,120}|(\/[^\s\/\"']{1,40}){0,6}\/\.[^\s\/.\"';]{1,40}(\s|$|[\"';]))/
        $download = /\bExecSt(art|artPre|artPost)\s{0,4}=[^\r\n]{0,60}sh\s{1,4}-[a-z]{0,3}c\s[^\r\n]{0,200}\b(curl|wget)\s[^\r\n]{4,300}(\|\s{0,4}(sudo\s{1,4}|nohup\s{1,4}|exec\s{1,4})?(\/[a-z\/]{1,16}\/)?(env\s{1,4})?((ba|z|k|da|a)?sh|python[0-9.]{0,4}|perl|php|ruby)\b|[;&]\s{0,4}(chmod\s|(ba)?sh\s|\.\/|\/tmp\/|\/dev\/shm\/|\/var\/tmp\/))/
        $substituted = /\bExecSt(art|artPre|artPost)\s{0,4}=[^\r\n]{0,120}(<\(|\$\(|`)\s{0,4}(curl|wget)\s/
        $decoded = /\bExecSt(art|artPre|artPost)\s{0,4}=[^\r\n]{0,400}(base64\s{1,4}(-d|-D|--decode)[^\r\n]{0,60}\|\s{0,4}(sudo\s{1,4}|nohup\s{1,4}|exec\s{1,4})?(\/[a-z\/]{1,16}\/)?(env\s{1,4})?((ba|z|k|da|a)?sh|python[0-9.]{0,4}|perl|php|ruby)\b|b64decode\s{0,2}\()/
        $network = /\bExecSt(art|artPre|artPost)\s{0,4}=[^\r\n]{0,200}(\/dev\/(tcp|udp)\/|\b(nc|ncat|netcat|socat)\s[^\r\n]{0,120}(-e|-c|exec:|EXEC:|system:)\s{0,4}["']?(\/[a-z\/]{1,12}\/)?(ba)?sh\b)/

    condition:
        filesize < 256KB and $service and any of ($placed, $given, $download, $substituted, $decoded, $network)
}
