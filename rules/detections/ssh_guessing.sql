/*
id = "ssh_guessing"
title.zh = "SSH 口令猜测"
title.en = "SSH password guessing"
description.zh = "一个地址在十分钟内对同一台服务器建立许多短小的 SSH 会话：这是逐个试口令的样子。"
description.en = "One address opened many short SSH sessions to one server within ten minutes: what trying passwords looks like from outside."
attack = ["T1110.001"]
aspect = "host"
severity = 2
confidence = 0.7
consumes = ["flows"]
window_seconds = 600
every_seconds = 120
needs.rows = "minimum_sessions"
needs.same = ["source_address", "destination_address"]
needs.alone = true
key = ["source", "target"]
suppress_seconds = 7200
evidence.zh = "共 {sessions} 次短会话，每次双向合计 {median_bytes} 字节、持续 {median_seconds} 秒（均为中位数）。"
evidence.en = "{sessions} short sessions, each of {median_bytes} bytes both ways together and {median_seconds} s long (both medians)."
false_positives.zh = "配置管理、自动部署和经 SSH 的监控（写入 intel/ssh_automation.txt）。"
false_positives.en = "Configuration management, deployment and monitoring over SSH (write them into intel/ssh_automation.txt)."
response.zh = "在服务器上查看认证日志；若有成功登录，按入侵处理；封锁来源，停用口令登录，改用密钥，限制可登录的来源。"
response.en = "Read the server's authentication log; treat a login that succeeded as a break-in; block the source, switch password login off in favour of keys, and limit from where one may log in."
reference = ["https://attack.mitre.org/techniques/T1110/001/", "https://docs.zeek.org/en/master/scripts/policy/protocols/ssh/detect-bruteforcing.zeek.html"]

[params.minimum_sessions]
value = 10
unit = "short sessions of one source to one server in 600 s"
source = "Slips brute_force_detector: 9 attempts, alert points from 10"

[params.many_sessions]
value = 30
unit = "short sessions, from which the severity is high"
source = "Zeek policy/protocols/ssh/detect-bruteforcing.zeek: password_guesses_limit 30; Slips: full confidence at 30"

[params.longest_seconds]
value = 60
unit = "seconds of a session that is one try (OpenSSH lets a login take 120 s; tools try at once)"
source = "zeek ssh/sshguess.pcap: 3.6 to 10.0 s"

[params.largest_bytes]
value = 8192
unit = "payload bytes of both sides together of a session without work"
source = "zeek ssh/sshguess.pcap: 4,917 to 5,333 bytes; key exchanges with post-quantum hybrids add about 2,300 (sntrup761x25519)"

[params.smallest_bytes]
value = 400
unit = "payload bytes of both sides together that a try needs: banners and the key exchange's first messages"
source = "RFC 4253: banner and KEXINIT of both sides; a port probe sends less"

[lists]
automation = "ssh_automation.txt"
*/
WITH attempts AS (
    SELECT
        source_address, destination_address, first_seen, last_seen, fresh,
        source_payload_bytes + destination_payload_bytes AS bytes
    FROM flows
    WHERE transport = 'tcp'
      AND (service = 'ssh' OR destination_port = 22)
      AND NOT list_contains($automation, source_address)
      AND seconds_between(first_seen, last_seen) <= $longest_seconds
      AND source_payload_bytes + destination_payload_bytes BETWEEN $smallest_bytes AND $largest_bytes
)
SELECT
    source_address AS source,
    destination_address AS target,
    min(first_seen) AS first_seen,
    max(last_seen) AS last_seen,
    count(*) AS count,
    count(*) FILTER (WHERE fresh) AS new_count,
    count(*) AS score,
    CASE WHEN count(*) >= $many_sessions THEN 3 ELSE 2 END AS severity,
    {
        sessions: count(*),
        median_bytes: quartile(bytes, 0.5),
        median_seconds: quartile(seconds_between(first_seen, last_seen), 0.5)
    } AS evidence
FROM attempts
GROUP BY source_address, destination_address
HAVING count(*) >= $minimum_sessions
