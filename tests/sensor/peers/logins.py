"""Facts on SSH, FTP, SMTP, DHCP and certificates, from our rows and from tshark's packets."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from tests.sensor.peers.connections import Facts
from tests.sensor.peers.internet import ends, sent
from tests.sensor.peers.tshark import Packet
from tests.sensor.reading import Reading, Row

_DHCP_TYPES = ("", "DISCOVER", "OFFER", "REQUEST", "DECLINE", "ACK", "NAK", "RELEASE", "INFORM")


def our_ssh(reading: Reading) -> Facts:
    """Each SSH session: both banners, both HASSH."""
    return Counter(
        f"{ends(row)}: {row['client']}, {row['server']}, {row['hassh']} {row['hassh_server']}" for row in reading.ssh
    )


def _hassh(packet: Packet, direction: str) -> str:
    """HASSH of a KEXINIT from its lists, by github.com/salesforce/hassh."""
    names = [f"ssh.{kind}_algorithms_{direction}" for kind in ("encryption", "mac", "compression")]
    text = ";".join(packet.first(name) for name in ("ssh.kex_algorithms", *names))
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def their_ssh(packets: Sequence[Packet]) -> Facts:
    """The same from tshark's banners and lists of algorithms; the fingerprints computed here."""
    sessions: defaultdict[str, list[str]] = defaultdict(lambda: [""] * 4)
    for packet in packets:
        by_client = packet.first("tcp.dstport") == "22"
        place = 0 if by_client else 1
        if packet.first("ssh.protocol"):
            sessions[sent(packet, by_client)][place] = packet.first("ssh.protocol")
        if packet.first("ssh.kex_algorithms"):
            found = _hassh(packet, "client_to_server" if by_client else "server_to_client")
            sessions[sent(packet, by_client)][2 + place] = found
    return Counter(
        f"{who}: {first}, {second}, {third} {fourth}" for who, (first, second, third, fourth) in sessions.items()
    )


def _our_lines(rows: Sequence[Row]) -> Facts:
    facts: Facts = Counter()
    for row in rows:
        if row["command"]:
            facts[f"{ends(row)}: {row['command']} {row['argument']}".rstrip()] += 1
        if row["reply_code"] is not None:
            facts[f"{ends(row)}: reply {row['reply_code']}"] += 1
    return facts


def our_ftp(reading: Reading) -> Facts:
    """Each FTP command with its argument, each reply; passwords are left out."""
    return _our_lines(reading.ftp)


def our_smtp(reading: Reading) -> Facts:
    """Each SMTP command with its argument, each reply; passwords are left out."""
    return _our_lines(reading.smtp)


def _their_lines(packets: Sequence[Packet], command: str, argument: str, code: str) -> Iterator[str]:
    for packet in packets:
        if packet.first(command):
            given = "…" if packet.first(command).upper() == "PASS" else packet.first(argument)
            yield f"{sent(packet, True)}: {packet.first(command).upper()} {given}".rstrip()
        for value in sorted(set(packet.all(code))):
            yield f"{sent(packet, False)}: reply {value}"


def their_ftp(packets: Sequence[Packet]) -> Facts:
    """The same from tshark."""
    return Counter(_their_lines(packets, "ftp.request.command", "ftp.request.arg", "ftp.response.code"))


def their_smtp(packets: Sequence[Packet]) -> Facts:
    """The same from tshark."""
    return Counter(_their_lines(packets, "smtp.req.command", "smtp.req.parameter", "smtp.response.code"))


def our_dhcp(reading: Reading) -> Facts:
    """Each DHCP message: type, exchange, hardware, addresses, names, lease, what is asked for."""
    facts: Facts = Counter()
    for row in reading.dhcp:
        lease = "" if row["lease_seconds"] is None else row["lease_seconds"]
        parts = [row["message_type"], row["transaction_id"], row["client_hardware"], row["requested_address"]]
        parts += [row["assigned_address"], row["server_identifier"], row["host_name"], row["vendor_class"], lease]
        facts[" ".join(map(str, (*parts, row["parameters"])))] += 1
    return facts


