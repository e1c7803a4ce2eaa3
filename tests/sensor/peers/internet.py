"""Facts on DNS, TLS and HTTP, from our rows and from tshark's packets."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence

from tests.sensor.peers.connections import Facts, layers
from tests.sensor.peers.tshark import Packet
from tests.sensor.reading import Reading, Row

_TYPES = {
    1: "A", 2: "NS", 5: "CNAME", 6: "SOA", 10: "NULL", 12: "PTR", 13: "HINFO", 15: "MX", 16: "TXT", 25: "KEY",
    28: "AAAA", 33: "SRV", 41: "OPT", 65: "HTTPS", 255: "ANY",
}  # fmt: skip
_CODES = ("NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED")
_ANSWERS = {
    1: "dns.a", 28: "dns.aaaa", 5: "dns.cname", 12: "dns.ptr.domain_name", 15: "dns.mx.mail_exchange", 2: "dns.ns",
    33: "dns.srv.target", 16: "dns.txt",
}  # fmt: skip
_DNS_PORTS = (53, 5353, 5355)
_GREASE = re.compile(r"0x(.)a\1a")
_JA4_VERSIONS = {0x304: "13", 0x303: "12", 0x302: "11", 0x301: "10", 0x300: "s3"}
_VERSIONS = {0x304: "TLSv13", 0x303: "TLSv12", 0x302: "TLSv11", 0x301: "TLSv10", 0x300: "SSLv3", 0: ""}


def ends(row: Row) -> str:
    """Client and server of a row."""
    return f"{row['source_address']} {row['source_port']} to {row['destination_address']} {row['destination_port']}"


def sent(packet: Packet, by_client: bool) -> str:
    """Client and server of a packet, given who sent it."""
    inner = layers(packet)
    assert inner is not None
    client, server = inner.ends if by_client else inner.ends[::-1]
    return f"{client[0]} {client[1]} to {server[0]} {server[1]}"


def _plain(text: str) -> str:
    r"""Undo our escapes (\xNN); a run of bytes that are no UTF-8 becomes one replacement mark, see `_marked`."""
    data = re.sub(rb"\\x([0-9a-f]{2})", lambda found: bytes([int(found[1], 16)]), text.encode())
    return _marked(data.decode("utf-8", errors="replace"))


def _marked(text: str) -> str:
    """The text with one replacement mark for a run of them: tshark and Python count them differently."""
    return re.sub("\N{REPLACEMENT CHARACTER}+", "\N{REPLACEMENT CHARACTER}", text)


def _lower(text: str) -> str:
    """The text with ASCII letters in lower case, as names compare in DNS."""
    return re.sub("[A-Z]+", lambda found: found[0].lower(), text)


def our_dns(reading: Reading) -> Facts:
    """Each DNS transaction: who asked whom for what, and the code and answers if they came."""
    facts: Facts = Counter()
    for row in reading.dns:
        answers = ""
        if row["response_code"]:
            values = sorted(_plain(answer) for answer in row["answers"] if not answer.startswith("<unknown type"))
            answers = f", {row['response_code']} of {len(row['answers'])}: {' '.join(values)} {row['answer_ttls']}"
        name = _plain(row["query"])
        facts[f"{ends(row)}: {row['transaction_id']} {row['query_type']} {name}{answers}".rstrip()] += 1
    return facts


def _dns_answers(packet: Packet) -> str:
    """Code and answers of a response, without the records of its other sections: they come behind the answers."""
    count = packet.number("dns.count.answers")
    values: list[str] = []
    for kind, amount in Counter(packet.all("dns.resp.type")[:count]).items():
        name = _ANSWERS.get(int(kind))
        if name is not None:
            found = packet.all(name)[:amount]
            values += [f"TXT {len(value)} {value}" for value in found] if name == "dns.txt" else map(_lower, found)
    times = [int(value) for value in packet.all("dns.resp.ttl")[:count]]
    return f", {_CODES[packet.number('dns.flags.rcode')]} of {count}: {' '.join(sorted(values))} {times}"


def their_dns(packets: Sequence[Packet]) -> Facts:
    """The same from tshark's messages: a question that is answered counts with its answer."""
    facts: Facts = Counter()
    answered = {packet.first("dns.response_to") for packet in packets} - {""}
    for packet in packets:
        inner = layers(packet)
        if inner is None or not packet.first("dns.id") or not {*inner.ends[0], *inner.ends[1]} & {*_DNS_PORTS}:
            continue
        response = packet.number("dns.flags.response") == 1
        if not response and packet.first("frame.number") in answered:
            continue
        kind = packet.number("dns.qry.type")
        name = _marked(_lower(packet.first("dns.qry.name"))).replace("<root>", ".")
        text = f"{packet.number('dns.id')} {_TYPES.get(kind, f'TYPE{kind}') if kind else ''} {name}"
        announced = response and inner.source_port == inner.destination_port
        who = sent(packet, not response or announced)
        facts[f"{who}: {text}{_dns_answers(packet) if response else ''}".rstrip()] += 1
    return facts


