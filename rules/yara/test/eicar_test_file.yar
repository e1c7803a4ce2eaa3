/*
    The EICAR test file as its specification has it: a file that begins with the 68 characters,
    is at most 128 characters long and holds nothing after them but white space (space, tab,
    line feed, carriage return, Ctrl-Z). The characters are written as hexadecimal numbers, so
    that no virus scanner takes this rule for the file.
*/
rule eicar_test_file
{
    meta:
        title_zh = "EICAR 反病毒测试文件"
        title_en = "EICAR anti-virus test file"
        description_zh = "各家反病毒软件约定都要报告的无害文件；用来证明扫描有效"
        description = "The harmless file that every virus scanner agrees to detect; it proves that scanning works"
        author = "secwatch"
        date = "2026-11-23"
        version = "1.0"
        severity = "medium"
        confidence = 99
        aspect = "info"
        attack = "none"
        false_positives_zh = "没有：文件就是它所声明的那样。测试环境和反病毒资料会有意存放"
        false_positives = "None: the file is what it says. Test benches and anti-virus documentation hold it on purpose"
        response_zh = "确认是否为计划内的检测验证；若不是，查明何人何时放置，然后删除该文件。"
        response_en = "Find out whether it belongs to a planned test; if not, who put it there and when. Then delete it"
        reference = "https://www.eicar.org/download-anti-malware-testfile/"
        licence = "MIT"

    strings:
        $characters = {
            58 35 4F 21 50 25 40 41 50 5B 34 5C 50 5A 58 35 34 28 50 5E 29 37 43 43 29 37 7D 24
            45 49 43 41 52 2D 53 54 41 4E 44 41 52 44 2D 41 4E 54 49 56 49 52 55 53 2D 54 45 53 54 2D 46 49 4C 45
            21 24 48 2B 48 2A
        }

    condition:
        filesize <= 128 and $characters at 0 and
        (
            filesize == 68 or
            for all position in (68 .. filesize - 1) : (
                uint8(position) == 0x20 or uint8(position) == 0x09 or uint8(position) == 0x0A or
                uint8(position) == 0x0D or uint8(position) == 0x1A
            )
        )
}
