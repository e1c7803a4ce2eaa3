/*
    A tunnel over HTTP needs verbs for its connection because HTTP has none: to open it, to
    close it, to read and to write. Three of them beside a socket in a page is the trait,
    whatever the page is called.
*/
rule web_tunnel_page
{
    meta:
        title_zh = "网页隧道：经网站转发到内网的连接"
        title_en = "Web page that tunnels connections into the network"
        description = "A PHP, JSP or ASP.NET page that opens a TCP connection to a host and port taken from the request and obeys at least three of the verbs connect, disconnect, read and forward given as text"
        description_zh = "PHP、JSP 或 ASP.NET 页面按请求给出的主机和端口建立 TCP 连接，并响应以文本给出的 connect、disconnect、read、forward 中的至少三种指令"
        author = "secwatch"
        date = "2026-11-24"
        version = "1.0"
        severity = "critical"
        confidence = 80
        aspect = "info"
        attack = "T1505.003, T1090.001"
        false_positives = "Web consoles that relay to a fixed host seldom use these four verbs"
        false_positives_zh = "中继到固定主机的网页控制台，但很少使用这四种指令"
        response_zh = "立即隔离该网站主机并保留样本与访问日志；按文件时间查找首次访问者和其它后门；从匹配前的干净快照恢复网站目录，修补漏洞后再上线。"
        response_en = "Isolate the web server, keep the file and the access logs; look for its first visitor and for other shells around the file's time; restore the site from an older, clean snapshot, close the hole, then go online again"
        reference = "https://attack.mitre.org/techniques/T1505/003/"
        licence = "MIT"

    strings:
        $verb_connect = /["']connect["']/ nocase
        $verb_disconnect = /["'](disconnect|close)["']/ nocase
        $verb_read = /["'](read|recv|receive)["']/ nocase
        $verb_forward = /["'](forward|send|write)["']/ nocase
        $socket = /\b(fsockopen|pfsockopen|stream_socket_client|socket_connect|SocketChannel\s{0,2}\.\s{0,2}open|new\s{1,4}(java\.net\.)?Socket|new\s{1,4}(System\.Net\.Sockets\.)?(TcpClient|Socket))\s{0,4}\(/
        $named = /(getHeader|getParameter|Headers\s{0,2}\.\s{0,2}Get|QueryString\s{0,2}\.\s{0,2}Get|\$headers|Request\s{0,2}\.\s{0,2}(Headers|QueryString|Form|Params)|Request|HTTP_X_|\$_(GET|POST|SERVER|REQUEST))[^;\r\n]{0,24}(target|host|addr|ip|port|dst|remote)/ nocase
        $php = /<\?(php|=)/ nocase
        $scriptlet = /<script[^>]{1,100}runat\s{0,2}=\s{0,2}["']?server/ nocase

    condition:
        filesize < 1MB and $socket and $named and 3 of ($verb_*) and
         (
             $php or $scriptlet or
             for any position in (0 .. 65535) : (uint16(position) == 0x253C)  // <%
         )
}
