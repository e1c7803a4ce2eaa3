/*
    Encrypted web shells keep nothing but a loader in the page; what they do comes with each
    request as a compiled class. The loader needs the request, a decoder and defineClass.
*/
rule jsp_class_loader
{
    meta:
        title_zh = "JSP 网页后门：加载访问者发来的类"
        title_en = "JSP web shell: loads a class that the visitor sends"
        description = "A JSP or JSPX page that reads the request, decodes or decrypts data (Base64, hexadecimal or a cipher) and defines a Java class from bytes"
        description_zh = "JSP 或 JSPX 页面读取请求，对数据做 Base64、十六进制解码或解密，并由字节数据定义 Java 类"
        author = "secwatch"
        date = "2026-11-24"
        version = "1.0"
        severity = "critical"
        confidence = 85
        aspect = "info"
        attack = "T1505.003, T1620"
        false_positives = "None known in pages; class loaders belong into libraries, which are not meant"
        false_positives_zh = "页面中未发现；类加载器应在程序库中，而本规则不针对程序库"
        response_zh = "立即隔离该网站主机并保留样本与访问日志；按文件时间查找首次访问者和其它后门；从匹配前的干净快照恢复网站目录，修补漏洞后再上线。"
        response_en = "Isolate the web server, keep the file and the access logs; look for its first visitor and for other shells around the file's time; restore the site from an older, clean snapshot, close the hole, then go online again"
        reference = "https://attack.mitre.org/techniques/T1505/003/"
        licence = "MIT"

    strings:
        $input = /\brequest\s{0,4}\.\s{0,4}(getParameter|getParameterValues|getHeader|getQueryString|getCookies|getInputStream|getReader|getPart)\s{0,4}\(/
         $attribute = /\bpageContext\s{0,4}\.\s{0,4}getRequest\s{0,4}\(/
         $define = /\bdefineClass\s{0,4}\(/
         $define_named = /["']defineClass["']/
         $decode = /\b(Base64|BASE64Decoder|DatatypeConverter|parseHexBinary|Hex\s{0,2}\.\s{0,2}decodeHex|Cipher\s{0,4}\.\s{0,4}getInstance|SecretKeySpec|java\.util\.Base64)\b/
         $hex = /Integer\s{0,2}\.\s{0,2}parseInt\s{0,2}\([^;\r\n]{1,80},\s{0,2}16\s{0,2}\)/
         $scriptlet = /<jsp:(scriptlet|declaration|expression)[\s>]/

    condition:
        filesize < 1MB and any of ($define*) and any of ($input, $attribute) and any of ($decode, $hex) and
         (
             $scriptlet or
             for any position in (0 .. 65535) : (uint16(position) == 0x253C)  // <%
         )
}
