"""Facts on connections, from our rows and from tshark's packets: who spoke with whom, how much, how it ended."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tests.sensor.peers.tshark import Packet
from tests.sensor.reading import Reading

Facts = Counter[str]
_TRANSPORTS = {"tcp": "tcp", "udp": "udp", "sctp": "sctp"}
_FIN, _SYN, _RST, _ACK = 1, 2, 4, 16


@dataclass(frozen=True)
class Layers:
    """The innermost connection of a packet: which of its IP and transport headers count."""

    transport: str
    source: str
    destination: str
    source_port: int
    destination_port: int
    ip_bytes: int
    payload: int

    @property
    def ends(self) -> tuple[tuple[str, int], tuple[str, int]]:
        """Both ends, the sender first."""
        return (self.source, self.source_port), (self.destination, self.destination_port)


def layers(packet: Packet) -> Layers | None:
    """The innermost connection of a packet; None where it carries no whole IP and transport header.

    Headers behind an ICMP header belong to the packet an error answers, and do not count.
    """
    seen = {"ip": 0, "ipv6": 0, "tcp": 0, "udp": 0, "sctp": 0}
    network = transport = ""
    for name in packet.first("frame.protocols").split(":"):
        if name in ("ip", "ipv6"):
            network, transport = name, ""
        if name in _TRANSPORTS or name in ("icmp", "icmpv6"):
            transport = name
        if name in seen:
            seen[name] += 1
        if name in ("icmp", "icmpv6"):
            break
    if not network or not packet.all(f"{network}.src"):
        return None
    place = seen[network] - 1
    source, destination = (str(ipaddress.ip_address(packet.all(f"{network}.{end}")[place])) for end in ("src", "dst"))
    size = int(packet.all("ip.len" if network == "ip" else "ipv6.plen")[place]) + (40 if network == "ipv6" else 0)
    ports = (0, 0)
    payload = 0
    if transport in _TRANSPORTS:
        which = seen[transport] - 1
        if len(packet.all(f"{transport}.dstport")) <= which:
            return None
        ports = (int(packet.all(f"{transport}.srcport")[which]), int(packet.all(f"{transport}.dstport")[which]))
        if transport == "tcp":
            payload = int(packet.all("tcp.len")[which])
        elif transport == "udp":
            payload = int(packet.all("udp.length")[which]) - 8
    name = transport or f"ip {packet.all('ip.proto')[place]}" if network == "ip" else transport or "ip"
    return Layers(name, source, destination, *ports, size, payload)


@dataclass
class Side:
    """What one end of a connection sent."""

    packets: int = 0
    bytes: int = 0
    payload: int = 0


@dataclass
class Conversation:
    """All packets between two ends."""

    sides: dict[tuple[str, int], Side] = field(default_factory=dict)
    first: int = 1 << 62
    last: int = -1

    def add(self, end: tuple[str, int], packets: int, size: int, payload: int) -> None:
        """Add what one end sent."""
        side = self.sides.setdefault(end, Side())
        side.packets += packets
        side.bytes += size
        side.payload += payload

    def span(self, first: int, last: int) -> None:
        """Widen the time from the first to the last packet, µs."""
        self.first, self.last = min(self.first, first), max(self.last, last)


def _microseconds(moment: str) -> int:
    seconds, _, fraction = moment.partition(".")
    return int(seconds) * 1_000_000 + int((fraction + "000000")[:6])


def _shown(moment: int) -> str:
    return datetime.fromtimestamp(moment / 1e6, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment % 1_000_000:06d}"


def _conversation_facts(conversations: dict[tuple[str, frozenset[tuple[str, int]]], Conversation]) -> Facts:
    facts: Facts = Counter()
    for (transport, ends), conversation in conversations.items():
        parts = []
        for end in sorted(ends):
            side = conversation.sides.get(end, Side())
            parts.append(f"{end[0]} {end[1]}: {side.packets} packets {side.bytes} bytes {side.payload} payload")
        span = f"{_shown(conversation.first)} to {_shown(conversation.last)}"
        facts[f"{transport} {', '.join(parts)}, {span}"] += 1
    return facts


def our_conversations(reading: Reading) -> Facts:
    """Packets, bytes and payload bytes of both ends of every connection, with its first and last moment."""
    found: dict[tuple[str, frozenset[tuple[str, int]]], Conversation] = {}
    for flow in reading.flows:
        transport = flow["transport"].replace("icmp6", "icmpv6").replace("ip-132", "sctp").replace("ip-", "ip ")
        plain = transport not in _TRANSPORTS
        source = (flow["source_address"], 0 if plain else flow["source_port"])
        destination = (flow["destination_address"], 0 if plain else flow["destination_port"])
        conversation = found.setdefault((transport, frozenset((source, destination))), Conversation())
        for end, side in ((source, "source"), (destination, "destination")):
            payload = flow[f"{side}_payload_bytes"] if transport in ("tcp", "udp") else 0
            conversation.add(end, flow[f"{side}_packets"], flow[f"{side}_bytes"], payload)
        conversation.span(flow["first_seen"], flow["last_seen"])
    return _conversation_facts(found)


def their_conversations(packets: Sequence[Packet]) -> Facts:
    """The same from tshark's packets."""
    found: dict[tuple[str, frozenset[tuple[str, int]]], Conversation] = {}
    for packet in packets:
        inner = layers(packet)
        if inner is None:
            continue
        conversation = found.setdefault((inner.transport, frozenset(inner.ends)), Conversation())
        conversation.add(inner.ends[0], 1, inner.ip_bytes, inner.payload)
        moment = _microseconds(packet.first("frame.time_epoch"))
        conversation.span(moment, moment)
    return _conversation_facts(found)


