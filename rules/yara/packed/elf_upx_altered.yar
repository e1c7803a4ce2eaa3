/*
    Whoever packs with UPX and has nothing to hide leaves the marks, which its own unpacker
    needs. They are overwritten to keep analysts from unpacking. Source of the messages: stubs
    of UPX 3 and 4.
*/
rule elf_upx_altered
{
    meta:
        title_zh = "被改动的 UPX 压缩程序"
        title_en = "Altered UPX packing"
        description = "An ELF program packed by UPX whose marks were altered: it has the unpacking code's message about memory protection, or the packer's information line, but fewer than two of the packer's UPX! marks"
        description_zh = "经 UPX 压缩但标记被改动的 ELF 程序：有解压代码关于内存保护的提示或压缩器的信息行，但 UPX! 标记不足两处"
        author = "secwatch"
        date = "2026-11-24"
        version = "1.0"
        severity = "high"
        confidence = 75
        aspect = "info"
        attack = "T1027.002"
        false_positives = "Programs that contain the packer itself"
        false_positives_zh = "自身包含该压缩壳的程序"
        response_zh = "核对该程序的来源和签名；无法证实来源的，隔离主机，保留样本，在离线环境中分析后再决定处置。"
        response_en = "Check where the program comes from and whether it is signed; if that cannot be proved, isolate the host, keep the file and have it analysed off the network before deciding"
        reference = "https://attack.mitre.org/techniques/T1027/002/"
        licence = "MIT"

    strings:
        $message = /PROT_EXEC\|PROT_WRITE failed\.\n/
        $information = /\$Info: This file is packed with the /
        $identity = /\$Id: [A-Z]{3} \d\.\d{2} Copyright \(C\) 1996-20\d{2} the /
        $mark = "UPX!"

    condition:
        uint32(0) == 0x464C457F and filesize < 32MB and any of ($message, $information, $identity) and #mark < 2
}
