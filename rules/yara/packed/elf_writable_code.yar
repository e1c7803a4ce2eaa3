/*
    Compilers have kept code and data apart for twenty years and linkers write a section table.
    Packers and injected loaders do neither. The program headers are read from the file itself:
    at 56 bytes each with flags at 4 (64 bits), or 32 bytes each with flags at 24 (32 bits).
*/
rule elf_writable_code
{
    meta:
        title_zh = "代码段可写且没有节表的 ELF 程序"
        title_en = "ELF program with writable code and without sections"
        description = "An executable ELF file, of 32 or 64 bits, little endian, that has no section table and at least one loadable segment that is writable and executable at once"
        description_zh = "小端 32 位或 64 位 ELF 可执行文件，没有节表，且至少有一个可装载段同时可写、可执行"
        author = "secwatch"
        date = "2026-11-24"
        version = "1.0"
        severity = "high"
        confidence = 70
        aspect = "info"
        attack = "T1027.002, T1620"
        false_positives = "Unpacked firmware of embedded devices; very small programs for demonstration"
        false_positives_zh = "解包后的嵌入式设备固件；用于演示的极小程序"
        response_zh = "核对该程序的来源和签名；无法证实来源的，隔离主机，保留样本，在离线环境中分析后再决定处置。"
        response_en = "Check where the program comes from and whether it is signed; if that cannot be proved, isolate the host, keep the file and have it analysed off the network before deciding"
        reference = "https://attack.mitre.org/techniques/T1027/002/"
        licence = "MIT"

    condition:
        uint32(0) == 0x464C457F and uint8(5) == 1 and (uint16(16) == 2 or uint16(16) == 3) and filesize < 64MB and
        (
            (
                uint8(4) == 2 and uint16(60) == 0 and uint32(36) == 0 and uint16(54) == 56 and uint16(56) < 64 and
                for any number in (0 .. 63) : (
                    number < uint16(56) and uint32(uint32(32) + number * 56) == 1 and
                    uint32(uint32(32) + number * 56 + 4) & 3 == 3
                )
            ) or
            (
                uint8(4) == 1 and uint16(48) == 0 and uint16(42) == 32 and uint16(44) < 64 and
                for any number in (0 .. 63) : (
                    number < uint16(44) and uint32(uint32(28) + number * 32) == 1 and
                    uint32(uint32(28) + number * 32 + 24) & 3 == 3
                )
            )
        )
}
