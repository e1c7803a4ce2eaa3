/*
    A program of this size does something, and for that needs more of Windows than four
    functions: it looks up the others at run time, so that they are not seen. The import
    directory is read from the file: entries of 20 bytes, the name at 12, the list of addresses
    at 16; data directories begin 120 bytes behind the signature in programs of 32 bits, 136 in
    those of 64.
*/
rule pe_tiny_imports
{
    meta:
        title_zh = "几乎没有导入函数的 PE 程序"
        title_en = "PE program with next to no imports"
        description = "A native PE program (not .NET) larger than 16 KB that imports from a single library, and at most four functions, among them the one that looks up others"
        description_zh = "大于 16 KB 的本机 PE 程序（非 .NET），只从一个库导入至多四个函数，其中包括查找其它函数地址的函数"
        author = "secwatch"
        date = "2026-11-24"
        version = "1.0"
        severity = "medium"
        confidence = 65
        aspect = "info"
        attack = "T1027.007, T1027.002"
        false_positives = "Packed commercial programs; stubs of installers"
        false_positives_zh = "加壳的商业程序；安装程序的引导部分"
        response_zh = "核对该程序的来源和签名；无法证实来源的，隔离主机，保留样本，在离线环境中分析后再决定处置。"
        response_en = "Check where the program comes from and whether it is signed; if that cannot be proved, isolate the host, keep the file and have it analysed off the network before deciding"
        reference = "https://attack.mitre.org/techniques/T1027/007/"
        licence = "MIT"

    strings:
        $lookup = /\b(GetProcAddress|LdrGetProcedureAddress)\x00/

    condition:
        uint16(0) == 0x5A4D and uint32(uint32(0x3C)) == 0x00004550 and filesize > 16KB and filesize < 64MB and uint16(uint32(0x3C) + 6) <= 96 and $lookup and
        (
            (
                uint16(uint32(0x3C) + 24) == 0x010B and
                uint32(uint32(0x3C) + 128) != 0 and uint32(uint32(0x3C) + 232) == 0 and
                for any number in (0 .. 95) : (
                    number < uint16(uint32(0x3C) + 6) and
                    uint32(uint32(0x3C) + 128) >= uint32(uint32(0x3C) + 24 + uint16(uint32(0x3C) + 20) + 40 * number + 12) and
                    uint32(uint32(0x3C) + 128) < uint32(uint32(0x3C) + 24 + uint16(uint32(0x3C) + 20) + 40 * number + 12) + uint32(uint32(0x3C) + 24 + uint16(uint32(0x3C) + 20) + 40 * number + 16) and
                    uint32((uint32(uint32(0x3C) + 128) - uint32(uint32(0x3C) + 24 + uint16(uint32(0x3C) + 20) + 40 * number + 12) + uint32(uint32(0x3C) + 24 + uint16(uint32(0x3C) + 20) + 40 * number + 20)) + 12) != 0 and uint32((uint32(uint32(0x3C) + 128) - uint32(uint32(0x3C) + 24 + uint16(uint32(0x3C) + 20) + 40 * number + 12) + uint32(uint32(0x3C) + 24 + uint16(uint32(0x3C) + 20) + 40 * number + 20)) + 32) == 0 and
                    uint32((uint32(uint32(0x3C) + 128) - uint32(uint32(0x3C) + 24 + uint16(uint32(0x3C) + 20) + 40 * number + 12) + uint32(uint32(0x3C) + 24 + uint16(uint32(0x3C) + 20) + 40 * number + 20)) + 16) >= uint32(uint32(0x3C) + 24 + uint16(uint32(0x3C) + 20) + 40 * number + 12) and
                    uint32((uint32(uint32(0x3C) + 128) - uint32(uint32(0x3C) + 24 + uint16(uint32(0x3C) + 20) + 40 * number + 12) + uint32(uint32(0x3C) + 24 + uint16(uint32(0x3C) + 20) + 40 * number + 20)) + 16) < uint32(uint32(0x3C) + 24 + uint16(uint32(0x3C) + 20) + 40 * number + 12) + uint32(uint32(0x3C) + 24 + uint16(uint32(0x3C) + 20) + 40 * number + 16) and
                    for any last in (1 .. 4) : (uint32((uint32((uint32(uint32(0x3C) + 128) - uint32(uint32(0x3C) + 24 + uint16(uint32(0x3C) + 20) + 40 * number + 12) + uint32(uint32(0x3C) + 24 + uint16(uint32(0x3C) + 20) + 40 * number + 20)) + 16) - uint32(uint32(0x3C) + 24 + uint16(uint32(0x3C) + 20) + 40 * number + 12) + uint32(uint32(0x3C) + 24 + uint16(uint32(0x3C) + 20) + 40 * number + 20)) + 4 * last) == 0)
                )
            ) or
            (
                uint16(uint32(0x3C) + 24) == 0x020B and
                uint32(uint32(0x3C) + 144) != 0 and uint32(uint32(0x3C) + 248) == 0 and
                for any number in (0 .. 95) : (
                    number < uint16(uint32(0x3C) + 6) and
                    uint32(uint32(0x3C) + 144) >= uint32(uint32(0x3C) + 24 + uint16(uint32(0x3C) + 20) + 40 * number + 12) and
                    uint32(uint32(0x3C) + 144) < uint32(uint32(0x3C) + 24 + uint16(uint32(0x3C) + 20) + 40 * number + 12) + uint32(uint32(0x3C) + 24 + uint16(uint32(0x3C) + 20) + 40 * number + 16) and
                    uint32((uint32(uint32(0x3C) + 144) - uint32(uint32(0x3C) + 24 + uint16(uint32(0x3C) + 20) + 40 * number + 12) + uint32(uint32(0x3C) + 24 + uint16(uint32(0x3C) + 20) + 40 * number + 20)) + 12) != 0 and uint32((uint32(uint32(0x3C) + 144) - uint32(uint32(0x3C) + 24 + uint16(uint32(0x3C) + 20) + 40 * number + 12) + uint32(uint32(0x3C) + 24 + uint16(uint32(0x3C) + 20) + 40 * number + 20)) + 32) == 0 and
                    uint32((uint32(uint32(0x3C) + 144) - uint32(uint32(0x3C) + 24 + uint16(uint32(0x3C) + 20) + 40 * number + 12) + uint32(uint32(0x3C) + 24 + uint16(uint32(0x3C) + 20) + 40 * number + 20)) + 16) >= uint32(uint32(0x3C) + 24 + uint16(uint32(0x3C) + 20) + 40 * number + 12) and
                    uint32((uint32(uint32(0x3C) + 144) - uint32(uint32(0x3C) + 24 + uint16(uint32(0x3C) + 20) + 40 * number + 12) + uint32(uint32(0x3C) + 24 + uint16(uint32(0x3C) + 20) + 40 * number + 20)) + 16) < uint32(uint32(0x3C) + 24 + uint16(uint32(0x3C) + 20) + 40 * number + 12) + uint32(uint32(0x3C) + 24 + uint16(uint32(0x3C) + 20) + 40 * number + 16) and
                    for any last in (1 .. 4) : (uint32((uint32((uint32(uint32(0x3C) + 144) - uint32(uint32(0x3C) + 24 + uint16(uint32(0x3C) + 20) + 40 * number + 12) + uint32(uint32(0x3C) + 24 + uint16(uint32(0x3C) + 20) + 40 * number + 20)) + 16) - uint32(uint32(0x3C) + 24 + uint16(uint32(0x3C) + 20) + 40 * number + 12) + uint32(uint32(0x3C) + 24 + uint16(uint32(0x3C) + 20) + 40 * number + 20)) + 8 * last) == 0)
                )
            )
        )
}
