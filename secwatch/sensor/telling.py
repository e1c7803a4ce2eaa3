"""Packets told in words by the process that holds scapy: bytes go in, one row a packet comes out."""

from __future__ import annotations

import struct
import sys
from collections.abc import Sequence

import msgspec

from secwatch.core.errors import SecwatchError
from secwatch.sensor.selection import Packet
from secwatch.system import process

SHOWN_BYTES = 4096  # of one packet that are dissected
MOST_PACKETS = 10_000
_PACKET = struct.Struct("<IIQ")  # as dissect.py reads it: length, link type, number
_TIMEOUT_SECONDS = 300.0


class Told(msgspec.Struct, frozen=True):
    """A packet in words (English, Chinese), foreign text as it came: escape it before it is shown.

    problem says why there are no words; detail has the fields line by line if that was asked for.
    """

    number: int
    source: str = ""
    destination: str = ""
    protocol: str = ""
    words: str = ""
    words_chinese: str = ""
    layers: tuple[str, ...] = ()
    detail: tuple[str, ...] = ()
    problem: str = ""


def tell(packets: Sequence[Packet], *, detail: bool = False) -> Sequence[Told]:
    """Return every packet in words, in order. Raise SecwatchError if the process that tells them fails.

    Raise ValueError for more than 10,000 packets.
    """
    if len(packets) > MOST_PACKETS:
        raise ValueError("too many packets to tell at once")
    given = b"".join(
        _PACKET.pack(min(len(packet.content), SHOWN_BYTES), max(packet.link, 0), number) + packet.content[:SHOWN_BYTES]
        for number, packet in enumerate(packets)
    )
    told: dict[int, Told] = {}

    def take(line: str) -> None:
        row = msgspec.json.decode(line, type=Told)
        told[row.number] = row

    command = [sys.executable, "-P", "-m", "secwatch.sensor.dissect", "tell", *(["--detail"] if detail else [])]
    ended = process.run(
        command, timeout=_TIMEOUT_SECONDS, given=given, on_line=take, keep_output=False, die_with_parent=True
    )
    if ended.return_code and not told:
        last = ended.stderr.strip().splitlines()[-1:] or ["no reason given"]
        raise SecwatchError(f"the process that tells packets in words failed: {last[0]}", "secwatch doctor")
    lost = "took too long" if ended.timed_out else "the process that tells packets ended early"
    return [told.get(number) or Told(number, problem=lost) for number in range(len(packets))]
