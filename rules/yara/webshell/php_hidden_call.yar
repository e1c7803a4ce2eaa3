/*
    The name of the evaluator is not to be found in such a page: it is built at run time and
    called through a variable. So the building and the call are looked for, and both must stand
    close together.
*/
rule php_hidden_call
{
    meta:
        title_zh = "PHP 网页后门：拼接或解码出的函数处理访问者提交的内容"
        title_en = "PHP web shell: a disguised function name is called with what the visitor sends"
        description = "PHP code that gives a request parameter, decoded or not, to a function called through a variable, where a name was put together from short pieces, character codes, escapes or single characters, or decoded from a literal, at most 800 characters before the call"
        description_zh = "PHP 代码先用短字符串拼接、字符编码、转义、逐字取字符或解码字面量得到函数名，并在其后 800 个字符之内经变量调用该函数，参数（解码与否）取自访问请求"
        author = "secwatch"
        date = "2026-11-24"
        version = "1.0"
        severity = "critical"
        confidence = 80
        aspect = "info"
        attack = "T1505.003, T1027.010"
        false_positives = "Obfuscated commercial plugins; teaching material on web security"
        false_positives_zh = "混淆过的商业插件；网络安全教学材料"
        response_zh = "立即隔离该网站主机并保留样本与访问日志；按文件时间查找首次访问者和其它后门；从匹配前的干净快照恢复网站目录，修补漏洞后再上线。"
        response_en = "Isolate the web server, keep the file and the access logs; look for its first visitor and for other shells around the file's time; restore the site from an older, clean snapshot, close the hole, then go online again"
        reference = "https://attack.mitre.org/techniques/T1505/003/"
        licence = "MIT"

    strings:
        // A variable is called with request data; what precedes shows how the name came about.
        // $f = "as" . "sert";
        $pieces = /["'][a-z_0-9]{1,10}["'](\s{0,4}\.\s{0,4}["'][a-z_0-9]{1,10}["']){1,10}\s{0,4};[^\x00]{0,800}\$[a-z_][a-z0-9_]{0,31}(\[[^\]\r\n]{1,32}\]){0,2}\s{0,4}\(\s{0,4}@?([a-z0-9_]{1,24}\s{0,4}\(\s{0,4}@?){0,3}\$_(GET|POST|REQUEST|COOKIE|SERVER)\b/ nocase
        // $f = chr(97) . chr(115) . ...;
        $codes = /chr\s{0,4}\(\s{0,4}[0-9a-fx^+* -]{1,12}\s{0,4}\)\s{0,4}\.\s{0,4}chr\s{0,4}\([^\x00]{0,800}\$[a-z_][a-z0-9_]{0,31}(\[[^\]\r\n]{1,32}\]){0,2}\s{0,4}\(\s{0,4}@?([a-z0-9_]{1,24}\s{0,4}\(\s{0,4}@?){0,3}\$_(GET|POST|REQUEST|COOKIE|SERVER)\b/ nocase
        // $f = "\x61\x73..."; or octal
        $escapes = /["'][^"'\r\n]{0,24}\\(x[0-9a-f]{2}|[0-7]{2,3})[^"'\r\n]{0,64}["']\s{0,4};[^\x00]{0,800}\$[a-z_][a-z0-9_]{0,31}(\[[^\]\r\n]{1,32}\]){0,2}\s{0,4}\(\s{0,4}@?([a-z0-9_]{1,24}\s{0,4}\(\s{0,4}@?){0,3}\$_(GET|POST|REQUEST|COOKIE|SERVER)\b/ nocase
        // $f = $s[3] . $s[7] . $s[1];
        $letters = /\$[a-z_0-9]{1,24}\s{0,2}[\[{]\s{0,2}\d{1,3}\s{0,2}[\]}]\s{0,4}\.\s{0,4}\$[a-z_0-9]{1,24}\s{0,2}[\[{]\s{0,2}\d{1,3}\s{0,2}[\]}][^\x00]{0,800}\$[a-z_][a-z0-9_]{0,31}(\[[^\]\r\n]{1,32}\]){0,2}\s{0,4}\(\s{0,4}@?([a-z0-9_]{1,24}\s{0,4}\(\s{0,4}@?){0,3}\$_(GET|POST|REQUEST|COOKIE|SERVER)\b/ nocase
        // $f = str_rot13("..."); $f = implode("", ["a", ...]); $f = "..." ^ "...";
        $decoded = /=\s{0,4}@?(str_rot13|strrev|base64_decode|hex2bin|rawurldecode|urldecode|pack|convert_uudecode|str_replace|implode|join|substr|strtr|gzinflate)\s{0,4}\(\s{0,4}(["'\[]|array\s{0,4}\()[^\x00]{0,800}\$[a-z_][a-z0-9_]{0,31}(\[[^\]\r\n]{1,32}\]){0,2}\s{0,4}\(\s{0,4}@?([a-z0-9_]{1,24}\s{0,4}\(\s{0,4}@?){0,3}\$_(GET|POST|REQUEST|COOKIE|SERVER)\b/ nocase
        $xored = /["']\s{0,4}\^\s{0,4}["'][^\x00]{0,800}\$[a-z_][a-z0-9_]{0,31}(\[[^\]\r\n]{1,32}\]){0,2}\s{0,4}\(\s{0,4}@?([a-z0-9_]{1,24}\s{0,4}\(\s{0,4}@?){0,3}\$_(GET|POST|REQUEST|COOKIE|SERVER)\b/ nocase
        // $a = "as"; $b = "sert"; $f = $a . $b;
        $variables = /["'][a-z_0-9]{1,10}["']\s{0,4};\s{0,8}\$[a-z_0-9]{1,24}\s{0,4}=\s{0,4}["'][a-z_0-9]{1,10}["']\s{0,4};[^\x00]{0,200}=\s{0,4}\$[a-z_0-9]{1,24}(\s{0,4}\.\s{0,4}\$[a-z_0-9]{1,24}){1,10}\s{0,4};[^\x00]{0,300}\$[a-z_][a-z0-9_]{0,31}(\[[^\]\r\n]{1,32}\]){0,2}\s{0,4}\(\s{0,4}@?([a-z0-9_]{1,24}\s{0,4}\(\s{0,4}@?){0,3}\$_(GET|POST|REQUEST|COOKIE|SERVER)\b/ nocase

        $php = /<\?(php|=)/ nocase

    condition:
        filesize < 4MB and $php and any of ($pieces, $variables, $codes, $escapes, $letters, $decoded, $xored)
}
