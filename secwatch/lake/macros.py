"""Functions that detections may use beyond plain SQL: named once here, so that another engine can define them too."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Macro:
    """A function in SQL: `signature` as it is called, `body` as DuckDB computes it, `meaning` for people.

    One without a meaning is a piece of those that follow it.
    """

    signature: str
    body: str
    meaning: str


# Second levels that registries sell names below (co.uk, com.cn, gov.cn): the public suffix list's
# common ones under country codes, https://publicsuffix.org/list/ (section ICANN).
_SECOND_LEVELS = "ac|co|com|edu|gob|gov|go|mil|ne|net|nom|or|org"

# Bytes are written as hexadecimal digits in capitals, so that texts of one length compare as the numbers do. What is
# used several times is bound by a lambda over a list of one: a macro would repeat it, and making the views of all
# tables took 0.6 s instead of 0.1 s.
_ADDRESS = (
    Macro(
        "four_bytes(address)",
        "list_transform([TRY_CAST(string_split(address, '.') AS UBIGINT[])], lambda part: substr(hex("
        "(1::UBIGINT << 32) | (part[1] << 24) | (part[2] << 16) | (part[3] << 8) | part[4]), 2))[1]",
        "",
    ),
    # Every empty group becomes four zeros: `::` is written out as as many colons as make eight groups.
    Macro(
        "sixteen_bytes(address)",
        "array_to_string(list_transform(string_split("
        "replace(upper(address), '::', repeat(':', 9 - length(address) + length(replace(address, ':', '')))), ':'),"
        " lambda digits: lpad(digits, 4, '0')), '')",
        "",
    ),
    Macro(
        "address_digits(address)",
        "coalesce(four_bytes(address), CASE WHEN contains(address, '.')"
        " THEN '00000000000000000000FFFF' || four_bytes(split_part(address, ':', 4)) ELSE sixteen_bytes(address) END)",
        "the bytes of an address as 8 or 32 hexadecimal digits: they sort as addresses do",
    ),
)

# The specification is github.com/corelight/community-id-spec, version 1, seed 0: "1:" and the base64 of the SHA-1 over
# seed, lower end, higher end, protocol, a zero byte and the ports. ICMP has its type in place of the client's port,
# and in place of the server's the type that answers it; types that none answers keep their direction and code.
# `kernels.community` computes the same for packets. Type 0 is that of fragments whose header was not seen: flows
# begin with the request, and an echo reply (type 0 of ICMP) never is one.
_COMMUNITY = (
    Macro(
        "protocol_number(transport)",
        "CASE transport WHEN 'tcp' THEN 6 WHEN 'udp' THEN 17 WHEN 'icmp' THEN 1 WHEN 'icmp6' THEN 58"
        " ELSE TRY_CAST(substr(transport, 4) AS UTINYINT) END",
        "the IP protocol number of a transport: tcp, udp, icmp, icmp6, ip-N",
    ),
    Macro(
        "icmp_answer(protocol, type)",
        "CASE WHEN type = 0 OR (protocol = 1 AND type = 8) THEN 0"
        " WHEN protocol = 1 AND type IN (9, 10) THEN 19 - type"
        " WHEN (protocol = 1 AND type IN (13, 15, 17))"
        " OR (protocol = 58 AND type IN (128, 130, 133, 135, 139, 144)) THEN type + 1"
        " WHEN (protocol = 1 AND type IN (14, 16, 18))"
        " OR (protocol = 58 AND type IN (129, 131, 134, 136, 140, 145)) THEN type - 1 END",
        "",
    ),
    Macro("end_digits(address, port)", "address_digits(address) || substr(hex(65536::UINTEGER + port), 2)", ""),
    # Each end is seed, address and port; the seed stands first, where a greater one decides the order.
    Macro(
        "community_of_ends(one, other, protocol)",
        "'1:' || base64(list_transform([list_sort([one, other])], lambda part: TRY(unhex(sha1(unhex("
        "left(part[1], -4) || left(substr(part[2], 5), -4) || substr(hex(256 + protocol), 2) || '00'"
        " || CASE WHEN protocol IN (1, 6, 17, 58, 132) THEN right(part[1], 4) || right(part[2], 4) ELSE '' END"
        ")))))[1])",
        "",
    ),
    Macro(
        "community_id(source_address, source_port, destination_address, destination_port, ip_protocol)",
        "community_of_ends('0000' || end_digits(source_address, source_port),"
        " CASE WHEN ip_protocol IN (1, 58) AND icmp_answer(ip_protocol, source_port) IS NULL THEN '0001'"
        " ELSE '0000' END || end_digits(destination_address,"
        " CASE WHEN ip_protocol IN (1, 58)"
        " THEN coalesce(icmp_answer(ip_protocol, source_port), destination_port) ELSE destination_port END),"
        " ip_protocol)",
        "Community ID version 1 of a flow; of ICMP the ports are type and code, as in the tables",
    ),
)

MACROS = (
    *_ADDRESS,
    *_COMMUNITY,
    Macro("first_label(name)", "split_part(name, '.', 1)", "the first label of a domain name"),
    Macro(
        "registered_domain(name)",
        f"CASE WHEN regexp_matches(name, '(^|[.])({_SECOND_LEVELS})[.][a-z]{{2}}$')"
        " THEN regexp_extract(name, '([^.]+[.])?[^.]+[.][^.]+$')"
        " ELSE regexp_extract(name, '([^.]+[.])?[^.]+$') END",
        "the part of a name that somebody registered: example.com, example.co.uk, example.gov.cn",
    ),
    Macro(
        "text_entropy(text)",
        "list_aggregate(string_split(text, ''), 'entropy')",
        "Shannon entropy of the characters of a text, in bits a character",
    ),
    Macro(
        "last_label(name)",
        "regexp_extract(name, '[^.]+$')",
        "the last label of a domain name, its top-level domain",
    ),
    Macro(
        "address_is_shared(address)",
        "regexp_matches(address, '^(22[4-9]|23[0-9])[.]|^ff[0-9a-f]{2}:|[.]255$')",
        "whether an address is a multicast one or looks like an IPv4 broadcast",
    ),
    Macro(
        "address_is_private(address)",
        "regexp_matches(address, '^(10|127)[.]|^192[.]168[.]|^169[.]254[.]|^172[.](1[6-9]|2[0-9]|3[01])[.]"
        "|^100[.](6[4-9]|[7-9][0-9]|1[01][0-9]|12[0-7])[.]|^f[cd][0-9a-f]{2}:|^fe[89ab][0-9a-f]:|^::1$')",
        "whether an address is private, link-local, shared or loopback (RFC 1918, 3927, 4193, 6598)",
    ),
    Macro(
        "some_of(value)", "list_slice(list_sort(list(DISTINCT value)), 1, 20)", "the first 20 distinct values, sorted"
    ),
    Macro(
        "quartile(value, share)",
        "quantile_cont(value, share)",
        "the value below which that share lies (0.25, 0.5, 0.75)",
    ),
    Macro("median_deviation(value)", "mad(value)", "the median of the distances from the median"),
    Macro(
        "seconds_between(before, after)",
        "(epoch_us(after) - epoch_us(before)) / 1e6",
        "seconds from one moment to another",
    ),
)

# Those that people may use: `MACROS` without the pieces.
FUNCTIONS = tuple(macro for macro in MACROS if macro.meaning)
