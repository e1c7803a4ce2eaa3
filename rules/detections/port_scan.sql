/*
id = "port_scan"
title.zh = "端口扫描"
title.en = "Port scan"
description.zh = "一个地址在五分钟内对同一目标的许多端口尝试连接而未成功：攻击者在找可入侵的服务。"
description.en = "One address tried many ports of one target within five minutes and got no connection: somebody looks for a way in."
attack = ["T1046"]
aspect = "network"
severity = 2
confidence = 0.8
consumes = ["flows"]
window_seconds = 300
every_seconds = 60
needs.rows = "minimum_ports"
needs.same = ["source_address", "destination_address"]
needs.alone = true
key = ["source", "target"]
suppress_seconds = 3600
evidence.zh = "目标有 {ports} 个端口未能连通（{transports}），其中有 {first_ports}。"
evidence.en = "{ports} ports of the target did not connect ({transports}), among them {first_ports}."
false_positives.zh = "经授权的漏洞扫描、资产发现和监控（写入 intel/scanners.txt）；目标停机时的负载均衡健康检查。"
false_positives.en = "Authorised vulnerability scanners, asset discovery and monitoring (write them into intel/scanners.txt); health checks of a load balancer while the target is down."
response.zh = "确认来源是否为授权扫描；若不是，在边界封锁来源，检查目标上有应答的端口，并查看来源还联系过哪些地址。"
response.en = "Find out whether the source scans with permission; if not, block it at the border, check the ports of the target that answered, and see which other addresses the source has contacted."
reference = ["https://attack.mitre.org/techniques/T1046/", "https://github.com/ncsa/bro-simple-scan"]

[params.minimum_ports]
value = 10
unit = "distinct ports of one target that did not connect, in 300 s"
source = "Maltrail PORT_SCANNING_THRESHOLD 10; Slips' vertical scan reports from 10; 0 false positives on 54 benign captures with a 5 min window"

[params.many_ports]
value = 100
unit = "distinct ports, from which the severity is high"
source = "reporting steps 10, 100, 1000 (Slips, vertical_portscan.py)"

[params.traceroute_first]
value = 33434
unit = "UDP port where traceroute begins"
source = "traceroute(8)"

[params.traceroute_last]
value = 33534
unit = "UDP port where traceroute ends"
source = "traceroute(8)"

[lists]
scanners = "scanners.txt"
*/
-- A SYN without an answer or refused; a stealth probe (NULL, FIN, Xmas: neither SYN nor ACK); a UDP datagram
-- without an answer. A bare ACK or SYN-ACK is backscatter or a connection that began before the capture.
WITH failed AS (
    SELECT source_address, destination_address, destination_port, transport, first_seen, last_seen, fresh
    FROM flows
    WHERE NOT list_contains($scanners, source_address)
      AND NOT address_is_shared(destination_address)
      AND (
        (
            transport = 'tcp'
            AND (
                (source_tcp_flags & 2 = 2 AND connection_state IN ('S0', 'REJ', 'RSTOS0', 'SH'))
                OR (source_tcp_flags & 18 = 0 AND source_payload_bytes = 0 AND destination_payload_bytes = 0)
            )
        )
        OR (
            transport = 'udp'
            AND connection_state = 'S0'
            AND source_port >= 1024
            AND destination_port NOT BETWEEN $traceroute_first AND $traceroute_last
        )
      )
)
SELECT
    source_address AS source,
    destination_address AS target,
    min(first_seen) AS first_seen,
    max(last_seen) AS last_seen,
    count(*) AS count,
    count(*) FILTER (WHERE fresh) AS new_count,
    count(DISTINCT destination_port) AS score,
    CASE WHEN count(DISTINCT destination_port) >= $many_ports THEN 3 ELSE 2 END AS severity,
    {
        ports: count(DISTINCT destination_port),
        first_ports: some_of(destination_port),
        transports: some_of(transport)
    } AS evidence
FROM failed
GROUP BY source_address, destination_address
HAVING count(DISTINCT destination_port) >= $minimum_ports
