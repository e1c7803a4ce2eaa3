"""SSH: banners, key exchange, then only the sizes of what is sent, put together in one slot of the flow.

The slot holds records: a type in one byte, a length in two, the bytes. CLIENT_BANNER, SERVER_BANNER:
the lines. CLIENT_KEYS, SERVER_KEYS: the KEXINIT messages, RFC 4253 section 7.1. SIZES: two bytes for
every encrypted segment, the top bit set when the server sent it. The source of the flow is the client.
"""

from __future__ import annotations

import numpy as np

from secwatch.sensor.kernels.compiler import part
from secwatch.sensor.kernels.reads import Bytes, big32, byte, signed
from secwatch.sensor.kernels.slots import base_of
from secwatch.sensor.kernels.state import SERVICE_SSH, SLOT_BYTES, SensorState

CLIENT_BANNER, SERVER_BANNER, CLIENT_KEYS, SERVER_KEYS, SIZES = range(1, 6)
MOST_SIZES = 64
_SSH = int.from_bytes(b"SSH-", "big")
_LONGEST_BANNER = 255  # RFC 4253 section 4.2
_LONGEST_PACKET = 35000  # RFC 4253 section 6.1
_KEXINIT, _NEWKEYS = 20, 21
_ROOM_FOR_SIZES = 3 + 2 * MOST_SIZES


@part
def recognise_ssh(data: Bytes, start: int, end: int) -> bool:
    """Return whether a banner begins at `start`."""
    return end - start >= 8 and big32(data, start) == _SSH


@part
def frame_ssh(data: Bytes, start: int, end: int, from_source: bool, phase: int) -> tuple[int, int]:
    """Return (length, wanted) of the banner or packet at `start`; behind its NEWKEYS a side is encrypted."""
    if phase & (1 if from_source else 2):
        return -1, 0
    if start + 6 > end:
        return 0, 6
    if big32(data, start) == _SSH:
        for offset in range(start, min(end, start + _LONGEST_BANNER)):
            if byte(data, offset) == 10:
                return offset + 1 - start, offset + 1 - start
        return (-1, 0) if end - start >= _LONGEST_BANNER else (0, end - start + 1)
    length = big32(data, start)
    if length < 2 or length > _LONGEST_PACKET:
        return -1, 0
    wanted = min(4 + length, SLOT_BYTES) if byte(data, start + 5) == _KEXINIT else 6
    return 4 + length, wanted


@part
def ends_plain(data: Bytes, start: int, end: int) -> bool:
    """Return whether the packet is NEWKEYS."""
    return end - start >= 6 and big32(data, start) != _SSH and byte(data, start + 5) == _NEWKEYS


@part
def note_packet(state: SensorState, place: int, data: Bytes, start: int, end: int, from_source: bool) -> None:
    """Keep a banner or KEXINIT in the session's slot."""
    if big32(data, start) == _SSH:
        while end > start and byte(data, end - 1) <= 13:
            end -= 1
        _append(state, place, CLIENT_BANNER if from_source else SERVER_BANNER, data, start, end)
    elif byte(data, start + 5) == _KEXINIT:
        stop = min(end, start + 4 + big32(data, start) - byte(data, start + 4))  # without the padding
        _append(state, place, CLIENT_KEYS if from_source else SERVER_KEYS, data, start + 5, stop)


@part
def _append(state: SensorState, place: int, kind: int, data: Bytes, start: int, end: int) -> None:
    """Add a record to the slot, cut to what leaves room for the sizes."""
    slot = state.slots[np.uint64(place)]
    length = signed(slot["length"])
    size = min(max(end - start, 0), SLOT_BYTES - _ROOM_FOR_SIZES - length - 3)
    if size <= 0 or signed(slot["number"]) > 0:
        return
    base = base_of(state, place) + length
    _put_head(state, base, kind, size)
    for offset in range(size):
        state.slot_data[np.uint64(base + 3 + offset)] = data[np.uint64(start + offset)]
    slot["length"] = length + 3 + size


@part
def _put_head(state: SensorState, base: int, kind: int, size: int) -> None:
    state.slot_data[np.uint64(base)] = kind
    state.slot_data[np.uint64(base + 1)] = size >> 8
    state.slot_data[np.uint64(base + 2)] = size & 255


@part
def note_size(state: SensorState, place: int, size: int, from_source: bool) -> bool:
    """Add the size of an encrypted segment; the slot's number counts them. Return whether that was the last."""
    slot = state.slots[np.uint64(place)]
    count = signed(slot["number"])
    length = signed(slot["length"])
    if count == 0:
        length += 3
        if length + 2 * MOST_SIZES > SLOT_BYTES:
            return True
    base = base_of(state, place)
    size = min(size, 0x7FFF)
    state.slot_data[np.uint64(base + length)] = (0 if from_source else 0x80) | size >> 8
    state.slot_data[np.uint64(base + length + 1)] = size & 255
    count += 1
    slot["length"] = length + 2
    slot["number"] = count
    _put_head(state, base + length + 2 - 2 * count - 3, SIZES, 2 * count)
    return count == MOST_SIZES


@part
def session_of(state: SensorState, number: int) -> int:
    """Return the slot of the flow's session, -1 if there is none."""
    place = signed(state.flows[np.uint64(number)]["waiting_head"])
    while place >= 0:
        slot = state.slots[np.uint64(place)]
        if slot["kind"] == SERVICE_SSH and slot["collecting"] == 0:
            return place
        place = signed(slot["next"])
    return place
