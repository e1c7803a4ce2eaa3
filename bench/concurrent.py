"""A capture in which a million connections are open at once: what the flow table costs in memory.

Every connection has four packets (SYN, SYN-ACK, a request of 100 bytes, an answer of 200 bytes), and each of these
comes for all connections before the next one comes for any. Addresses are of 10.0.0.0/8 and 198.18.0.0/15 (RFC 2544).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FLOWS = 1_000_000
PACKETS_A_FLOW = 4
_SECONDS_A_STEP = 15  # shorter than any time-out
_BEGIN = 1_767_571_200  # 2026-01-05, in seconds
_ETHERNET, _RECORD, _HEADERS = 14, 16, 40
_SYN, _SYN_ACK, _DATA = 0x02, 0x12, 0x18
# (from the client, TCP flags, bytes of payload, sequence number, acknowledgement)
_STEPS = ((True, _SYN, 0, 1000, 0), (False, _SYN_ACK, 0, 5000, 1001), (True, _DATA, 100, 1001, 5001),
          (False, _DATA, 200, 5001, 1101))  # fmt: skip


def write(path: Path, flows: int = FLOWS) -> int:
    """Write the capture, beside and then renamed; return how many packets it has."""
    partial = path.with_suffix(".partial")
    with partial.open("wb") as stream:
        stream.write(np.array([0xA1B2C3D4, 0x00040002, 0, 0, 65535, 1], "<u4").tobytes())
        for number, step in enumerate(_STEPS):
            stream.write(_packets(flows, number, *step).tobytes())
    partial.rename(path)
    return flows * PACKETS_A_FLOW


def _packets(
    flows: int, number: int, from_client: bool, flags: int, payload: int, sequence: int, acknowledged: int
) -> NDArray[np.uint8]:
    """Return the records of one step of all connections, a row each."""
    size = _ETHERNET + _HEADERS + payload
    rows = np.zeros((flows, _RECORD + size), np.uint8)
    each = np.arange(flows)
    moments = each * (_SECONDS_A_STEP * 1_000_000 // flows) + number * _SECONDS_A_STEP * 1_000_000
    _put(rows, 0, _BEGIN + moments // 1_000_000, "<u4")
    _put(rows, 4, moments % 1_000_000, "<u4")
    _put(rows, 8, size, "<u4")
    _put(rows, 12, size, "<u4")
    frame = _RECORD
    rows[:, frame + 5], rows[:, frame + 11] = 1, 2
    _put(rows, frame + 12, 0x0800, ">u2")
    packet = frame + _ETHERNET
    rows[:, packet], rows[:, packet + 8], rows[:, packet + 9] = 0x45, 64, 6
    _put(rows, packet + 2, _HEADERS + payload, ">u2")
    client, server = (10 << 24) + 1 + each // 16, (198 << 24) + (18 << 16) + each % 65_000
    ports = 20_000 + each % 16 * 1000, np.full(flows, 8443)
    ends = (client, server) if from_client else (server, client)
    _put(rows, packet + 12, ends[0], ">u4")
    _put(rows, packet + 16, ends[1], ">u4")
    segment = packet + 20
    _put(rows, segment, ports[not from_client], ">u2")
    _put(rows, segment + 2, ports[from_client], ">u2")
    _put(rows, segment + 4, sequence, ">u4")
    _put(rows, segment + 8, acknowledged, ">u4")
    rows[:, segment + 12], rows[:, segment + 13] = 0x50, flags
    _put(rows, segment + 14, 65_000, ">u2")
    rows[:, segment + 20 :] = 0x2E
    return rows


def _put(rows: NDArray[np.uint8], place: int, value: Any, kind: str) -> None:
    """Write a number, the same or one for each row, at a place of all rows."""
    numbers = np.broadcast_to(np.asarray(value), len(rows)).astype(kind)
    rows[:, place : place + numbers.itemsize] = numbers.view(np.uint8).reshape(len(rows), numbers.itemsize)
