"""Scapy's room: crafting packets and telling them in words. A process: `python -m secwatch.sensor.dissect`.

Scapy is GPL-2.0-only and other libraries of this project are under the Apache licence, so the
process that imports scapy imports nothing else but the standard library and secwatch's own
import-free modules; cryptography, which scapy would load if it finds it, is kept out. Layers are
imported one by one: `scapy.all` takes over a second.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import signal
import struct
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from secwatch.sensor import traffic, wording

sys.modules.setdefault("cryptography", None)  # type: ignore[arg-type]

from scapy.layers.dns import DNS, DNSQR, DNSRR  # noqa: E402
from scapy.layers.inet import ICMP, IP, TCP, UDP  # noqa: E402
from scapy.layers.inet6 import IPv6  # noqa: E402
from scapy.layers.l2 import CookedLinux, CookedLinuxV2, Ether, Loopback  # noqa: E402
from scapy.packet import Packet, Raw  # noqa: E402

_CLIENT, _SERVER = "10.0.0.1", "192.0.2.1"  # placeholders that replaying replaces
_CLIENT_PORT = 40000
_SEGMENT = 1400  # bytes of payload of a full segment


class Crafter:
    """Makes the conversations that synthetic traffic is replayed from. Same seed, same bytes."""

    def __init__(self, seed: int):
        self._random = random.Random(seed)  # noqa: S311 - the same seed must make the same bytes

    def connection(self, port: int, exchanges: list[tuple[bool, bytes]], gap: float = 0.004) -> traffic.Conversation:
        """Craft a TCP connection: handshake, the exchanges (from the client?, payload), end by FIN."""
        out = traffic.Conversation()
        numbers = {True: self._random.getrandbits(31), False: self._random.getrandbits(31)}
        moment = 0.0

        def send(from_client: bool, flags: str, payload: bytes = b"") -> None:
            nonlocal moment
            ends = (_CLIENT_PORT, port) if from_client else (port, _CLIENT_PORT)
            acknowledged = 0 if flags == "S" else numbers[not from_client]
            segment = TCP(
                sport=ends[0], dport=ends[1], flags=flags, seq=numbers[from_client], ack=acknowledged, window=64240
            )
            out.add(moment, from_client, self._finish(from_client, segment, payload))
            numbers[from_client] += len(payload) + ("S" in flags or "F" in flags)
            moment += self._random.uniform(0.2, 1.8) * gap

        send(True, "S")
        send(False, "SA")
        send(True, "A")
        for from_client, payload in exchanges:
            for start in range(0, len(payload), _SEGMENT):
                send(from_client, "PA", payload[start : start + _SEGMENT])
            send(not from_client, "A")
        send(True, "FA")
        send(False, "FA")
        send(True, "A")
        return out

    def probe(self, port: int, is_open: bool) -> traffic.Conversation:
        """Craft a SYN to a port and its answer: RST, or SYN-ACK that the client resets."""
        out = traffic.Conversation()
        first = self._random.getrandbits(31)
        syn = TCP(sport=_CLIENT_PORT, dport=port, flags="S", seq=first, window=1024)
        out.add(0.0, True, self._finish(True, syn, b""))
        flags = "SA" if is_open else "RA"
        answer = TCP(sport=port, dport=_CLIENT_PORT, flags=flags, seq=7, ack=first + 1, window=0)
        out.add(0.0007, False, self._finish(False, answer, b""))
        if is_open:
            reset = TCP(sport=_CLIENT_PORT, dport=port, flags="R", seq=first + 1, window=0)
            out.add(0.0011, True, self._finish(True, reset, b""))
        return out

    def lookup(self, name: str, kind: str, answer: str | bytes, delay: float = 0.012) -> traffic.Conversation:
        """Craft a DNS query over UDP and its answer."""
        out = traffic.Conversation()
        identifier = self._random.getrandbits(16)
        question = DNSQR(qname=name, qtype=kind)
        query = DNS(id=identifier, rd=1, qd=question)
        record = DNSRR(rrname=name, type=kind, ttl=60, rdata=answer)
        reply = DNS(id=identifier, qr=1, rd=1, ra=1, qd=question, an=record)
        out.add(0.0, True, self._finish(True, UDP(sport=_CLIENT_PORT, dport=53) / query, b""))
        out.add(delay, False, self._finish(False, UDP(sport=53, dport=_CLIENT_PORT) / reply, b""))
        return out

    def clock(self) -> traffic.Conversation:
        """Craft an NTP exchange."""
        out = traffic.Conversation()
        out.add(0.0, True, self._finish(True, UDP(sport=123, dport=123), b"\x23" + bytes(47)))
        out.add(0.02, False, self._finish(False, UDP(sport=123, dport=123), b"\x24" + bytes(47)))
        return out

    def ping(self) -> traffic.Conversation:
        """Craft an echo request and its reply."""
        out = traffic.Conversation()
        out.add(0.0, True, self._finish(True, ICMP(type=8, id=7, seq=1), b"secwatch" * 7))
        out.add(0.001, False, self._finish(False, ICMP(type=0, id=7, seq=1), b"secwatch" * 7))
        return out

    def _finish(self, from_client: bool, transport: Packet, payload: bytes) -> bytes:
        source, destination = (_CLIENT, _SERVER) if from_client else (_SERVER, _CLIENT)
        ethernet = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
        packet = ethernet / IP(src=source, dst=destination, id=self._random.getrandbits(16), ttl=64) / transport
        return bytes(packet / Raw(payload)) if payload else bytes(packet)


# Link types of pcap (www.tcpdump.org/linktypes.html) and the layer they begin with.
_LINKS = {0: Loopback, 108: Loopback, 1: Ether, 113: CookedLinux, 276: CookedLinuxV2, 228: IP, 229: IPv6}
_PACKET = struct.Struct("<IIQ")  # as `tell` reads it: length, link type, number
_MEMORY_BYTES = 1 << 30
_SECONDS_A_PACKET = 5


def _tell(arguments: argparse.Namespace) -> None:
    """Read packets (_PACKET, then their bytes) from standard input; write one JSON object a line for each.

    Packets are hostile: memory is bounded, and so is the time for each.
    """
    from scapy.layers import dhcp, llmnr, ntp, sctp, vxlan  # noqa: F401 - they bind themselves to their ports

    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    signal.signal(signal.SIGALRM, _too_long)
    stream = sys.stdin.buffer
    while len(head := stream.read(_PACKET.size)) == _PACKET.size:
        length, link, number = _PACKET.unpack(head)
        content = stream.read(length)
        signal.alarm(_SECONDS_A_PACKET)
        try:
            packet = _layer_of(link, content)(content)
            told = wording.row_of(packet)
            if arguments.detail:
                told["detail"] = wording.detail_of(packet)
        except Exception as error:  # noqa: BLE001 - whatever scapy makes of hostile bytes, the next packet gets its turn
            told = {"problem": f"{type(error).__name__}: {error}"[:200]}
        finally:
            signal.alarm(0)
        sys.stdout.write(json.dumps({"number": number, **told}) + "\n")
        sys.stdout.flush()


def _too_long(_number: int, _frame: object) -> None:
    raise TimeoutError(f"took longer than {_SECONDS_A_PACKET} s")


def _layer_of(link: int, content: bytes) -> Callable[[bytes], Packet]:
    """Return the layer that a packet of this link type begins with."""
    if link in _LINKS:
        return _LINKS[link]
    if content[:1]:
        return {4: IP, 6: IPv6}.get(content[0] >> 4, Raw)
    return Raw


def _synthesise(arguments: argparse.Namespace) -> None:
    start = datetime.fromisoformat(arguments.start)
    if start.tzinfo is None:
        start = start.replace(tzinfo=UTC)
    scenario = traffic.Scenario(Crafter(arguments.seed), arguments.seed, arguments.scale)
    made = scenario.packets()
    output = Path(arguments.output)
    written, seconds = traffic.write_capture(output, made, start, arguments.packets or len(made))
    attacks = [{"kind": a.kind, "source": a.source, "target": a.target} for a in scenario.attacks]
    report = {"schema": 1, "path": arguments.output, "packets": written, "bytes": output.stat().st_size}
    report.update(start=start.isoformat(), seconds=seconds, attacks=attacks)
    sys.stdout.write(json.dumps(report) + "\n")


def main() -> None:
    """Run the verb that the arguments name."""
    parser = argparse.ArgumentParser(prog="secwatch.sensor.dissect", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    synthesise = verbs.add_parser("synthesise", help="write a capture of office traffic with attacks in it")
    synthesise.add_argument("output", help="pcap file to write")
    synthesise.add_argument("--seed", type=int, default=1)
    synthesise.add_argument("--start", default="2026-01-05T08:00:00+00:00", help="time of the first packet, ISO 8601")
    synthesise.add_argument("--scale", type=float, default=1.0, help="how much harmless traffic; attacks stay")
    synthesise.add_argument("--packets", type=int, help="repeat with other addresses up to this many packets")
    synthesise.set_defaults(act=_synthesise)
    tell = verbs.add_parser("tell", help="tell packets from standard input in words")
    tell.add_argument("--detail", action="store_true", help="every field of every layer too")
    tell.set_defaults(act=_tell)
    arguments = parser.parse_args()
    arguments.act(arguments)


if __name__ == "__main__":
    main()
