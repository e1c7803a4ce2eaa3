/*
    The file is put together on the reader's machine, behind every gateway. Three steps are
    needed: the data, a file made of it, a click that no one makes.
*/
rule html_smuggling
{
    meta:
        title_zh = "网页中夹带文件并自动生成下载"
        title_en = "Web page that smuggles a file in"
        description = "An HTML or SVG page that holds a program, archive, disk image, OLE document or shortcut in Base64 or as numbers (by its first bytes) or decodes a literal of at least 500 characters, or a script that holds a program or shortcut in Base64, which makes a file object of the data and starts its download by itself"
        description_zh = "HTML、SVG 页面以 Base64 或数字夹带程序、压缩包、光盘映像、OLE 文档或快捷方式（按首字节判断），或解码至少 500 个字符的字面量，或脚本以 Base64 夹带程序或快捷方式，由数据生成文件对象并自动触发下载"
        author = "secwatch"
        date = "2026-11-24"
        version = "1.0"
        severity = "high"
        confidence = 75
        aspect = "info"
        attack = "T1027.006"
        false_positives = "Pages that offer a report generated in the browser, saved with all their data"
        false_positives_zh = "在浏览器中生成报告并连同全部数据保存的页面"
        response_zh = "不要运行；查明来源邮件或网址并封禁；在流量记录中查找其下载地址，隔离运行过它的主机。"
        response_en = "Do not run it; find the mail or address it came from and block it; find its download address in the traffic records and isolate the hosts that ran it"
        reference = "https://attack.mitre.org/techniques/T1027/006/"
        licence = "MIT"

    strings:
        $data_kind = /["'`,](TVqQ|TVpQ|TVoA|TVqA|UEsDB|UmFyI|N3q8r|0M8R4|H4sI|TAAAAA|TVNDR|UEsFB)[A-Za-z0-9+\/]{100}/
        $data_long = /\b(atob|decode|fromCharCode|b64[a-z]{0,16}|base64[a-z]{0,24})\s{0,4}\(\s{0,4}["'`][A-Za-z0-9+\/=]{500}/ nocase
        $data_program = /["'`,](TVqQ|TVpQ|TVoA|TVqA|TAAAAAEUAg)[A-Za-z0-9+\/]{100}/
        $data_assigned = /\b(var|let|const|this\.|window\.)\s{0,4}([^;"'`]{1,120},\s{0,4})?[a-zA-Z_$][a-zA-Z0-9_$]{0,40}\s{0,4}=\s{0,4}["'`][A-Za-z0-9+\/]{500}/
        $data_numbers = /Uint8Array\s{0,2}(\.\s{0,2}(from|of)\s{0,2})?\(\s{0,2}\[?\s{0,4}(77\s{0,2},\s{0,2}90|80\s{0,2},\s{0,2}75|0x4d\s{0,2},\s{0,2}0x5a|0x50\s{0,2},\s{0,2}0x4b)\s{0,2},/ nocase
        $data_array = /=\s{0,4}\[\s{0,4}((77|0x4d)\s{0,2},\s{0,2}(90|0x5a)|(80|0x50)\s{0,2},\s{0,2}(75|0x4b)\s{0,2},\s{0,2}(0x0)?3\s{0,2},\s{0,2}(0x0)?4)\s{0,2},\s{0,2}([0-9a-fx]{1,4}\s{0,2},\s{0,2}){20}/ nocase
        $decode = /\b(atob\s{0,4}\(|Uint8Array\s{0,4}\.?\s{0,4}(from)?\s{0,4}\(|charCodeAt\s{0,4}\(|fromCharCode\s{0,4}\()/
        $object = /\bnew\s{1,4}(window\.)?(Blob|File)\s{0,4}\(/
        $save_1 = /\bcreateObjectURL\s{0,4}\(/
        $save_2 = /\bmsSave(OrOpen)?Blob\s{0,4}\(/
        $start_1 = /\.\s{0,2}click\s{0,2}\(/
        $start_2 = /\.\s{0,2}dispatchEvent\s{0,2}\(/
        $start_3 = /\bmsSave(OrOpen)?Blob\s{0,4}\(/
        $start_4 = /\blocation(\.href)?\s{0,4}=\s{0,4}(window\.)?URL\.createObjectURL/
        $page = /<(html|script|svg|body|!doctype)[\s>]/ nocase

    condition:
        filesize < 32MB and ($page or $data_program) and $object and any of ($save_*) and any of ($start_*) and
        ($data_kind or $data_long or $data_numbers or (any of ($data_assigned, $data_array) and $decode))
}
