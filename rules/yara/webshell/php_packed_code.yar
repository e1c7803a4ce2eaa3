/*
    One decoder before an evaluator is found in honest code; two of them, one within the other,
    serve to hide it. The evaluator may stand around them or take the variable that they filled.
*/
rule php_packed_code
{
    meta:
        title_zh = "PHP 执行多层解码的代码"
        title_en = "PHP that runs code unpacked by nested decoders"
        description = "PHP code that evaluates, directly or through one variable, what two or more decoders or decompressors applied to each other give"
        description_zh = "PHP 代码对内容套用两层或更多解码、解压函数，并把结果直接或经一个变量交给求值函数执行"
        author = "secwatch"
        date = "2026-11-24"
        version = "1.0"
        severity = "high"
        confidence = 70
        aspect = "info"
        attack = "T1027, T1505.003"
        false_positives = "Licence-protected commercial PHP products; some page caches"
        false_positives_zh = "带授权保护的商业 PHP 产品；部分页面缓存"
        response_zh = "立即隔离该网站主机并保留样本与访问日志；按文件时间查找首次访问者和其它后门；从匹配前的干净快照恢复网站目录，修补漏洞后再上线。"
        response_en = "Isolate the web server, keep the file and the access logs; look for its first visitor and for other shells around the file's time; restore the site from an older, clean snapshot, close the hole, then go online again"
        reference = "https://attack.mitre.org/techniques/T1027/"
        licence = "MIT"

    strings:
        // The names of decoders, in nearly every PHP project alone, are looked for only beside an evaluator.
        $nested = /\b(eval|assert|create_function)\s{0,8}\([@"'?>.,\s]{0,16}(gzinflate|gzuncompress|gzdecode|bzdecompress|str_rot13|strrev|base64_decode|rawurldecode|urldecode|hex2bin|convert_uudecode)\s{0,4}\(\s{0,4}@?(gzinflate|gzuncompress|gzdecode|bzdecompress|str_rot13|strrev|base64_decode|rawurldecode|urldecode|hex2bin|convert_uudecode)\s{0,4}\(/ nocase
        $step = /\$[a-z_][a-z0-9_]{0,31}\s{0,4}=\s{0,4}@?(gzinflate|gzuncompress|gzdecode|bzdecompress|str_rot13|strrev|base64_decode|rawurldecode|urldecode|hex2bin|convert_uudecode)\s{0,4}\(\s{0,4}@?(gzinflate|gzuncompress|gzdecode|bzdecompress|str_rot13|strrev|base64_decode|rawurldecode|urldecode|hex2bin|convert_uudecode)\s{0,4}\(/ nocase
        $run = /\b(eval|assert)\s{0,4}\(\s{0,4}(["']\s{0,2}\?>\s{0,2}["']\s{0,4}\.\s{0,4})?\$[a-z_][a-z0-9_]{0,31}\s{0,4}\)/ nocase
        $php = /<\?(php|=)/ nocase

    condition:
        filesize < 8MB and $php and ($nested or ($step and $run))
}
