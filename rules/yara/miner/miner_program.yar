/*
    Names of miners change, their protocol does not. Inspection software knows the protocol too,
    but nothing of donations, hash rates and huge pages.
*/
rule miner_program
{
    meta:
        title_zh = "挖矿程序"
        title_en = "Cryptocurrency miner (program)"
        description = "An ELF or PE program that holds a word of the mining protocol or a Stratum address and four more words of mining: algorithms, donation, hash rate, shares, rig, huge pages"
        description_zh = "ELF 或 PE 程序中有挖矿协议用语或 Stratum 地址，并另有至少四种挖矿用语：算法、捐赠、算力、份额、矿机、大页内存"
        author = "secwatch"
        date = "2026-11-24"
        version = "1.0"
        severity = "high"
        confidence = 85
        aspect = "info"
        attack = "T1496"
        false_positives = "Miners that the city runs on purpose; inspection software that knows the protocol"
        false_positives_zh = "本市有意运行的挖矿程序；能识别该协议的检测软件"
        response_zh = "查明该程序由何人何时启动并结束它；在流量记录中查找矿池地址并封禁；检查计划任务、服务和 SSH 密钥中的残留，再查清入侵途径。"
        response_en = "Find out who started it and when, and end it; find the pool's address in the traffic records and block it; look for what it left in scheduled tasks, services and SSH keys, then for the way in"
        reference = "https://attack.mitre.org/techniques/T1496/"
        licence = "MIT"

    strings:
        $protocol_1 = "stratum+tcp://"
        $protocol_2 = "stratum+ssl://"
        $protocol_3 = "mining.subscribe"
        $protocol_4 = "mining.authorize"
        $protocol_5 = "mining.submit"
        $protocol_6 = /"method":\s?"(login|submit|keepalived|getjob)"/
        $protocol_7 = "mining.notify"
        $word_1 = /\bdonat(e|ion)/ nocase
        $word_2 = /crypto-?night/ nocase
        $word_3 = /randomx/ nocase
        $word_4 = /hash[ _-]?rate/ nocase
        $word_5 = /huge[ _-]?pages/ nocase
        $word_6 = "nicehash" nocase
        $word_7 = /rig-?id/ nocase
        $word_8 = /accepted shares?|shares? (accepted|rejected)|rejected share/ nocase
        $word_9 = /(kawpow|ethash|etchash|autolykos|argon2\/chukwa|ghostrider|verushash|yescrypt)/ nocase
        $word_10 = /(max-threads-hint|cpu-max-threads|no-huge-pages|cpu-affinity)/
        $word_11 = /mining (pool|threads?)|pool (address|url|connection)/ nocase
        $word_12 = "job_id"

    condition:
        (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D) and filesize < 32MB and any of ($protocol_*) and 4 of ($word_*)
}
