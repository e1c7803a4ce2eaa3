/*
    Advice against ransomware speaks of encrypted files and of Bitcoin too, but does not give an
    address to write to. Hence the contact must be one that can be used.
*/
rule ransom_note
{
    meta:
        title_zh = "勒索信"
        title_en = "Ransom note"
        description = "A note under 64 KB in English or Chinese that says that files, data or systems are encrypted or locked, gives an anonymous contact (onion address, mail at an anonymous provider, Tox or Session identifier, Bitcoin or Monero address) and holds two of: payment in a coin, recovery by the writer's tool or key, threat, deadline"
        description_zh = "小于 64 KB 的中文或英文文本：声称文件、数据或系统已被加密或锁定，留有匿名联系方式（onion 地址、匿名邮箱、Tox 或 Session 标识、比特币或门罗币地址），并有以下两项：以数字货币付款、用其工具或密钥恢复、威胁、期限"
        author = "secwatch"
        date = "2026-11-24"
        version = "1.0"
        severity = "critical"
        confidence = 80
        aspect = "info"
        attack = "T1486, T1657"
        false_positives = "Reports on ransomware that quote whole notes with their addresses"
        false_positives_zh = "完整引用勒索信及其联系地址的研究报告"
        response_zh = "立即断开该主机和同网段文件服务器的网络，不要关机；核实备份未被触及并冻结快照；保留样本，报告公安机关和网信部门，从匹配前的干净快照恢复。"
        response_en = "Cut the host and the file servers around it off the network, but do not switch them off; make sure that the backups are untouched and freeze the snapshots; keep the file, report to police and authority, restore from an older, clean snapshot"
        reference = "https://attack.mitre.org/techniques/T1486/"
        licence = "MIT"

    strings:
        $locked_1 = /(files?|documents|data|databases?|servers?|networks?|systems?|backups?|computers?|photos|machines?)\b[^.!\r\n]{0,80}\b(encrypted|locked|crypted|encoded|ciphered)\b/ nocase ascii wide
        $locked_2 = /\b(encrypted|locked|crypted)\s{1,4}([a-z]{2,10}\s{1,4}){0,3}(your|the)\s{1,4}([a-z]{2,12}\s{1,4}){0,2}(files?|documents|data|databases?|servers?|networks?|systems?|backups?|computers?)/ nocase ascii wide
        // 文件、数据、系统、服务器 … 加密、锁定; Chinese words in UTF-8, GBK and UTF-16 each.
        $locked_3 = /(\xe6\x96\x87\xe4\xbb\xb6|\xce\xc4\xbc\xfe|\x87\x65\xf6\x4e|\xe6\x95\xb0\xe6\x8d\xae|\xca\xfd\xbe\xdd|\x70\x65\x6e\x63|\xe7\xb3\xbb\xe7\xbb\x9f|\xcf\xb5\xcd\xb3|\xfb\x7c\xdf\x7e|\xe6\x9c\x8d\xe5\x8a\xa1\xe5\x99\xa8|\xb7\xfe\xce\xf1\xc6\xf7|\x0d\x67\xa1\x52\x68\x56)[^\r\n]{0,96}(\xe5\x8a\xa0\xe5\xaf\x86|\xbc\xd3\xc3\xdc|\xa0\x52\xc6\x5b|\xe9\x94\x81\xe5\xae\x9a|\xcb\xf8\xb6\xa8|\x01\x95\x9a\x5b)/
        // 檔案、資料、系統、伺服器、電腦 … 加密、鎖定: as it is written in Hong Kong and Taiwan, in UTF-8, Big5 and UTF-16.
        $locked_4 = /(\xe6\xaa\x94\xe6\xa1\x88|\xc0\xc9\xae\xd7|\x94\x6a\x48\x68|\xe8\xb3\x87\xe6\x96\x99|\xb8\xea\xae\xc6|\xc7\x8c\x99\x65|\xe7\xb3\xbb\xe7\xb5\xb1|\xa8\x74\xb2\xce|\xfb\x7c\x71\x7d|\xe4\xbc\xba\xe6\x9c\x8d\xe5\x99\xa8|\xa6\xf8\xaa\x41\xbe\xb9|\x3a\x4f\x0d\x67\x68\x56|\xe9\x9b\xbb\xe8\x85\xa6|\xb9\x71\xb8\xa3|\xfb\x96\x66\x81)[^\r\n]{0,96}(\xe5\x8a\xa0\xe5\xaf\x86|\xa5\x5b\xb1\x4b|\xa0\x52\xc6\x5b|\xe9\x8e\x96\xe5\xae\x9a|\xc2\xea\xa9\x77|\x96\x93\x9a\x5b)/

        $contact_onion = /[a-z2-7]{16,56}\.onion\b/ nocase ascii wide
        $contact_mail = /@(proton(mail)?|pm|tutanota|tutamail|tuta|onionmail|cock|airmail|keemail|mailfence|firemail|criptext|cyberfear|msgsafe|dnmx|tuta|zohomail|disroot|secmail)\.[a-z]{2,5}\b/ nocase ascii wide
        $contact_tox = /\b(tox|session)\b[^\r\n]{0,60}\b[0-9a-f]{64,76}\b/ nocase ascii wide
        $contact_bitcoin = /\b(bc1[a-z0-9]{39}|bc1[a-z0-9]{59}|(bitcoin|btc)[^\r\n]{0,60}\s[13][1-9A-HJ-NP-Za-km-z]{25,34})\b/ ascii wide
        $contact_bitcoin_2 = /(wallet|address|\xe6\xaf\x94\xe7\x89\xb9\xe5\xb8\x81|\xb1\xc8\xcc\xd8\xb1\xd2|\xd4\x6b\x79\x72\x01\x5e|\xe9\x92\xb1\xe5\x8c\x85|\xc7\xae\xb0\xfc|\xb1\x94\x05\x53|\xe5\x9c\xb0\xe5\x9d\x80|\xb5\xd8\xd6\xb7|\x30\x57\x40\x57|bitcoins?|btc)[^\n]{0,40}[\s:"'>][13][1-9A-HJ-NP-Za-km-z]{25,34}\b/ nocase ascii
        $contact_monero = /(wallet|address|monero|xmr)[^\n]{0,60}[\s:"'>][48][0-9AB][1-9A-HJ-NP-Za-km-z]{93}\b/ nocase ascii wide

        $payment = /\b(bitcoins?|btc|monero|xmr|cryptocurrenc(y|ies)|ransom)/ nocase ascii wide
        // 比特币、门罗币、赎金、虚拟货币
        $payment_zh = /(\xe6\xaf\x94\xe7\x89\xb9\xe5\xb8\x81|\xb1\xc8\xcc\xd8\xb1\xd2|\xd4\x6b\x79\x72\x01\x5e|\xe9\x97\xa8\xe7\xbd\x97\xe5\xb8\x81|\xc3\xc5\xc2\xde\xb1\xd2|\xe8\x95\x57\x7f\x01\x5e|\xe8\xb5\x8e\xe9\x87\x91|\xca\xea\xbd\xf0|\x4e\x8d\xd1\x91|\xe8\x99\x9a\xe6\x8b\x9f\xe8\xb4\xa7\xe5\xb8\x81|\xd0\xe9\xc4\xe2\xbb\xf5\xb1\xd2|\x5a\x86\xdf\x62\x27\x8d\x01\x5e)/
        // 比特幣、門羅幣、贖金、虛擬貨幣: as it is written in Hong Kong and Taiwan, in UTF-8, Big5 and UTF-16.
        $payment_zh_2 = /(\xe6\xaf\x94\xe7\x89\xb9\xe5\xb9\xa3|\xa4\xf1\xaf\x53\xb9\xf4|\xd4\x6b\x79\x72\x63\x5e|\xe9\x96\x80\xe7\xbe\x85\xe5\xb9\xa3|\xaa\xf9\xc3\xb9\xb9\xf4|\x80\x95\x85\x7f\x63\x5e|\xe8\xb4\x96\xe9\x87\x91|\xc5\xab\xaa\xf7|\x16\x8d\xd1\x91|\xe8\x99\x9b\xe6\x93\xac\xe8\xb2\xa8\xe5\xb9\xa3|\xb5\xea\xc0\xc0\xb3\x66\xb9\xf4|\x5b\x86\xec\x64\xa8\x8c\x63\x5e)/
        $recovery = /\b(decrypt(or|er|ion|ing)?|unlock|recover|restore|private\s{1,4}key)\b/ nocase ascii wide
        // 解密、恢复、私钥
        $recovery_zh = /(\xe8\xa7\xa3\xe5\xaf\x86|\xbd\xe2\xc3\xdc|\xe3\x89\xc6\x5b|\xe6\x81\xa2\xe5\xa4\x8d|\xbb\xd6\xb8\xb4|\x62\x60\x0d\x59|\xe7\xa7\x81\xe9\x92\xa5|\xcb\xbd\xd4\xbf|\xc1\x79\xa5\x94)/
        // 解密、恢復、還原、私鑰: as it is written in Hong Kong and Taiwan, in UTF-8, Big5 and UTF-16.
        $recovery_zh_2 = /(\xe8\xa7\xa3\xe5\xaf\x86|\xb8\xd1\xb1\x4b|\xe3\x89\xc6\x5b|\xe6\x81\xa2\xe5\xbe\xa9|\xab\xec\xb4\x5f|\x62\x60\xa9\x5f|\xe9\x82\x84\xe5\x8e\x9f|\xc1\xd9\xad\xec|\x84\x90\x9f\x53|\xe7\xa7\x81\xe9\x91\xb0|\xa8\x70\xc6\x5f|\xc1\x79\x70\x94)/
        $threat = /\b(publish(ed)?|leak(ed)?|disclosed?|permanently|destroyed)\b|\b(sell|sold|lose)\s{1,4}(your|all|the|to)\b|\b(do not|don't|dont|never) (try|attempt|rename|modify|delete|shut|turn|contact|use|move|call|reboot|restart)\b/ nocase ascii wide
        // 公开、泄露、永久、请勿、不要、报警
        $threat_zh = /(\xe5\x85\xac\xe5\xbc\x80|\xb9\xab\xbf\xaa|\x6c\x51\x00\x5f|\xe6\xb3\x84\xe9\x9c\xb2|\xd0\xb9\xc2\xb6|\xc4\x6c\x32\x97|\xe6\xb0\xb8\xe4\xb9\x85|\xd3\xc0\xbe\xc3|\x38\x6c\x45\x4e|\xe8\xaf\xb7\xe5\x8b\xbf|\xc7\xeb\xce\xf0|\xf7\x8b\xff\x52|\xe4\xb8\x8d\xe8\xa6\x81|\xb2\xbb\xd2\xaa|\x0d\x4e\x81\x89|\xe6\x8a\xa5\xe8\xad\xa6|\xb1\xa8\xbe\xaf|\xa5\x62\x66\x8b)/
        // 公開、洩露、外洩、永久、請勿、不要、報警: as it is written in Hong Kong and Taiwan, in UTF-8, Big5 and UTF-16.
        $threat_zh_2 = /(\xe5\x85\xac\xe9\x96\x8b|\xa4\xbd\xb6\x7d|\x6c\x51\x8b\x95|\xe6\xb4\xa9\xe9\x9c\xb2|\xac\xaa\xc5\x53|\x29\x6d\x32\x97|\xe5\xa4\x96\xe6\xb4\xa9|\xa5\x7e\xac\xaa|\x16\x59\x29\x6d|\xe6\xb0\xb8\xe4\xb9\x85|\xa5\xc3\xa4\x5b|\x38\x6c\x45\x4e|\xe8\xab\x8b\xe5\x8b\xbf|\xbd\xd0\xa4\xc5|\xcb\x8a\xff\x52|\xe4\xb8\x8d\xe8\xa6\x81|\xa4\xa3\xad\x6e|\x0d\x4e\x81\x89|\xe5\xa0\xb1\xe8\xad\xa6|\xb3\xf8\xc4\xb5|\x31\x58\x66\x8b)/
        $deadline = /\b\d{1,3}\s{0,4}(hours|days)\b|\bdeadline\b|\b(twenty-four|forty-eight|seventy-two|three|seven)\s{1,4}(hours|days)/ nocase ascii wide
        // 小时、天内、期限、逾期
        $deadline_zh = /(\xe5\xb0\x8f\xe6\x97\xb6|\xd0\xa1\xca\xb1|\x0f\x5c\xf6\x65|\xe5\xa4\xa9\xe5\x86\x85|\xcc\xec\xc4\xda|\x29\x59\x85\x51|\xe6\x9c\x9f\xe9\x99\x90|\xc6\xda\xcf\xde|\x1f\x67\x50\x96|\xe9\x80\xbe\xe6\x9c\x9f|\xd3\xe2\xc6\xda|\x3e\x90\x1f\x67)/
        // 小時、天內、期限、逾期: as it is written in Hong Kong and Taiwan, in UTF-8, Big5 and UTF-16.
        $deadline_zh_2 = /(\xe5\xb0\x8f\xe6\x99\x82|\xa4\x70\xae\xc9|\x0f\x5c\x42\x66|\xe5\xa4\xa9\xe5\x85\xa7|\xa4\xd1\xa4\xba|\x29\x59\x67\x51|\xe6\x9c\x9f\xe9\x99\x90|\xb4\xc1\xad\xad|\x1f\x67\x50\x96|\xe9\x80\xbe\xe6\x9c\x9f|\xb9\x4f\xb4\xc1|\x3e\x90\x1f\x67)/

    condition:
        filesize < 64KB and any of ($locked_*) and any of ($contact_*) and
        (
            (any of ($payment*) and any of ($recovery*)) or
            (any of ($payment*) and any of ($threat*)) or
            (any of ($payment*) and any of ($deadline*)) or
            (any of ($recovery*) and any of ($threat*)) or
            (any of ($recovery*) and any of ($deadline*)) or
            (any of ($threat*) and any of ($deadline*))
        )
}
