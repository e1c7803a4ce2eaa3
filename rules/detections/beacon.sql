/*
id = "beacon"
title.zh = "周期性外联（疑似木马回连）"
title.en = "Regular calls to one outside address (beacon)"
description.zh = "一台主机以均匀的间隔、相近的大小反复连接同一个外部地址：受控主机就是这样等待命令的。"
description.en = "A host called one outside address again and again at even intervals with calls of even size: how an infected host asks for orders."
attack = ["T1071.001"]
aspect = "host"
severity = 3
confidence = 0.6
consumes = ["flows"]
window_seconds = 21600
every_seconds = 3600
needs.rows = "minimum_connections"
needs.same = ["source_address", "destination_address", "destination_port"]
key = ["source", "target", "port"]
owner = ["source", "target"]
suppress_seconds = 86400
evidence.zh = "向目标的 {port} 端口连接 {calls} 次，约每 {every_seconds} 秒一次（中位绝对偏差 {deviation_seconds} 秒），每次通常发送 {typical_bytes} 字节；间隔均匀度 {time_score}，大小均匀度 {size_score}（满分 1）；连接该地址的主机数：{callers}。"
evidence.en = "{calls} calls to port {port} of the target, about one every {every_seconds} s (median absolute deviation {deviation_seconds} s), usually of {typical_bytes} bytes; evenness in time {time_score}, in size {size_score} (of 1); hosts that called this address: {callers}."
false_positives.zh = "自动更新、云监控、邮件客户端和推送服务（写入 intel/periodic_services.txt）。"
false_positives.en = "Updates, cloud monitoring, mail clients and push services (write them into intel/periodic_services.txt)."
response.zh = "查明来源主机上发起连接的进程和目标地址的归属；无法解释时隔离主机、取证，并在边界封锁目标。"
response.en = "Find the process on the source that calls, and who owns the address called; if nobody can explain it, isolate the host, secure the evidence and block the address at the border."
reference = ["https://attack.mitre.org/techniques/T1071/001/", "https://github.com/activecm/rita/blob/main/analysis/beacons.go"]

[params.minimum_connections]
value = 20
unit = "connections of one source to one outside address and port in 6 h"
source = "measured on 54 benign captures of Zeek, nDPI and Suricata: 4 false positives with 8 connections; from 20 on timing is worth a score"

[params.minimum_span_seconds]
value = 60
unit = "seconds from the first connection to the last: a page that loads makes many even calls too, but quickly"
source = "Slips test-cc capture: 22 calls in 64 s"

[params.minimum_score]
value = 0.8
unit = "score from 0 to 1, half timing and half size, as RITA computes both"
source = "RITA: medium from 0.7, high from 0.9; the lower tier left out because two of its four parts need hours of data"

[params.wide_enough_seconds]
value = 10
unit = "seconds between the quartiles, below which their skew means nothing"
source = "RITA analysis/beacons.go: Bowley skewness is 0 when Q3 - Q1 < 10"

[params.common_share]
value = 0.5
unit = "share of all sources that call the same address, from which it is a common service"
source = "RITA modifier: prevalence >= 50 % takes 0.15 off"

[params.common_minimum]
value = 5
unit = "sources there must be for a share to mean anything"
source = "ours: with fewer, two hosts are already half"

[params.common_discount]
value = 0.15
unit = "what a common service takes off the score"
source = "RITA modifier, prevalence"

[params.time_port]
value = 123
unit = "port of NTP, regular by its nature"
source = "RFC 5905"

[params.name_port]
value = 53
unit = "port of DNS, which has a detection of its own"
source = "RFC 1035"

[lists]
periodic = "periodic_services.txt"
*/
-- Not materialised: a day's calls of a city would fill the memory, reading them again costs less.
WITH answered AS NOT MATERIALIZED (
    SELECT
        source_address, destination_address, destination_port, first_seen, last_seen, fresh,
        source_payload_bytes AS size
    FROM flows
    WHERE transport IN ('tcp', 'udp')
      AND source_packets > 0
      AND destination_packets > 0
      AND destination_port NOT IN ($time_port, $name_port)
),
-- Counting is cheap and leaves little: only what calls often is looked at closely, and what an address is.
pairs AS MATERIALIZED (
    SELECT
        source_address, destination_address, destination_port,
        min(first_seen) AS first_seen, max(last_seen) AS last_seen,
        count(*) AS calls, count(*) FILTER (WHERE fresh) AS new_calls,
        row_number() OVER () AS number -- stands for the three texts from here on
    FROM answered
    GROUP BY source_address, destination_address, destination_port
    HAVING count(*) >= $minimum_connections
       AND seconds_between(min(first_seen), max(last_seen)) >= $minimum_span_seconds
       AND NOT address_is_private(destination_address)
       AND NOT address_is_shared(destination_address)
       AND NOT list_contains($periodic, destination_address)
),
often AS MATERIALIZED (
    SELECT pairs.number, answered.first_seen, answered.size
    FROM answered
    JOIN pairs
      ON answered.source_address = pairs.source_address
     AND answered.destination_address = pairs.destination_address
     AND answered.destination_port = pairs.destination_port
),
sizes AS (
    SELECT
        number,
        quartile(size, 0.25) AS size_low, quartile(size, 0.5) AS size_middle, quartile(size, 0.75) AS size_high,
        median_deviation(size) AS size_deviation
    FROM often
    GROUP BY number
),
gaps AS (
    SELECT number, seconds_between(lag(first_seen) OVER (PARTITION BY number ORDER BY first_seen), first_seen) AS gap
    FROM often
),
timing AS (
    SELECT
        number,
        quartile(gap, 0.25) AS low, quartile(gap, 0.5) AS middle, quartile(gap, 0.75) AS high,
        median_deviation(gap) AS deviation
    FROM gaps
    WHERE gap > 0
    GROUP BY number
    HAVING count(*) >= $minimum_connections / 2
),
regular AS MATERIALIZED (
    SELECT
        number, middle, deviation, size_middle,
        (
            CASE
                WHEN high - low < $wide_enough_seconds OR middle = low OR middle = high THEN 1
                ELSE 1 - abs((low + high - 2 * middle) / (high - low))
            END
            + CASE WHEN middle >= 1 THEN greatest((middle - deviation) / middle, 0) ELSE 1 END
        ) / 2 AS time_score,
        (
            CASE
                WHEN size_high - size_low < $wide_enough_seconds OR size_middle = size_low OR size_middle = size_high
                THEN 1
                ELSE 1 - abs((size_low + size_high - 2 * size_middle) / (size_high - size_low))
            END
            + CASE WHEN size_middle >= 1 THEN greatest((size_middle - size_deviation) / size_middle, 0) ELSE 0 END
        ) / 2 AS size_score
    FROM timing
    JOIN sizes USING (number)
    WHERE (time_score + size_score) / 2 >= $minimum_score
),
-- How common an address is can only lower a score: asked for those that are left, and by all sources if need be.
popularity AS MATERIALIZED (
    SELECT destination_address, count(DISTINCT source_address) AS callers
    FROM answered
    WHERE destination_address IN (SELECT destination_address FROM pairs JOIN regular USING (number))
    GROUP BY destination_address
),
everybody AS (
    SELECT count(DISTINCT source_address) AS sources
    FROM answered
    WHERE NOT address_is_private(destination_address)
      AND NOT address_is_shared(destination_address)
      AND NOT list_contains($periodic, destination_address)
      AND EXISTS (SELECT 1 FROM popularity WHERE callers >= $common_minimum)
),
scores AS (
    SELECT
        pairs.source_address, pairs.destination_address, pairs.destination_port, pairs.first_seen, pairs.last_seen,
        pairs.calls, pairs.new_calls, regular.middle, regular.deviation, regular.size_middle, popularity.callers,
        regular.time_score, regular.size_score,
        CASE
            WHEN popularity.callers >= $common_share * (SELECT sources FROM everybody)
             AND popularity.callers >= $common_minimum
            THEN $common_discount
            ELSE 0
        END AS discount
    FROM regular
    JOIN pairs USING (number)
    JOIN popularity ON pairs.destination_address = popularity.destination_address
)
SELECT
    source_address AS source,
    destination_address AS target,
    destination_port AS port,
    first_seen,
    last_seen,
    calls AS count,
    new_calls AS new_count,
    round((time_score + size_score) / 2 - discount, 3) AS score,
    {
        port: destination_port,
        calls: calls,
        every_seconds: round(middle, 1),
        deviation_seconds: round(deviation, 1),
        typical_bytes: size_middle,
        time_score: round(time_score, 3),
        size_score: round(size_score, 3),
        callers: callers
    } AS evidence
FROM scores
WHERE (time_score + size_score) / 2 - discount >= $minimum_score
