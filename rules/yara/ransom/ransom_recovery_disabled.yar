/*
    Each of these commands has an honest use; two different ones together hardly have, and
    ransomware gives them before it encrypts.
*/
rule ransom_recovery_disabled
{
    meta:
        title_zh = "删除系统恢复手段的命令"
        title_en = "Commands that take away the means of recovery"
        description = "Two different Windows commands of: deleting or shrinking shadow copies, switching recovery or boot repair off, deleting the backup catalogue or system state backups, in one file"
        description_zh = "同一文件中有以下两种 Windows 命令：删除或压缩卷影副本，关闭系统恢复或启动修复，删除备份目录或系统状态备份"
        author = "secwatch"
        date = "2026-11-24"
        version = "1.0"
        severity = "critical"
        confidence = 85
        aspect = "info"
        attack = "T1490"
        false_positives = "Detection rules and training material that quote the commands; scripts that prepare system images"
        false_positives_zh = "引用这些命令的检测规则和培训材料；制作系统镜像的脚本"
        response_zh = "立即断开该主机和同网段文件服务器的网络，不要关机；核实备份未被触及并冻结快照；保留样本，报告公安机关和网信部门，从匹配前的干净快照恢复。"
        response_en = "Cut the host and the file servers around it off the network, but do not switch them off; make sure that the backups are untouched and freeze the snapshots; keep the file, report to police and authority, restore from an older, clean snapshot"
        reference = "https://attack.mitre.org/techniques/T1490/"
        licence = "MIT"

    strings:
        $shadows = /(vssadmin(\.exe)?["']?[\s,"']{1,6}(-a[a-z]{2,12}[\s,"'@(]{1,6})?(delete[\s,"']{1,6}shadows|resize[\s,"']{1,6}shadowstorage)|wmic(\.exe)?["']?[\s,"']{1,6}shadowcopy[^\r\n\x00]{0,60}delete|win32_shadowcopy[^\r\n]{0,120}(\.delete\s{0,2}\(|remove-(wmi|cim))|diskshadow[^\r\n]{0,60}delete\s{1,4}shadows)/ nocase ascii wide
        $boot = /bcdedit(\.exe)?["']?\s[^\r\n\x00]{0,80}(recoveryenabled["']?[\s,"']{1,6}(no|off|false)|bootstatuspolicy["']?[\s,"']{1,6}ignoreallfailures)/ nocase ascii wide
        $catalogue = /wbadmin(\.exe)?["']?[\s,"']{1,6}(-a[a-z]{2,12}[\s,"'@(]{1,6})?delete[\s,"']{1,6}(catalog|systemstatebackup|backup)/ nocase ascii wide
        $restore = /(disable-computerrestore\b|systemrestore[^\r\n]{0,120}disablesr|reagentc(\.exe)?\s{1,4}\/disable)/ nocase ascii wide

    condition:
        filesize < 16MB and 2 of them
}
