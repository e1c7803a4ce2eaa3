/*
    The address of a pool alone stands in many lists of indicators; a miner's options beside it
    make it a command.
*/
rule miner_command_line
{
    meta:
        title_zh = "启动挖矿程序的命令行"
        title_en = "Command line that starts a cryptocurrency miner"
        description = "A command line that holds, in one line, a Stratum pool address and a miner's option (account, password, algorithm, coin, donation, keep-alive), or an account option with a Monero address of 95 characters"
        description_zh = "同一行命令中有 Stratum 矿池地址和挖矿选项（帐号、口令、算法、币种、捐赠、保活），或帐号选项后为 95 个字符的门罗币地址"
        author = "secwatch"
        date = "2026-11-24"
        version = "1.0"
        severity = "high"
        confidence = 85
        aspect = "info"
        attack = "T1496"
        false_positives = "Documentation of miners and pools"
        false_positives_zh = "挖矿程序和矿池的文档"
        response_zh = "查明该程序由何人何时启动并结束它；在流量记录中查找矿池地址并封禁；检查计划任务、服务和 SSH 密钥中的残留，再查清入侵途径。"
        response_en = "Find out who started it and when, and end it; find the pool's address in the traffic records and block it; look for what it left in scheduled tasks, services and SSH keys, then for the way in"
        reference = "https://attack.mitre.org/techniques/T1496/"
        licence = "MIT"

    strings:
        $before = /\s(-u|-O|-p|-a|-k|--user|--userpass|--pass|--algo|--algorithm|--coin|--donate-level|--keepalive|--wallet)[ =][^\r\n\x00]{1,300}stratum2?\+(tcp|ssl|tls|tcps)[a-z0-9+]{0,8}:\/\/[a-z0-9]/
        $after = /stratum2?\+(tcp|ssl|tls|tcps)[a-z0-9+]{0,8}:\/\/[a-z0-9][^\r\n\x00]{3,300}\s(-u|-O|-p|-a|-k|--user|--userpass|--pass|--algo|--algorithm|--coin|--donate-level|--keepalive|--wallet)([ =\r\n]|$)/
        $account = /(-u|--user|--wallet)[ =]{1,4}["']?[48][0-9AB][1-9A-HJ-NP-Za-km-z]{93}\b/

    condition:
        filesize < 4MB and any of them
}
