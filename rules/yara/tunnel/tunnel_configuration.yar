/*
    Convenient tunnels are how a municipal network most often gets a hole, with or without bad
    intent. Several programs share the words of this configuration.
*/
rule tunnel_configuration
{
    meta:
        title_zh = "内网穿透工具的配置"
        title_en = "Configuration of a reverse tunnel"
        description = "A configuration in INI, TOML, YAML or JSON that names a server outside by address and port or key and gives, for at least one service, a local address or port of this network that is to be reached through it on a remote port, domain or by a secret"
        description_zh = "INI、TOML、YAML 或 JSON 配置，给出外部服务器的地址和端口或密钥，并至少为一项服务给出内网本地地址或端口，经远端端口、域名或密钥可达"
        author = "secwatch"
        date = "2026-11-24"
        version = "1.0"
        severity = "medium"
        confidence = 80
        aspect = "info"
        attack = "T1572, T1090"
        false_positives = "Tunnels that a department runs with approval"
        false_positives_zh = "部门经批准运行的隧道"
        response_zh = "确认是否经批准部署；若不是，结束进程，在边界封禁其服务器地址，检查经隧道访问过的内部主机。"
        response_en = "Find out whether it was approved; if not, end it, block its server at the border and check the internal hosts that were reached through it"
        reference = "https://attack.mitre.org/techniques/T1572/"
        licence = "MIT"

    strings:
        $server = /\b(server_addr|serverAddr)["']?\s{0,4}[=:]\s{0,4}["']?[^\s#"']{1,100}/
        $server_port = /\b(server_port|serverPort|vkey|bridge_port)["']?\s{0,4}[=:]\s{0,4}["']?[^\s#"']{1,80}/
        $local = /\b(local_port|localPort|local_ip|localIP|target_addr|plugin_local_path)["']?\s{0,4}[=:]\s{0,4}["']?[^\s#"']{1,80}/
        $remote = /\b(remote_port|remotePort|custom_domains|customDomains|subdomain|secretKey|secret_key)["']?\s{0,4}[=:]\s{0,4}["'\[]{0,2}[^\s#"'\]]{1,100}/
        $nps_mode = /[\r\n]\s{0,4}mode\s{0,4}=\s{0,4}(tcp|udp|socks5|httpProxy|secret|p2p|file)\b/
        $nps_port = /[\r\n]\s{0,4}server_port\s{0,4}=\s{0,4}\d{1,5}/
        $ngrok_token = /\b(authtoken|auth_token|server_addr)\s{0,2}:\s{1,4}["']?[^\s#]{4,100}/
        $ngrok_tunnels = /[\r\n]tunnels\s{0,2}:/
        $ngrok_address = /[\r\n]\s{1,12}(addr|proto|proto\.[a-z]{3,6}|http|https|tcp)\s{0,2}:\s{1,4}["']?[^\s#]{2,100}/
        $rathole_client = /\[client\]/
        $rathole_service = /[\r\n]\[client\.services\.[^\]\r\n]{1,60}\]/
        $rathole_remote = /[\r\n]\s{0,4}remote_addr\s{0,4}=\s{0,4}["'][^"'\r\n]{3,100}["']/
        $rathole_local = /[\r\n]\s{0,4}local_addr\s{0,4}=\s{0,4}["'][^"'\r\n]{3,100}["']/

    condition:
        filesize < 256KB and
        (
            ($server and $server_port and $local and ($remote or ($nps_mode and $nps_port))) or
            ($ngrok_token and $ngrok_tunnels and $ngrok_address) or
            ($rathole_client and $rathole_service and $rathole_remote and $rathole_local)
        )
}
