/*
    A packer unpacks into the section that it runs from, or protects nothing at all. Programs
    packed by UPX as it is are left out: the packer is common and its marks make it easy to
    unpack.
*/
rule pe_writable_entry
{
    meta:
        title_zh = "入口位于可写代码节的 PE 程序"
        title_en = "PE program that starts in writable code"
        description = "A PE program, not plainly packed by UPX, whose entry point lies in a section that is writable and executable at once"
        description_zh = "未使用普通 UPX 压缩的 PE 程序，入口点所在的节同时可写、可执行"
        author = "secwatch"
        date = "2026-11-24"
        version = "1.0"
        severity = "medium"
        confidence = 60
        aspect = "info"
        attack = "T1027.002"
        false_positives = "Copy protection of commercial programs; programs of the nineties"
        false_positives_zh = "商业程序的防复制保护；上世纪九十年代的程序"
        response_zh = "核对该程序的来源和签名；无法证实来源的，隔离主机，保留样本，在离线环境中分析后再决定处置。"
        response_en = "Check where the program comes from and whether it is signed; if that cannot be proved, isolate the host, keep the file and have it analysed off the network before deciding"
        reference = "https://attack.mitre.org/techniques/T1027/002/"
        licence = "MIT"

    strings:
        $upx_0 = { 55 50 58 30 00 00 00 00 }
        $upx_1 = { 55 50 58 31 00 00 00 00 }

    condition:
        uint16(0) == 0x5A4D and uint32(uint32(0x3C)) == 0x00004550 and filesize < 64MB and
        uint32(uint32(0x3C) + 40) != 0 and uint16(uint32(0x3C) + 6) <= 96 and
        not ($upx_0 in (0 .. 4096) and $upx_1 in (0 .. 4096)) and
        for any number in (0 .. 95) : (
            number < uint16(uint32(0x3C) + 6) and
            uint32(uint32(0x3C) + 24 + uint16(uint32(0x3C) + 20) + 40 * number + 36) & 0xA0000000 == 0xA0000000 and
            uint32(uint32(0x3C) + 40) >= uint32(uint32(0x3C) + 24 + uint16(uint32(0x3C) + 20) + 40 * number + 12) and
            (
                uint32(uint32(0x3C) + 40) < uint32(uint32(0x3C) + 24 + uint16(uint32(0x3C) + 20) + 40 * number + 12) + uint32(uint32(0x3C) + 24 + uint16(uint32(0x3C) + 20) + 40 * number + 8) or
                uint32(uint32(0x3C) + 40) < uint32(uint32(0x3C) + 24 + uint16(uint32(0x3C) + 20) + 40 * number + 12) + uint32(uint32(0x3C) + 24 + uint16(uint32(0x3C) + 20) + 40 * number + 16)
            )
        )
}
