/*
    Start-up files and one-line droppers hide what they do in this way. An installer that
    unpacks an archive gives it to tar and not to a shell.
*/
rule shell_decoded_code
{
    meta:
        title_zh = "Shell 解码并执行隐藏的代码"
        title_en = "Shell code that runs a decoded literal"
        description = "A shell command that decodes a literal of at least 24 characters (Base64 or hexadecimal) and hands the result, decompressed or not, to an interpreter, by a pipe, a here-string or a substitution, or Python that executes a decoded literal"
        description_zh = "Shell 命令把至少 24 个字符的 Base64 或十六进制字面量解码，并经管道、here-string 或命令替换交给解释器执行（解压与否），或 Python 执行解码后的字面量"
        author = "secwatch"
        date = "2026-11-24"
        version = "1.0"
        severity = "high"
        confidence = 80
        aspect = "info"
        attack = "T1027.010, T1059.004"
        false_positives = "Self-extracting installers; configuration tools that ship scripts through a shell"
        false_positives_zh = "自解压安装程序；经 shell 下发脚本的配置管理工具"
        response_zh = "停用该启动项并保留副本；查明写入时间和帐户；检查同一时间修改的其它文件、任务和密钥，从匹配前的干净快照恢复。"
        response_en = "Disable the entry and keep a copy; find out when and by which account it was written; check what else changed at that time, then restore from an older, clean snapshot"
        reference = "https://attack.mitre.org/techniques/T1027/010/"
        licence = "MIT"

    strings:
        $piped = /[A-Za-z0-9+\/=\\]{24}\\?["']?\s{0,4}\|\s{0,4}(base64\s{1,4}(-d|-D|--decode|-di|-id|-i\s{1,2}-d)\b|openssl\s{1,4}(enc|base64)\s[^|\r\n)`]{0,60}|xxd\s{1,4}-(r|p|ps|rp|r\s{1,2}-p|p\s{1,2}-r|ps\s{1,2}-r)\b)\s{0,4}(\d?>\s{0,2}\/dev\/null\s{0,4})?(\|\s{0,4}(gunzip|gzip|zcat|xz|bunzip2|bzip2|tac|rev|tr|openssl)\b[^|\r\n]{0,40}){0,3}\|\s{0,4}(sudo\s{1,4}|nohup\s{1,4}|exec\s{1,4})?(\/[a-z\/]{1,16}\/)?(env\s{1,4})?((ba|z|k|da|a)?sh|python[0-9.]{0,4}|perl|php|ruby)\b/
        $substituted = /(\beval|\bsh\s{1,4}-[a-z]{0,2}c|bash\s{1,4}-[a-z]{0,2}c|\bsource|\bbash|\bsh|[\r\n;&]\s{0,8}\.)\s{1,4}(<<<\s{0,4})?["']?(\$\(|`|<\()[^)`\r\n]{1,40}[A-Za-z0-9+\/=]{24}\\?["']?\s{0,4}\|\s{0,4}(base64\s{1,4}(-d|-D|--decode|-di|-id|-i\s{1,2}-d)\b|openssl\s{1,4}(enc|base64)\s[^|\r\n)`]{0,60}|xxd\s{1,4}-(r|p|ps|rp|r\s{1,2}-p|p\s{1,2}-r|ps\s{1,2}-r)\b)/
        $substituted_long = /(\beval|\bsh\s{1,4}-[a-z]{0,2}c|bash\s{1,4}-[a-z]{0,2}c|\bsource|\bbash|\bsh|[\r\n;&]\s{0,8}\.)\s{1,4}(<<<\s{0,4})?["']?(\$\(|`|<\()\s{0,4}(echo|printf)\s[^)`\r\n]{24,400}\|\s{0,4}(base64\s{1,4}(-d|-D|--decode|-di|-id|-i\s{1,2}-d)\b|openssl\s{1,4}(enc|base64)\s[^|\r\n)`]{0,60}|xxd\s{1,4}-(r|p|ps|rp|r\s{1,2}-p|p\s{1,2}-r|ps\s{1,2}-r)\b)/
        $here = /\bbase64\s{1,4}(-d|-D|--decode)\s{0,4}<<<\s{0,4}["']?[A-Za-z0-9+\/=]{24,400}["']?\s{0,4}(\|\s{0,4}(gunzip|gzip|zcat|xz|bunzip2)\b[^|\r\n]{0,20}){0,2}\|\s{0,4}(sudo\s{1,4}|nohup\s{1,4}|exec\s{1,4})?(\/[a-z\/]{1,16}\/)?(env\s{1,4})?((ba|z|k|da|a)?sh|python[0-9.]{0,4}|perl|php|ruby)\b/
        $here_substituted = /(\beval|\bsh\s{1,4}-[a-z]{0,2}c|bash\s{1,4}-[a-z]{0,2}c|\bsource|\bbash|\bsh)\s{1,4}(<<<\s{0,4})?["']?(\$\(|`|<\()\s{0,4}base64\s{1,4}(-d|-D|--decode)\s{0,4}<<<\s{0,4}["']?[A-Za-z0-9+\/=]{24}/
        $python = /\bexec\s{0,2}\(\s{0,2}(compile\s{0,2}\(\s{0,2})?((__import__\s{0,2}\(\s{0,2}["'](zlib|gzip|bz2|lzma)["']\s{0,2}\)|zlib|gzip|bz2|lzma)\.decompress\s{0,2}\(\s{0,2})?(__import__\s{0,2}\(\s{0,2}["'](base64|codecs|binascii)["']\s{0,2}\)\s{0,2}\.|base64\.|codecs\.|binascii\.|bytes\.|bytearray\.)?(b64decode|b32decode|b85decode|unhexlify|fromhex|decode)\s{0,2}\(\s{0,2}(codecs\.getencoder[^\r\n]{1,40})?b?["'][A-Za-z0-9+\/=]{24}/

    condition:
        filesize < 1MB and any of them
}
