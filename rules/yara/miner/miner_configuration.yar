/*
    A pool, an account, and settings that nothing but a miner has. Names of keys in JSON are
    asked for with their colon, so that prose about them is not meant.
*/
rule miner_configuration
{
    meta:
        title_zh = "挖矿程序的配置文件"
        title_en = "Configuration of a cryptocurrency miner"
        description = "JSON that gives a miner its pool: an account and either a Stratum address with one more miner setting, or a list of pools with an address and two more miner settings such as algorithm, donation, threads, rig or huge pages"
        description_zh = "JSON 配置中有矿池帐号，并且有 Stratum 地址和另一项挖矿设置，或有带地址的矿池列表和另外两项挖矿设置（如算法、捐赠比例、线程、矿机名、大页内存）"
        author = "secwatch"
        date = "2026-11-24"
        version = "1.0"
        severity = "high"
        confidence = 90
        aspect = "info"
        attack = "T1496"
        false_positives = "Miners that the city runs on purpose; documentation of miners"
        false_positives_zh = "本市有意运行的挖矿程序；挖矿程序的文档"
        response_zh = "查明该程序由何人何时启动并结束它；在流量记录中查找矿池地址并封禁；检查计划任务、服务和 SSH 密钥中的残留，再查清入侵途径。"
        response_en = "Find out who started it and when, and end it; find the pool's address in the traffic records and block it; look for what it left in scheduled tasks, services and SSH keys, then for the way in"
        reference = "https://attack.mitre.org/techniques/T1496/"
        licence = "MIT"

    strings:
        $pools = /"pools"\s{0,8}:\s{0,8}\[/
        $user = /"(user|username|wallet|login|userpass|address)"\s{0,8}:\s{0,8}"/
        $url = /"(url|pool|pool_address|host)"\s{0,8}:\s{0,8}"/
        $stratum = /"[a-z_-]{2,24}"\s{0,8}:\s{0,8}"stratum2?(\+[a-z]{3,4})?:\/\//
        $setting_algorithm = /"(algo|algorithm|coin)"\s{0,8}:\s{0,8}("|null)/
        $setting_donation = /"donate-(level|over-proxy)"\s{0,8}:/
        $setting_randomx = /"(randomx|cryptonight|argon2|kawpow|ethash)"\s{0,8}:/
        $setting_rig = /"(rig-id|rig_id|rigid|worker|worker-id|nicehash|use_nicehash)"\s{0,8}:/
        $setting_threads = /"(max-threads-hint|threads|cpu-priority|cpu_threads_conf|intensity)"\s{0,8}:/
        $setting_pages = /"(huge-pages|huge-pages-jit|hugepages|use_slow_memory)"\s{0,8}:/
        $setting_fingerprint = /"(tls-fingerprint|retry-pause|print-time|keepalive)"\s{0,8}:/

    condition:
        filesize < 1MB and $user and
        (
            ($stratum and any of ($setting_*)) or
            ($pools and $url and 2 of ($setting_*) and any of ($setting_algorithm, $setting_donation, $setting_randomx, $setting_rig))
        )
}
