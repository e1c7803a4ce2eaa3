"""Facts that Zeek's own tests store of a capture (tests/sensor/zeek_logs.toml, the manifest), and the same of ours."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tests.sensor.peers.connections import Facts
from tests.sensor.peers.internet import ends
from tests.sensor.reading import Reading, Row

FILE = Path(__file__).parent.parent / "zeek_logs.toml"
Line = dict[str, str]
# RFC 5246 and 5289 give the numbers of the suites that Zeek names.
_CIPHERS = {"TLS_DHE_RSA_WITH_AES_256_CBC_SHA": "0x0039", "TLS_RSA_WITH_AES_256_CBC_SHA": "0x0035"}


@cache
def _stored() -> tuple[tuple[str, str, Line], ...]:
    lines = []
    for log in tomllib.loads(FILE.read_text(encoding="utf-8"))["log"]:
        names = log["fields"].split()
        rows = [row.split() for row in log["rows"].strip().split("\n")]
        lines += [(log["capture"], log["name"], dict(zip(names, row, strict=True))) for row in rows]
    return tuple(lines)


def lines(entry: Mapping[str, Any], log: str) -> list[Line]:
    """The rows of a log that Zeek stores for a capture (an entry of the manifest)."""
    found = [line for capture, name, line in _stored() if (capture, name) == (entry["file"], log)]
    stored = entry.get("peer_facts", {}).get(f"{log}.log", ())
    return found + [{name.removeprefix("id."): value for name, value in line.items()} for line in stored]


def _who(line: Line) -> str:
    return f"{line['orig_h']} {line['orig_p']} to {line['resp_h']} {line['resp_p']}"


def _set(line: Line, name: str, otherwise: str = "") -> str:
    value = line.get(name, "-")
    return otherwise if value == "-" else value


def _their(text: Callable[[Line], str]) -> Callable[[Sequence[Line]], Facts]:
    return lambda found: Counter(f"{_who(line)}: {text(line)}".rstrip() for line in found)


def _their_sizes(line: Line) -> str:
    sides = []
    for end, payload in (("orig", "orig_bytes"), ("resp", "resp_bytes")):
        packets, size = line[f"{end}_pkts"], _set(line, f"{end}_ip_bytes")
        sides.append(f"{packets} packets" + (f" {size} bytes" if size else "") + f" {_set(line, payload, '?')} payload")
    return f"{', '.join(sides)}, {_set(line, 'duration', '?')} s"


def our_sizes(row: Row, line: Line) -> str:
    """Packets, bytes, payload bytes and duration of a flow, as far as Zeek's row has them."""
    sides = []
    for side, end in (("source", "orig"), ("destination", "resp")):
        size = f" {row[f'{side}_bytes']} bytes" if _set(line, f"{end}_ip_bytes") else ""
        payload = row[f"{side}_payload_bytes"] if _set(line, f"{end}_bytes") else "?"
        sides.append(f"{row[f'{side}_packets']} packets{size} {payload} payload")
    duration = (row["last_seen"] - row["first_seen"]) / 1e6
    return f"{', '.join(sides)}, {f'{duration:.6f}' if _set(line, 'duration') else '?'} s"


def _our_sizes(reading: Reading, found: Sequence[Line]) -> Facts:
    by_ends = {_who(line): line for line in found}
    facts: Facts = Counter()
    for row in reading.flows:
        facts[f"{ends(row)}: {our_sizes(row, by_ends.get(ends(row), {}))}"] += 1
    return facts


def _our_flows(text: Callable[[Row], str]) -> Callable[[Reading, Sequence[Line]], Facts]:
    return lambda reading, _: Counter(f"{ends(row)}: {text(row)}".rstrip() for row in reading.flows)


def _seen_service(row: Row) -> str:
    return row["service"] if row["service_seen"] else ""


def _our_requests(reading: Reading, _: Sequence[Line]) -> Facts:
    facts: Facts = Counter()
    for row in reading.http:
        text = " ".join((row["method"], row["host"], row["uri"], row["referrer"], str(row["status_code"] or "")))
        facts[f"{ends(row)}: {text}".rstrip()] += 1
    return facts


def _their_request(line: Line) -> str:
    status = line["status_code"].replace("0", "") and line["status_code"]
    return " ".join((line["method"], _set(line, "host"), line["uri"], _set(line, "referrer"), status))


def _our_tls(reading: Reading, found: Sequence[Line]) -> Facts:
    servers = {line["resp_h"] for line in found}
    return Counter(
        f"{row['source_address']} to {row['destination_address']}: {row['version']} {row['cipher']}"
        for row in reading.tls
        if row["destination_address"] in servers
    )


def _their_tls(found: Sequence[Line]) -> Facts:
    return Counter(
        f"{line['orig_h']} to {line['resp_h']}: {line['version']} {_CIPHERS[line['cipher']]}"
        for line in found
        if line["cipher"] in _CIPHERS
    )


def _our_certificates(reading: Reading, found: Sequence[Line]) -> Facts:
    servers = {line["resp_h"] for line in found}
    return Counter(
        f"{row['destination_address']}: {row['certificate_sha256']} of {row['certificate_chain_length']}"
        for row in reading.tls
        if row["destination_address"] in servers
    )


def _their_certificates(found: Sequence[Line]) -> Facts:
    chains = [(line["resp_h"], line["cert_chain_fps"].split(",")) for line in found if line["cipher"] in _CIPHERS]
    return Counter(f"{server}: {chain[0]} of {len(chain)}" for server, chain in chains)


@dataclass(frozen=True)
class Subject:
    """One thing Zeek's stored log says of a capture."""

    log: str
    ours: Callable[[Reading, Sequence[Line]], Facts]
    theirs: Callable[[Sequence[Line]], Facts]


ZEEK: Mapping[str, Subject] = {
    "flow sizes": Subject("conn", _our_sizes, _their(_their_sizes)),
    "states": Subject("conn", _our_flows(lambda row: row["connection_state"]), _their(lambda line: line["conn_state"])),
    "history": Subject("conn", _our_flows(lambda row: row["history"]), _their(lambda line: line["history"])),
    "services": Subject("conn", _our_flows(_seen_service), _their(lambda line: _set(line, "service"))),
    "http requests": Subject("http", _our_requests, _their(_their_request)),
    "tls": Subject("ssl-all", _our_tls, _their_tls),
    "certificates": Subject("ssl-all", _our_certificates, _their_certificates),
}


def comparisons(entry: Mapping[str, Any], reading: Reading) -> Iterator[tuple[str, Facts, Facts]]:
    """Yield (subject, ours, theirs) for all that Zeek stores of a capture."""
    for name, subject in ZEEK.items():
        found = lines(entry, subject.log)
        if found:
            yield name, subject.ours(reading, found), subject.theirs(found)
