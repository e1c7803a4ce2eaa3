/*
    The file may be called anything; the paths of the modules that it was compiled from stay in
    it, in every panic message and in the table of functions.
*/
rule tunnel_program
{
    meta:
        title_zh = "内网穿透程序"
        title_en = "Tunnelling program"
        description = "An ELF or PE program that holds at least three times the module path of a known open-source tunnelling program, as Go and Rust compilers leave it in the program"
        description_zh = "ELF 或 PE 程序中至少三次出现已知开源隧道软件的模块路径（Go、Rust 编译器留在程序中）"
        author = "secwatch"
        date = "2026-11-24"
        version = "1.0"
        severity = "medium"
        confidence = 85
        aspect = "info"
        attack = "T1572, T1090"
        false_positives = "Tunnels that a department runs with approval"
        false_positives_zh = "部门经批准运行的隧道"
        response_zh = "确认是否经批准部署；若不是，结束进程，在边界封禁其服务器地址，检查经隧道访问过的内部主机。"
        response_en = "Find out whether it was approved; if not, end it, block its server at the border and check the internal hosts that were reached through it"
        reference = "https://attack.mitre.org/techniques/T1572/"
        licence = "MIT"

    strings:
        $path_1 = "github.com/fatedier/frp/"
        $path_2 = "github.com/jpillora/chisel/"
        $path_3 = "ehang.io/nps/"
        $path_4 = /github\.com\/nicocha30\/ligolo(-ng)?\//
        $path_5 = /github\.com\/(go-gost|ginuerzh)\/[a-z]{1,12}[\/.]/
        $path_6 = "github.com/esrrhs/pingtunnel"
        $path_7 = "github.com/rapiz1/rathole"
        $path_8 = /rathole[-\/][0-9.\/a-z-]{0,24}src\/(client|server)\.rs/
        $path_9 = /github\.com\/(Dliv3\/Venom|ph4ntonn\/Stowaway|FunnyWolf\/pystinger|sensepost\/reGeorg|zema1\/suo5|xtaci\/kcptun|inconshreveable\/ngrok)/
        $path_10 = /golang\.ngrok\.com\/ngrok/
        $path_11 = /github\.com\/(yisier|cnlh|djylb)\/nps\//
        $path_12 = /\brathole::[a-z_]{3,20}/

    condition:
        (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D) and filesize < 64MB and
        #path_1 + #path_2 + #path_3 + #path_4 + #path_5 + #path_6 + #path_7 + #path_8 + #path_9 + #path_10 + #path_11 + #path_12 >= 3
}