def _ja4(packet: Packet) -> str:
    """JA4 of a ClientHello from tshark's fields, by technical_details/JA4.md of FoxIO's repository."""
    ciphers = [value for value in packet.all("tls.handshake.ciphersuite") if not _GREASE.fullmatch(value.lower())]
    numbers = [int(value) for value in packet.all("tls.handshake.extension.type")]
    extensions = [number for number in numbers if not _GREASE.fullmatch(f"0x{number:04x}")]
    offered = [int(value, 16) for value in packet.all("tls.handshake.extensions.supported_version")]
    version = max(
        (value for value in offered if value in _JA4_VERSIONS), default=packet.number("tls.handshake.version")
    )
    protocol = packet.first("tls.handshake.extensions_alpn_str")
    head = f"t{_JA4_VERSIONS.get(version, '00')}{'d' if 0 in extensions else 'i'}"
    head += f"{min(len(ciphers), 99):02d}{min(len(extensions), 99):02d}"
    head += protocol[0] + protocol[-1] if protocol else "00"
    shown = ",".join(sorted(value.lower().removeprefix("0x") for value in ciphers))
    rest = ",".join(sorted(f"{number:04x}" for number in extensions if number not in (0, 16)))
    signatures = ",".join(value.lower().removeprefix("0x") for value in packet.all("tls.handshake.sig_hash_alg"))
    text = f"{rest}_{signatures}" if signatures else rest
    hashed = [hashlib.sha256(part.encode()).hexdigest()[:12] if part else "0" * 12 for part in (shown, text)]
    return "_".join((head, *hashed))


def our_client_hellos(reading: Reading) -> Facts:
    """Each ClientHello: name, protocols, JA3, JA4."""
    facts: Facts = Counter()
    for row in reading.tls:
        if row["ja3"]:
            offered = " ".join(row["application_protocols"])
            facts[f"{ends(row)}: name {row['server_name']}, protocols {offered}, {row['ja3']} {row['ja4']}"] += 1
    return facts


def their_client_hellos(packets: Sequence[Packet]) -> Facts:
    """The same from tshark's fields; JA4 computed here, as tshark 4.0 has none."""
    facts: Facts = Counter()
    for packet in packets:
        if "1" in packet.all("tls.handshake.type"):
            name = packet.first("tls.handshake.extensions_server_name").lower()
            offered = " ".join(packet.all("tls.handshake.extensions_alpn_str"))
            text = f"name {name}, protocols {offered}, {packet.first('tls.handshake.ja3')} {_ja4(packet)}"
            facts[f"{sent(packet, True)}: {text}"] += 1
    return facts


def our_server_hellos(reading: Reading) -> Facts:
    """Each ServerHello: version, cipher, protocol, JA3S."""
    names = ("version", "cipher", "application_protocol", "ja3s")
    return Counter(f"{ends(row)}: {' '.join(row[name] for name in names)}" for row in reading.tls if row["version"])


def their_server_hellos(packets: Sequence[Packet]) -> Facts:
    """The same from tshark."""
    facts: Facts = Counter()
    for packet in packets:
        if "2" in packet.all("tls.handshake.type"):
            versions = packet.all("tls.handshake.extensions.supported_version") or packet.all("tls.handshake.version")
            cipher = packet.first("tls.handshake.ciphersuite").lower()
            text = f"{packet.first('tls.handshake.extensions_alpn_str')} {packet.first('tls.handshake.ja3s')}"
            facts[f"{sent(packet, False)}: {_VERSIONS[int(versions[0], 16)]} {cipher} {text}"] += 1
    return facts


def our_requests(reading: Reading) -> Facts:
    """Each HTTP request: method, host, target, version, program, the page before."""
    facts: Facts = Counter()
    for row in reading.http:
        if row["method"]:
            names = ("method", "host", "uri", "version", "user_agent", "referrer")
            facts[f"{ends(row)}: {' '.join(_plain(row[name]) for name in names)}".rstrip()] += 1
    return facts


def their_requests(packets: Sequence[Packet]) -> Facts:
    """The same from tshark; several in a packet are told apart where every one has each field."""
    facts: Facts = Counter()
    for packet in packets:
        columns = [packet.all(f"http.{name}") for name in ("request.method", "host", "request.uri")]
        columns.append([value.removeprefix("HTTP/") for value in packet.all("http.request.version")])
        columns += [packet.all(f"http.{name}") for name in ("user_agent", "referer")]
        for index in range(len(columns[0])):
            text = " ".join(values[index] if index < len(values) else "" for values in columns)
            facts[f"{sent(packet, True)}: {text}".rstrip()] += 1
    return facts


def our_answers(reading: Reading) -> Facts:
    """Each HTTP answer: the request's target, status, type, length."""
    facts: Facts = Counter()
    for row in reading.http:
        if row["status_code"] is not None:
            size = "" if row["response_length"] is None else row["response_length"]
            text = f"{_plain(row['uri'])} {row['status_code']} {row['content_type']} {size}"
            facts[f"{ends(row)}: {text}".rstrip()] += 1
    return facts


def their_answers(packets: Sequence[Packet]) -> Facts:
    """The same from tshark, with the target of the request it says was answered."""
    facts: Facts = Counter()
    by_number = {packet.first("frame.number"): packet for packet in packets}
    for packet in packets:
        if packet.first("http.response.code"):
            asked = by_number.get(packet.first("http.request_in"))
            target = asked.first("http.request.uri") if asked else ""
            code, kind = packet.first("http.response.code"), packet.first("http.content_type")
            size = packet.first("http.content_length_header")
            facts[f"{sent(packet, False)}: {target} {code} {kind} {size}".rstrip()] += 1
    return facts
