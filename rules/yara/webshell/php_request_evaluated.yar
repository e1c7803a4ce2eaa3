/*
    A web shell in PHP in its shortest form hands what the visitor sends straight to something
    that runs it. Five ways to do so, each with decoders, silencers (@) and comments in between:
    as code, as a command, as the name of the function to call, as a callback, in backticks.
*/
rule php_request_evaluated
{
    meta:
        title_zh = "PHP 网页后门：直接执行访问者提交的内容"
        title_en = "PHP web shell: runs what the visitor sends"
        description_zh = "把请求参数（无论是否先解码）交给代码执行、命令执行或函数调用的 PHP 代码"
        description = "PHP code that passes a request parameter, decoded or not, to an evaluator, a command or a call"
        author = "secwatch"
        date = "2026-11-23"
        version = "1.0"
        severity = "critical"
        confidence = 85
        aspect = "info"
        attack = "T1505.003"
        false_positives_zh = "维护控制台和编写不当的插件；网络安全教学材料"
        false_positives = "Maintenance consoles and badly written plugins; teaching material on web security"
        response_zh = "立即隔离该网站主机并保留样本与访问日志；按文件时间查找首次访问者和其它后门；从匹配前的干净快照恢复网站目录，修补上传或执行漏洞后再上线。"
        response_en = "Isolate the web server, keep the file and the access logs; look for its first visitor and for other shells around the file's time; restore the site from an older, clean snapshot, close the hole, then go online again"
        reference = "https://attack.mitre.org/techniques/T1505/003/"
        licence = "MIT"

    strings:
        $php = /<\?(php|=)/ nocase

        // eval(base64_decode($_POST['x'])), assert(@$_REQUEST[x]), eval/**/("?>".gzinflate($_COOKIE["x"]))
        $code = /\b(eval|assert|create_function)(\s|\/\*[^*]{0,32}\*\/){0,4}\((\s|@|"[^"\r\n]{0,16}"|'[^'\r\n]{0,16}'|[.,]|\/\*[^*]{0,32}\*\/|[a-z0-9_\\]{1,32}\s{0,4}\(){0,12}\$_(GET|POST|REQUEST|COOKIE|SERVER|FILES)\b/ nocase

        // system($_GET["c"]), shell_exec(base64_decode($_SERVER['HTTP_X']))
        $command = /\b(system|passthru|shell_exec|exec|popen|proc_open|pcntl_exec)(\s|\/\*[^*]{0,32}\*\/){0,4}\((\s|@|\/\*[^*]{0,32}\*\/|(base64_decode|urldecode|rawurldecode|hex2bin|strrev|str_rot13|gzinflate|gzuncompress|trim|stripslashes|implode)\s{0,4}\(){0,8}\$_(GET|POST|REQUEST|COOKIE|SERVER)\b/ nocase

        // $_GET['f']($_POST['c'])
        $call = /\$_(GET|POST|REQUEST|COOKIE)\s{0,4}[\[{][^\]}\r\n]{1,48}[\]}]\s{0,4}\(\s{0,4}@?\$_(GET|POST|REQUEST|COOKIE)\b/ nocase

        // array_map($_REQUEST['f'], …), call_user_func("assert", $_POST['c'])
        $callback = /\b(array_map|array_filter|array_walk|usort|uasort|uksort|call_user_func|call_user_func_array|register_shutdown_function|preg_replace_callback)\s{0,4}\(\s{0,4}(["'](assert|system|passthru|exec|shell_exec|eval)["']\s{0,4},\s{0,4}(array\s{0,4}\(|\[)?\s{0,4})?@?\$_(GET|POST|REQUEST|COOKIE)\b/ nocase

        // `$_GET[c]`
        $backtick = /`\s{0,4}(\{\s{0,4})?\$_(GET|POST|REQUEST|COOKIE)\s{0,4}[\[{][^`\r\n]{1,64}`/ nocase

    condition:
        filesize < 4MB and $php and any of ($code, $command, $call, $callback, $backtick)
}
