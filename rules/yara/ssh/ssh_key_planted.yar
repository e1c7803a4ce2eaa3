/*
    Set-up scripts install keys too; the combination with an immutable file, a loosened server
    or erased history is what intruders do.
*/
rule ssh_key_planted
{
    meta:
        title_zh = "植入 SSH 密钥的脚本"
        title_en = "Script that plants an SSH key"
        description = "A script that holds a public SSH key, appends to or overwrites an authorized_keys file, and makes it immovable, loosens the SSH server, switches off history, firewall or SELinux, or installs itself as a cron job"
        description_zh = "脚本中有 SSH 公钥，写入 authorized_keys，并且设为不可更改、放宽 SSH 服务配置、关闭命令历史、防火墙或 SELinux，或把自己装为计划任务"
        author = "secwatch"
        date = "2026-11-24"
        version = "1.0"
        severity = "high"
        confidence = 75
        aspect = "info"
        attack = "T1098.004"
        false_positives = "Set-up scripts of administrators and of virtual machine images"
        false_positives_zh = "管理员和虚拟机镜像的初始化脚本"
        response_zh = "核对该密钥的所有者；无人认领则删除密钥，查看登录日志中它的使用记录，并检查其它主机上是否有同一密钥。"
        response_en = "Ask whose key it is; if nobody's, remove it, look in the login records for its use, and search other hosts for the same key"
        reference = "https://attack.mitre.org/techniques/T1098/004/"
        licence = "MIT"

    strings:
        $key = /(ssh-(rsa|dss|ed25519)|ecdsa-sha2-nistp\d{3}|sk-(ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com)\s{1,8}AAAA[A-Za-z0-9+\/]{20}/
        $write_1 = />{1,2}\s{0,4}["']?[^\s"'|;]{0,80}\bauthorized_keys/
        $write_2 = /\btee\s{1,4}(-a\s{1,4}|--append\s{1,4})?["']?[^\s"'|;]{0,80}\bauthorized_keys/
        $more_immutable = /\bchattr\s{1,4}(-[a-zA-Z]{1,3}\s{1,4})?[+][ai]{1,3}\s[^\r\n]{0,80}(authorized_keys|\.ssh|\$)/
        $more_server = /(PermitRootLogin|PubkeyAuthentication|PermitEmptyPasswords|GatewayPorts|StrictModes)[^\r\n]{0,40}(yes|no|without-password|prohibit-password)/
        $more_history = /(\bunset\s{1,4}HISTFILE|\bHISTFILE\s{0,2}=\s{0,2}["']?\/dev\/null|\bHISTSIZE\s{0,2}=\s{0,2}0|\bhistory\s{1,4}-[a-z]{0,2}c)/
        $more_firewall = /(\biptables\s{1,4}(-F|--flush)|\bufw\s{1,4}disable|\bsetenforce\s{1,4}0|\b(stop|disable)\s[^\r\n]{0,24}(firewalld|iptables|apparmor|nftables))/
        $more_cron = /(\bcrontab\s{1,4}(-\s|-$|-l|[\/a-z])|>{1,2}\s{0,4}["']?(\/etc\/cron|\/var\/spool\/cron))/

    condition:
        filesize < 1MB and uint32(0) != 0x464C457F and $key and any of ($write_*) and any of ($more_*)
}
