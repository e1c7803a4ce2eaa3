/*
    Binders put a second program behind an honest one and start both. The end of the last
    section is the largest sum of a section's place and size in the file.
*/
rule pe_followed_by_program
{
    meta:
        title_zh = "尾部附加另一个程序的 PE 程序"
        title_en = "PE program followed by another program"
        description = "A PE program behind whose last section, with nothing in between, another executable begins (PE with a valid header, or ELF)"
        description_zh = "PE 程序最后一节之后紧接着另一个可执行文件（有效的 PE 或 ELF）"
        author = "secwatch"
        date = "2026-11-24"
        version = "1.0"
        severity = "medium"
        confidence = 60
        aspect = "info"
        attack = "T1027.009, T1036"
        false_positives = "Installers and tools that carry a helper program behind themselves"
        false_positives_zh = "在自身之后附带辅助程序的安装程序和工具"
        response_zh = "核对该程序的来源和签名；无法证实来源的，隔离主机，保留样本，在离线环境中分析后再决定处置。"
        response_en = "Check where the program comes from and whether it is signed; if that cannot be proved, isolate the host, keep the file and have it analysed off the network before deciding"
        reference = "https://attack.mitre.org/techniques/T1027/009/"
        licence = "MIT"

    condition:
        uint16(0) == 0x5A4D and uint32(uint32(0x3C)) == 0x00004550 and filesize < 128MB and uint16(uint32(0x3C) + 6) <= 96 and
        for any number in (0 .. 95) : (
            number < uint16(uint32(0x3C) + 6) and uint32(uint32(0x3C) + 24 + uint16(uint32(0x3C) + 20) + 40 * number + 16) > 0 and
            (
                (
                    uint16(uint32(uint32(0x3C) + 24 + uint16(uint32(0x3C) + 20) + 40 * number + 20) + uint32(uint32(0x3C) + 24 + uint16(uint32(0x3C) + 20) + 40 * number + 16)) == 0x5A4D and
                    uint32(uint32(uint32(0x3C) + 24 + uint16(uint32(0x3C) + 20) + 40 * number + 20) + uint32(uint32(0x3C) + 24 + uint16(uint32(0x3C) + 20) + 40 * number + 16) + uint32(uint32(uint32(0x3C) + 24 + uint16(uint32(0x3C) + 20) + 40 * number + 20) + uint32(uint32(0x3C) + 24 + uint16(uint32(0x3C) + 20) + 40 * number + 16) + 0x3C)) == 0x00004550
                ) or
                uint32(uint32(uint32(0x3C) + 24 + uint16(uint32(0x3C) + 20) + 40 * number + 20) + uint32(uint32(0x3C) + 24 + uint16(uint32(0x3C) + 20) + 40 * number + 16)) == 0x464C457F
            ) and
            for all other in (0 .. 95) : (
                other >= uint16(uint32(0x3C) + 6) or
                uint32(uint32(0x3C) + 24 + uint16(uint32(0x3C) + 20) + 40 * other + 20) + uint32(uint32(0x3C) + 24 + uint16(uint32(0x3C) + 20) + 40 * other + 16) <=
                uint32(uint32(0x3C) + 24 + uint16(uint32(0x3C) + 20) + 40 * number + 20) + uint32(uint32(0x3C) + 24 + uint16(uint32(0x3C) + 20) + 40 * number + 16)
            )
        )
}
