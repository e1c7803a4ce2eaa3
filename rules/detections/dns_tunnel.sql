/*
id = "dns_tunnel"
title.zh = "DNS 隧道"
title.en = "DNS tunnel"
description.zh = "一个地址在十分钟内查询同一域名下许多又长又乱的名称：数据可能藏在域名里进出。"
description.en = "One address asked for many long or random names below one domain within ten minutes: data may leave and enter inside the names."
attack = ["T1071.004", "T1048"]
aspect = "data"
severity = 3
confidence = 0.7
consumes = ["dns"]
window_seconds = 600
every_seconds = 120
needs.rows = "minimum_names"
needs.same = ["source_address"]
needs.alone = true
key = ["source", "domain"]
owner = ["source", "target"]
suppress_seconds = 7200
evidence.zh = "查询了域名 {domain} 下的 {names} 个不同名称；域名之前的部分平均长 {mean_length} 个字符，每个字符平均熵为 {mean_entropy} 比特；例如 {example}"
evidence.en = "Asked for {names} different names below the domain {domain}; what stands before it is {mean_length} characters long on average, with {mean_entropy} bits of entropy a character; for example {example}"
false_positives.zh = "DNS 黑名单查询和内容分发网络（intel/dnsbl.txt 与 intel/busy_domains.txt 可补充）；转发全单位查询的 DNS 服务器。"
false_positives.en = "Block-list look-ups and content networks (add to intel/dnsbl.txt and intel/busy_domains.txt); a resolver that forwards for a whole department."
response.zh = "隔离来源主机，查明发起查询的进程；在解析器上封锁该域名；估算外传的数据量（查询数乘以名称长度）。"
response.en = "Isolate the source, find the process that asks; block the domain at the resolver; estimate what left (queries times length of the names)."
reference = ["https://attack.mitre.org/techniques/T1071/004/", "https://github.com/activecm/rita"]

[params.minimum_names]
value = 50
unit = "distinct names below one domain, of one source, in 600 s"
source = "RITA reports C2 over DNS from 100 subdomains a day; of 54 benign captures 1 had 20 below one domain, none had 50"

[params.longest_usual]
value = 20
unit = "mean characters before the domain, from which names are long"
source = "tunnels here: 41 and more (iodine, dnscat); nDPI flags labels over 48, Maltrail over 24"

[params.random_bits]
value = 3.5
unit = "mean bits of Shannon entropy a character, from which names are random"
source = "Maltrail: NXDOMAIN label entropy over 3.5"

[lists]
block_lists = "dnsbl.txt"
busy = "busy_domains.txt"
*/
-- A name asked for again and again is looked at once.
WITH asked AS (
    SELECT
        source_address, query, min(destination_address) AS target, min(time) AS first_seen, max(time) AS last_seen,
        count(*) AS times, count(*) FILTER (WHERE fresh) AS new_times
    FROM dns
    WHERE query LIKE '%.%'
      AND query NOT LIKE '%.arpa'
      AND query NOT LIKE '%.local'
      AND NOT address_is_shared(destination_address)
    GROUP BY source_address, query
),
-- No top-level domain has a digit (but for xn--) or more than 24 letters: names that end so have no registered
-- domain, as dnscat2 makes them when it talks to its server directly; they count as one domain.
named AS MATERIALIZED (
    SELECT
        source_address, query, target, first_seen, last_seen, times, new_times,
        CASE
            WHEN length(last_label(query)) > 24 THEN '(none)'
            WHEN regexp_matches(last_label(query), '[0-9]') AND last_label(query) NOT LIKE 'xn--%' THEN '(none)'
            ELSE registered_domain(query)
        END AS domain
    FROM asked
),
-- Only what can be a tunnel by the number of its names is looked at letter by letter, and each content once.
crowded AS (
    SELECT source_address, domain
    FROM named
    GROUP BY source_address, domain
    HAVING count(*) >= $minimum_names
       AND NOT list_contains($block_lists, domain)
       AND NOT list_contains($busy, domain)
),
hidden AS MATERIALIZED (
    SELECT
        named.source_address, named.domain, query, target, first_seen, last_seen, times, new_times,
        CASE WHEN named.domain = '(none)' THEN query ELSE left(query, length(query) - length(named.domain)) END
        AS content
    FROM named
    JOIN crowded ON named.source_address = crowded.source_address AND named.domain = crowded.domain
),
contents AS (
    SELECT content, length(content) AS length, text_entropy(content) AS entropy
    FROM (SELECT DISTINCT content FROM hidden) AS distinct_contents
)
SELECT
    source_address AS source,
    min(target) AS target,
    domain,
    min(first_seen) AS first_seen,
    max(last_seen) AS last_seen,
    CAST(sum(times) AS BIGINT) AS count,
    CAST(sum(new_times) AS BIGINT) AS new_count,
    count(*) AS score,
    {
        domain: nullif(domain, '(none)'),
        names: count(*),
        mean_length: round(sum(times * length) / sum(times), 1),
        mean_entropy: round(sum(times * entropy) / sum(times), 2),
        example: left(min(query), 120)
    } AS evidence
FROM hidden
JOIN contents ON hidden.content = contents.content
GROUP BY source_address, domain
HAVING sum(times * length) >= $longest_usual * sum(times) OR sum(times * entropy) >= $random_bits * sum(times)
