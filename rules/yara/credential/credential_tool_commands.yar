/*
    The commands are the same whatever the tool is called: the tools' modules keep their names
    even when the program is renamed, and those of Windows cannot be renamed.
*/
rule credential_tool_commands
{
    meta:
        title_zh = "导出 Windows 口令的命令"
        title_en = "Commands that dump Windows credentials"
        description = "Two different commands of credential dumping, in one file: a module command of a dumping tool (memory of lsass, LSA secrets, tickets, domain replication), a memory dump of lsass by a system or diagnostic tool, or saving the SAM, SECURITY or SYSTEM hive or the domain database; two saved hives count as two"
        description_zh = "同一文件中有两种导出凭据的命令：导出工具的模块命令（lsass 内存、LSA 机密、票据、域复制），用系统或诊断工具转储 lsass 内存，或保存 SAM、SECURITY、SYSTEM 注册表配置单元或域数据库；保存两个配置单元也算两种"
        author = "secwatch"
        date = "2026-11-24"
        version = "1.0"
        severity = "critical"
        confidence = 80
        aspect = "info"
        attack = "T1003.001, T1003.002, T1003.003"
        false_positives = "Detection rules and training material that quote the commands"
        false_positives_zh = "引用这些命令的检测规则和培训材料"
        response_zh = "按凭据已泄露处理：更换该主机上用过的全部口令和密钥，先管理员和域帐户；隔离主机，查明文件来源和外传去向。"
        response_en = "Treat the credentials as stolen: change all passwords and keys used on this host, administrators and domain accounts first; isolate the host and find out where the file came from and where data went"
        reference = "https://attack.mitre.org/techniques/T1003/001/"
        licence = "MIT"

    strings:
        $module_lsass = /\bsekurlsa\s{0,2}::\s{0,2}[a-z]{3,16}/ nocase ascii wide
        $module_secrets = /\blsadump\s{0,2}::\s{0,2}[a-z]{3,16}/ nocase ascii wide
        $module_privilege = /\b(privilege|token)\s{0,2}::\s{0,2}(debug|elevate|backup)/ nocase ascii wide
        $module_tickets = /\bkerberos\s{0,2}::\s{0,2}(golden|ptt|list|ask|purge)/ nocase ascii wide
        $module_vault = /\b(vault|dpapi|crypto)\s{0,2}::\s{0,2}(cred|list|masterkey|capi|cng|chrome)/ nocase ascii wide
        $dump_library = /\bcomsvcs(\.dll)?["']?[\s,]{1,6}(\W{0,2}\+?0{0,4}24\b|minidump)/ nocase ascii wide
        $dump_tool = /\b(procdump(64)?|dumpert|nanodump|sqldumper|createdump|rdrleakdiag)(\.exe)?\s[^\r\n\x00]{0,80}\blsass/ nocase ascii wide
        $dump_call = /\bMiniDumpWriteDump\b/ ascii wide
        $dump_target = "lsass.exe" nocase ascii wide
        $hive = /\breg(\.exe)?["']?\s{1,4}(save|export)\s{1,4}["']?(hklm|hkey_local_machine)\\(sam|security|system)\b/ nocase ascii wide
        $domain_ifm = /\bntdsutil(\.exe)?["']?\s[^\r\n\x00]{0,160}\b(ifm|create\s{1,4}full)/ nocase ascii wide
        $domain_copy = /\b(copy|esentutl|ninjacopy|robocopy|type)\b[^\r\n\x00]{0,160}\\ntds\\ntds\.dit/ nocase ascii wide

    condition:
        filesize < 32MB and
        (
            2 of ($module_*, $dump_library, $dump_tool, $hive, $domain_*) or
            #hive >= 2 or
            ($dump_call and $dump_target and uint16(0) == 0x5A4D) or
            ($dump_call and $dump_target and any of ($module_*, $dump_library, $dump_tool, $hive, $domain_*))
        )
}