def our_packets(reading: Reading) -> Facts:
    """How many packets and bytes there are."""
    return Counter({f"{reading.counters.packets} packets, {reading.counters.bytes} bytes": 1})


def their_packets(packets: Sequence[Packet]) -> Facts:
    """The same from tshark."""
    return Counter({f"{len(packets)} packets, {sum(packet.number('frame.len') for packet in packets)} bytes": 1})


def _streams(packets: Sequence[Packet]) -> Iterator[list[tuple[Layers, int]]]:
    """Yield the segments (connection, flags) of every TCP connection."""
    streams: dict[str, list[tuple[Layers, int]]] = {}
    for packet in packets:
        inner = layers(packet)
        if inner is not None and inner.transport == "tcp":
            flags = int(packet.all("tcp.flags")[-1], 16)
            streams.setdefault(packet.all("tcp.stream")[-1], []).append((inner, flags))
    yield from streams.values()


def _client(segments: list[tuple[Layers, int]]) -> tuple[tuple[str, int], bool]:
    """Return (the end that opened the connection, whether its SYN tells): who sent a SYN, or was answered with one."""
    for segment, flags in segments:
        if flags & (_SYN | _ACK | _RST | _FIN) == _SYN:
            return segment.ends[0], True
    for segment, flags in segments:
        if flags & (_SYN | _ACK) == _SYN | _ACK:
            return segment.ends[1], True
    return segments[0][0].ends[0], False


def _state(segments: list[tuple[Layers, int]], client: tuple[str, int]) -> str:
    """The state by the definitions of conn_state in Zeek's documentation (base/protocols/conn/main.zeek).

    Without a SYN a FIN still closes its side, as Zeek's script sees it: it looks at how each side ended.
    """
    asked = answered = payload = False
    ended: dict[bool, str] = {}  # by whether the client did: how a side ended
    for segment, flags in segments:
        is_client = segment.ends[0] == client
        asked |= is_client and flags & (_SYN | _ACK) == _SYN
        answered |= not is_client and flags & (_SYN | _ACK) == _SYN | _ACK
        payload |= segment.payload > 0
        if flags & _RST and not (len(ended) == 2 and set(ended.values()) == {"FIN"}):
            ended[is_client] = "RST"
        elif flags & _FIN:
            ended.setdefault(is_client, "FIN")
    client_end, server_end = ended.get(True), ended.get(False)
    if asked and answered:
        if server_end == "RST":
            return "RSTR"
        if client_end == "RST":
            return "RSTO"
        return {"": "S1", "client": "S2", "server": "S3", "client server": "SF"}[_closed(client_end, server_end)]
    if asked:
        if server_end == "RST" and not payload:
            return "REJ"
        return {"RST": "RSTOS0", "FIN": "SH", None: "S0"}[client_end]
    if answered:
        return {"RST": "RSTRH", "FIN": "SHR", None: "OTH"}[server_end]
    if "RST" in (client_end, server_end):
        return "OTH"
    return {"": "OTH", "client": "SH", "server": "SHR", "client server": "SF"}[_closed(client_end, server_end)]


def _closed(client_end: str | None, server_end: str | None) -> str:
    """Which sides sent a FIN."""
    return " ".join(name for name, end in (("client", client_end), ("server", server_end)) if end == "FIN")


def our_states(reading: Reading) -> Facts:
    """Who opened each TCP connection, and the state it ended in."""
    facts: Facts = Counter()
    for flow in reading.flows:
        if flow["transport"] == "tcp":
            ends = f"{flow['source_address']} {flow['source_port']} to {flow['destination_address']}"
            facts[f"{ends} {flow['destination_port']}: {flow['connection_state']}"] += 1
    return facts


def their_states(packets: Sequence[Packet]) -> Facts:
    """The same from the flags tshark shows, by Zeek's definitions."""
    facts: Facts = Counter()
    for segments in _streams(packets):
        client, _ = _client(segments)
        ends = segments[0][0].ends
        server = ends[1] if ends[0] == client else ends[0]
        facts[f"{client[0]} {client[1]} to {server[0]} {server[1]}: {_state(segments, client)}"] += 1
    return facts
