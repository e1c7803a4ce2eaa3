/*
    A browser knows its own store; a program that knows those of several, the query and the
    key's decryption, collects passwords. The brackets around single letters keep this rule from
    finding itself.
*/
rule browser_password_stealer
{
    meta:
        title_zh = "窃取浏览器口令的程序"
        title_en = "Theft of passwords from browsers"
        description = "A program or script under 32 MB that names the profile stores of at least two different browsers, asks for stored passwords or cookies (the query, the file of logins or the encrypted key), and decrypts them with the system or AES or sends them to a messenger's bot or webhook"
        description_zh = "小于 32 MB 的程序或脚本，出现至少两种浏览器的配置目录，读取保存的口令或 Cookie（查询语句、登录数据文件或加密密钥），并用系统接口或 AES 解密，或发送到即时通信机器人、webhook"
        author = "secwatch"
        date = "2026-11-24"
        version = "1.0"
        severity = "critical"
        confidence = 75
        aspect = "info"
        attack = "T1555.003, T1539"
        false_positives = "Programs that import passwords from other browsers; forensic tools"
        false_positives_zh = "从其他浏览器导入口令的程序；取证工具"
        response_zh = "按凭据已泄露处理：更换该主机上用过的全部口令和密钥，先管理员和域帐户；隔离主机，查明文件来源和外传去向。"
        response_en = "Treat the credentials as stolen: change all passwords and keys used on this host, administrators and domain accounts first; isolate the host and find out where the file came from and where data went"
        reference = "https://attack.mitre.org/techniques/T1555/003/"
        licence = "MIT"

    strings:
        $browser_chrome = /google[\\\/]{1,4}chrome|google-chrome|Application Support[\\\/]{1,4}Google/ nocase ascii wide
        $browser_edge = /microsoft[\\\/]{1,4}edge|microsoft-edge/ nocase ascii wide
        $browser_brave = /bravesoftware/ nocase ascii wide
        $browser_opera = /opera software|opera (stable|gx)/ nocase ascii wide
        $browser_yandex = /yandexbrowser/ nocase ascii wide
        $browser_firefox = /mozilla[\\\/]{1,4}firefox|\.mozilla/ nocase ascii wide
        $browser_vivaldi = /vivaldi[\\\/]{1,4}user data/ nocase ascii wide
        $browser_360 = /360(chrome|browser|se6?)[\\\/]{1,4}/ nocase ascii wide
        $browser_qq = /tencent[\\\/]{1,4}qqbrowser/ nocase ascii wide
        $browser_coccoc = /coccoc[\\\/]{1,4}browser/ nocase ascii wide
        $browser_torch = /torch[\\\/]{1,4}user data/ nocase ascii wide
        $browser_chromium = /chromium[\\\/]{1,4}user data/ nocase ascii wide
        $store_query = /(password_valu[e]|encrypted_valu[e]|username_valu[e])/ nocase ascii wide
        $store_file = /(login[ ]data\b|logins\.json|key4\.db|signons\.sqlite)/ nocase ascii wide
        $store_key = /(os_cryp[t]|encrypted_ke[y])/ nocase ascii wide
        $take_system = /(cryptunprotectdata|protecteddata\]?::unprotect|\bunprotect\s{0,2}\(|pk11sdr_decrypt|nss_init)/ nocase ascii wide
        $take_aes = /(aes\.new\s{0,2}\(|mode_gcm|aesgcm|aes-256-gcm|bcryptdecrypt|aes_gcm)/ nocase ascii wide
        $take_send = /(api\.telegram\.org[\\\/]{1,4}bot|discord(app)?\.com[\\\/]{1,4}api[\\\/]{1,4}webhooks|hooks\.slack\.com|oapi\.dingtalk\.com[\\\/]{1,4}robot|qyapi\.weixin\.qq\.com[\\\/]{1,4}cgi-bin[\\\/]{1,4}webhook)/ nocase ascii wide

    condition:
        filesize < 32MB and 2 of ($browser_*) and any of ($store_*) and any of ($take_*)
}
