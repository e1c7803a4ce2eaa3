/*
    An upload check that looks at the first bytes lets such a file pass; the server runs it when
    the name or the configuration says PHP.
*/
rule php_image_with_code
{
    meta:
        title_zh = "图片文件中夹带 PHP 代码"
        title_en = "Picture that carries PHP code"
        description = "A file that begins as a GIF, JPEG or PNG picture and holds a PHP tag followed, within 1000 characters, by a read of a request parameter or a call that evaluates code, includes a file or starts a command"
        description_zh = "以 GIF、JPEG 或 PNG 文件头开始，内含 PHP 标记，且其后 1000 个字符之内读取请求参数，或调用求值、包含文件、执行命令的函数"
        author = "secwatch"
        date = "2026-11-24"
        version = "1.0"
        severity = "critical"
        confidence = 85
        aspect = "info"
        attack = "T1505.003, T1027.009"
        false_positives = "Samples in the test data of PHP projects and virus scanners"
        false_positives_zh = "PHP 项目和病毒扫描软件测试数据中的样本"
        response_zh = "立即隔离该网站主机并保留样本与访问日志；按文件时间查找首次访问者和其它后门；从匹配前的干净快照恢复网站目录，修补漏洞后再上线。"
        response_en = "Isolate the web server, keep the file and the access logs; look for its first visitor and for other shells around the file's time; restore the site from an older, clean snapshot, close the hole, then go online again"
        reference = "https://attack.mitre.org/techniques/T1505/003/"
        licence = "MIT"

    strings:
        $code = /<\?(php\s|=)[^\x00]{0,1000}(\$_(GET|POST|REQUEST|COOKIE|SERVER|FILES)\b|\b(eval|assert|system|exec|shell_exec|passthru|popen|proc_open|create_function|include|include_once|require|base64_decode)\s{0,4}[("'$])/ nocase

    condition:
        (uint32(0) == 0x38464947 or (uint16(0) == 0xD8FF and uint8(2) == 0xFF) or uint32(0) == 0x474E5089) and
        filesize < 16MB and $code
}