def their_dhcp(packets: Sequence[Packet]) -> Facts:
    """The same from tshark."""
    facts: Facts = Counter()
    for packet in packets:
        if packet.first("dhcp.id"):
            parts = [_DHCP_TYPES[packet.number("dhcp.option.dhcp")], str(packet.number("dhcp.id"))]
            names = ["hw.mac_addr", "option.requested_ip_address", "ip.your", "option.dhcp_server_id"]
            names += ["option.hostname", "option.vendor_class_id", "option.ip_address_lease_time"]
            parts += [packet.first(f"dhcp.{name}").replace("0.0.0.0", "") for name in names]  # noqa: S104 - no address given
            asked = [int(number) for number in packet.all("dhcp.option.request_list_item")]
            facts[" ".join((*parts, str(asked)))] += 1
    return facts


def our_certificates(reading: Reading) -> Facts:
    """Each server's certificate by its hash, with the length of its chain."""
    return Counter(
        f"{ends(row)}: {row['certificate_sha256']} of {row['certificate_chain_length']}"
        for row in reading.tls
        if row["certificate_sha256"]
    )


def their_certificates(packets: Sequence[Packet]) -> Facts:
    """The same from the bytes tshark shows."""
    facts: Facts = Counter()
    for packet in packets:
        chain = packet.all("tls.handshake.certificate")
        if chain:
            leaf = hashlib.sha256(bytes.fromhex(chain[0].replace(":", ""))).hexdigest()
            facts[f"{sent(packet, False)}: {leaf} of {len(chain)}"] += 1
    return facts


def our_arp(reading: Reading) -> Facts:
    """Each ARP packet."""
    names = ("operation", "source_address", "source_hardware", "destination_address", "destination_hardware")
    return Counter(" ".join(str(row[name]) for name in (*names, "link_source")) for row in reading.arp)


def their_arp(packets: Sequence[Packet]) -> Facts:
    """The same from tshark."""
    names = ("opcode", "src.proto_ipv4", "src.hw_mac", "dst.proto_ipv4", "dst.hw_mac")
    return Counter(
        " ".join(
            (*(packet.first(f"arp.{name}") for name in names), (packet.all("eth.src") + packet.all("sll.src.eth"))[-1])
        )
        for packet in packets
        if packet.first("arp.opcode")
    )


def our_icmp(reading: Reading) -> Facts:
    """Each ICMP packet: who sent it, type, code, and of an echo its numbers and size."""
    facts: Facts = Counter()
    for row in reading.icmp:
        sides = ("source", "destination") if row["from_source"] else ("destination", "source")
        who = " to ".join(row[f"{side}_address"] for side in sides)
        echo = (row["transport"], row["type"]) in {("icmp", 0), ("icmp", 8), ("icmp6", 128), ("icmp6", 129)}
        more = f" {row['identifier']} {row['sequence']} {row['payload_bytes']}" if echo else ""
        facts[f"{row['transport']} {who}: {row['type']} {row['code']}{more}"] += 1
    return facts


def their_icmp(packets: Sequence[Packet]) -> Facts:
    """The same from tshark."""
    facts: Facts = Counter()
    for packet in packets:
        found = _their_icmp(packet)
        if found:
            facts[found] += 1
    return facts


def _their_icmp(packet: Packet) -> str:
    names = packet.first("frame.protocols").split(":")
    version, network = ("icmp", "ip") if "icmp" in names else ("icmpv6", "ipv6")
    if not packet.first(f"{version}.type"):
        return ""
    place = names[: names.index(version)].count(network) - 1
    who = f"{packet.all(f'{network}.src')[place]} to {packet.all(f'{network}.dst')[place]}"
    kind, code = packet.number(f"{version}.type"), packet.number(f"{version}.code")
    more = ""
    if version == "icmp":
        size = int(packet.all("ip.len")[place]) - int(packet.all("ip.hdr_len")[place]) - 8
    else:
        size = packet.number("data.len")
    if (version, kind) in {("icmp", 0), ("icmp", 8), ("icmpv6", 128), ("icmpv6", 129)}:
        echo = (
            ("icmp.ident", "icmp.seq")
            if version == "icmp"
            else ("icmpv6.echo.identifier", "icmpv6.echo.sequence_number")
        )
        more = f" {packet.number(echo[0])} {packet.number(echo[1])} {size}"
    return f"{version.replace('v6', '6')} {who}: {kind} {code}{more}"
