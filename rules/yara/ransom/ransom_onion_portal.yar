/*
    Notes of the last years often say no more than: go there, with this identifier. The address
    has 56 characters of base 32; older ones have been closed for years.
*/
rule ransom_onion_portal
{
    meta:
        title_zh = "指向洋葱网站的付款或谈判入口"
        title_en = "Address of a payment or negotiation portal at an onion service"
        description = "A file under 1 MB with an onion address of version 3 (56 characters) that mentions Tor Browser or torproject.org and, at most 600 characters from the address, a personal identifier, key, code, login or password for it, or paying, negotiating or chatting there"
        description_zh = "小于 1 MB 的文件中有第 3 版 onion 地址（56 个字符），提到 Tor Browser 或 torproject.org，并在该地址前后 600 个字符之内给出个人标识、密钥、代码、登录名或口令，或要求在该处付款、谈判、聊天"
        author = "secwatch"
        date = "2026-11-24"
        version = "1.0"
        severity = "high"
        confidence = 70
        aspect = "info"
        attack = "T1486, T1657"
        false_positives = "Lists of onion services; pages of newspapers that accept documents over Tor"
        false_positives_zh = "onion 服务列表；经 Tor 接收文件的报社页面"
        response_zh = "立即断开该主机和同网段文件服务器的网络，不要关机；核实备份未被触及并冻结快照；保留样本，报告公安机关和网信部门，从匹配前的干净快照恢复。"
        response_en = "Cut the host and the file servers around it off the network, but do not switch them off; make sure that the backups are untouched and freeze the snapshots; keep the file, report to police and authority, restore from an older, clean snapshot"
        reference = "https://attack.mitre.org/techniques/T1486/"
        licence = "MIT"

    strings:
        $tor = /(\btor[ -]{0,2}browser|torproject\.org)/ nocase ascii wide
        $portal_after = /[a-z2-7]{56}\.onion[\x00-\xff]{0,600}\b((personal|unique|your|client|victim|chat|company|access|decryption|login)\s{0,3}([a-z]{2,12}\s{0,3})?(id|key|code|token|login|password|identifier)\b|(login|password|passcode)\s{0,2}:\s{0,2}[a-z0-9]|negotiat|pay(ment)?\b|chat\b|ransom)/ nocase
        $portal_before = /\b((personal|unique|your|client|victim|chat|company|access|decryption|login)\s{0,3}([a-z]{2,12}\s{0,3})?(id|key|code|token|login|password|identifier)\b|(login|password|passcode)\s{0,2}:\s{0,2}[a-z0-9]|negotiat|pay(ment)?\b|chat\b|ransom)[\x00-\xff]{0,600}[^a-z2-7][a-z2-7]{56}\.onion/ nocase
        $portal_wide = /([a-z2-7]\x00){56}\.\x00o\x00n\x00i\x00o\x00n\x00/
        $word_wide = /\b((personal|unique|your|client|victim|company|access|decryption)\s{0,3}(id|key|code|token|login|password|identifier)\b|negotiat|payment\b|ransom)/ nocase wide

    condition:
        filesize < 1MB and $tor and (any of ($portal_after, $portal_before) or ($portal_wide and $word_wide))
}
