"""The history of a flow in Zeek's letters (base/protocols/conn/main.zeek), those of the source in capitals.

S H A D F R I Q ^ as in Zeek's update_history: A, D, I and Q once per side; S, H, F and R again if the
sequence number is another. T, G and W at the 1st, 10th, 100th time: T a segment behind the highest
byte (also one out of order, as in Zeek), G bytes that were acknowledged and not captured, W a window of
zero. There is no C: checksums are not verified, because that means to read every byte of every
payload, and because packets captured where they are sent have no checksum yet (the card fills it
in). There is no X: nothing is left out for its length. The first 24 letters are kept.
"""

from __future__ import annotations

import numpy as np

from secwatch.sensor.kernels.compiler import hot, part
from secwatch.sensor.kernels.reads import signed
from secwatch.sensor.kernels.records import GAP, NUMBERED, TROUBLED
from secwatch.sensor.kernels.state import Record, SensorState

# What a side of a connection has come to.
INACTIVE, SYN_SENT, SYN_ACK_SENT, PARTIAL, ESTABLISHED, CLOSED, RESET = range(7)
HISTORY_LETTERS = "SHADFRIQ^TGW"
(
    LETTER_SYN,
    LETTER_HANDSHAKE,
    LETTER_ACK,
    LETTER_DATA,
    LETTER_FIN,
    LETTER_RST,
    LETTER_INCONSISTENT,
    LETTER_MULTIPLE,
    LETTER_TURNED,
    LETTER_LATE,
    LETTER_GAP,
    LETTER_ZERO_WINDOW,
) = range(12)
_HALF = 12  # letters of five bits in one word
_FIN, _SYN, _RST, _ACK = 1, 2, 4, 16


@hot
def difference(number: int, other: int) -> int:
    """Return number - other of 32-bit sequence numbers that wrap around, in [-2^31, 2^31)."""
    return ((number - other + 0x80000000) & 0xFFFFFFFF) - 0x80000000


@hot
def note_history(flow: Record, letter: int, from_source: bool) -> None:
    """Add a letter (index into HISTORY_LETTERS) unless this side has it already."""
    code = letter * 2 + (0 if from_source else 1)
    if (signed(flow["history_seen"]) >> code) & 1 == 0:
        _add_letter(flow, code)


@part
def _add_letter(flow: Record, code: int) -> None:
    """Add a letter and its side."""
    flow["history_seen"] |= np.uint32(1 << code)
    place = signed(flow["history_length"])
    if place < _HALF:
        flow["history_early"] |= np.uint64(code + 1) << np.uint64(5 * place)
    elif place < 2 * _HALF:
        flow["history_late"] |= np.uint64(code + 1) << np.uint64(5 * (place - _HALF))
    else:
        return
    flow["history_length"] = place + 1


@hot
def note_segment(state: SensorState, number: int, packet: Record, from_source: bool) -> None:
    """Add the letters that the flags and the window of a TCP segment make."""
    flow = state.flows[np.uint64(number)]
    flags = signed(packet["flags"])
    controls = (flags & 1) + ((flags >> 1) & 1) + ((flags >> 2) & 1)
    letter = -1
    if controls == 0:
        if packet["payload_length"] > 0:
            letter = LETTER_DATA
        elif flags & _ACK:
            letter = LETTER_ACK
    elif controls > 1:
        letter = LETTER_INCONSISTENT if flags & _FIN and flags & _RST else LETTER_MULTIPLE
    else:
        _note_control(state, number, packet, from_source, flags)
    if letter >= 0:
        note_history(flow, letter, from_source)
    if packet["window"] == 0 and flags & _RST == 0:
        _note_zero_window(state, number, from_source)


@part
def _note_control(state: SensorState, number: int, packet: Record, from_source: bool, flags: int) -> None:
    """Add the letter of a SYN, FIN or RST, again if its sequence number is not that of the last one.

    That number is mostly the one behind the bytes seen, and needs no place; else it is in the TROUBLE.
    """
    flow = state.flows[np.uint64(number)]
    side = 1 if from_source else 2
    value = signed(packet["sequence"])
    if flags & _RST == 0:
        value = (value + signed(packet["payload_length"])) & 0xFFFFFFFF
    expected = signed(flow["source_next"] if from_source else flow["destination_next"])
    if signed(flow["seen"]) & NUMBERED * side == 0:
        expected = 0
    letter = LETTER_FIN if flags & _FIN else LETTER_RST
    if flags & _SYN:
        letter = LETTER_HANDSHAKE if flags & _ACK else LETTER_SYN
    code = letter * 2 + side - 1
    seen = signed(flow["history_seen"])
    if flags & _SYN:
        if (seen >> (side - 1)) & 0b101 == 0 or value != expected:
            _add_letter(flow, code)
        return
    first = (seen >> code) & 1 == 0
    if signed(flow["seen"]) & TROUBLED * side:
        trouble = state.troubles[np.uint64(number), np.uint64(side - 1)]
        expected = signed(trouble["fin"] if flags & _FIN else trouble["rst"])
    if first or value != expected:
        _add_letter(flow, code)
    if value != expected:
        _begin_trouble(state, number, from_source)
        trouble = state.troubles[np.uint64(number), np.uint64(side - 1)]
        if flags & _FIN:
            trouble["fin"] = value
        else:
            trouble["rst"] = value


@part
def _begin_trouble(state: SensorState, number: int, from_source: bool) -> None:
    """Let this side have a TROUBLE, if it has none. (Compiled code would return a copy of it.)"""
    flow = state.flows[np.uint64(number)]
    side = 1 if from_source else 2
    trouble = state.troubles[np.uint64(number), np.uint64(side - 1)]
    seen = signed(flow["seen"])
    if seen & TROUBLED * side == 0:
        flow["seen"] = seen | TROUBLED * side
        following = signed(flow["source_next"] if from_source else flow["destination_next"])
        if seen & NUMBERED * side == 0:
            following = 0
        trouble["late"] = 0
        trouble["zero_windows"] = 0
        trouble["gaps"] = 0
        trouble["acknowledged"] = following
        trouble["fin"] = following
        trouble["rst"] = following
        if seen & GAP * side:
            trouble["acknowledged"] = state.streams[np.uint64(number), np.uint64(side - 1)]["gap_start"]


@part
def _is_due(count: int) -> bool:
    """Return whether the count is 1, 10, 100 and so on: Zeek writes the letter then."""
    while count >= 10 and count % 10 == 0:
        count //= 10
    return count == 1


@part
def _note_zero_window(state: SensorState, number: int, from_source: bool) -> None:
    """Count a window of zero, unless this side has reset or the other has nothing more to send, as Zeek does."""
    flow = state.flows[np.uint64(number)]
    mine = flow["source_state"] if from_source else flow["destination_state"]
    other = flow["destination_state"] if from_source else flow["source_state"]
    if mine == RESET or other == CLOSED:
        return
    _begin_trouble(state, number, from_source)
    trouble = state.troubles[np.uint64(number), np.uint64(0 if from_source else 1)]
    trouble["zero_windows"] += np.uint32(1)
    if _is_due(signed(trouble["zero_windows"])):
        _add_letter(flow, LETTER_ZERO_WINDOW * 2 + (0 if from_source else 1))


@part
def note_late(state: SensorState, number: int, from_source: bool) -> None:
    """Count a segment behind the highest byte of its side."""
    _begin_trouble(state, number, from_source)
    trouble = state.troubles[np.uint64(number), np.uint64(0 if from_source else 1)]
    trouble["late"] += np.uint32(1)
    if _is_due(signed(trouble["late"])):
        _add_letter(state.flows[np.uint64(number)], LETTER_LATE * 2 + (0 if from_source else 1))


@hot
def note_acknowledgement(state: SensorState, number: int, packet: Record, from_source: bool) -> None:
    """Look whether a segment acknowledges bytes of the other side that were not captured."""
    flow = state.flows[np.uint64(number)]
    other = 2 if from_source else 1  # the side whose bytes are acknowledged
    seen = signed(flow["seen"])
    if seen & NUMBERED * other == 0:
        return
    following = signed(flow["destination_next"] if from_source else flow["source_next"])
    ahead = difference(signed(packet["acknowledgement"]), following)
    if ahead > 0 or seen & GAP * other:
        _note_gap(state, number, signed(packet["acknowledgement"]), ahead, not from_source)


@part
def _note_gap(state: SensorState, number: int, acknowledged: int, ahead: int, from_source: bool) -> None:
    """Count a hole in the bytes of this side that its peer has acknowledged; each hole once.

    As in Zeek, only of connections whose both sides have opened and not reset.
    """
    flow = state.flows[np.uint64(number)]
    side = 1 if from_source else 2
    mine = signed(flow["source_state"] if from_source else flow["destination_state"])
    if ahead == 1 and mine == CLOSED:
        ahead = 0  # its FIN
    opened = signed(flow["history_seen"])
    if opened & 0b0101 == 0 or opened & 0b1010 == 0 or not _is_clean(flow):
        return
    _begin_trouble(state, number, from_source)
    trouble = state.troubles[np.uint64(number), np.uint64(side - 1)]
    counted = signed(trouble["acknowledged"])
    holes = 0
    if signed(flow["seen"]) & GAP * side:
        stream = state.streams[np.uint64(number), np.uint64(side - 1)]
        start = signed(stream["gap_start"])
        if difference(acknowledged, start) > 0 and difference(start, counted) >= 0:
            holes = 1
        if difference(acknowledged, signed(stream["gap_end"])) >= 0:
            flow["seen"] = signed(flow["seen"]) & ~(GAP * side)  # what was lost does not come any more
    if ahead > 0 and difference(acknowledged, counted) > 0:
        holes += 1
    if holes == 0:
        return
    trouble["acknowledged"] = acknowledged
    for _ in range(holes):
        trouble["gaps"] += np.uint32(1)
        if _is_due(signed(trouble["gaps"])):
            _add_letter(flow, LETTER_GAP * 2 + side - 1)


@part
def _is_clean(flow: Record) -> bool:
    """Return whether both sides are established, or closed by a FIN."""
    source, destination = flow["source_state"], flow["destination_state"]
    return bool((source == ESTABLISHED or source == CLOSED) and (destination == ESTABLISHED or destination == CLOSED))


@part
def begins_with_reset_syn(flow: Record) -> bool:
    """Return whether the history is that of a SYN and then a RST of the source, and nothing more of it between.

    Zeek's expression: an optional ^, S, none of H A F G I Q, R.
    """
    place = 0
    for index in range(2 * _HALF):
        packed = flow["history_early"] if index < _HALF else flow["history_late"]
        code = signed((packed >> np.uint64(5 * (index % _HALF))) & np.uint64(31)) - 1
        if code < 0:
            return False
        if place == 0:
            if code == LETTER_SYN * 2:
                place = 1
            elif code // 2 != LETTER_TURNED or index > 0:
                return False
        elif code % 2 == 0:
            letter = code // 2
            if letter == LETTER_RST:
                return True
            if letter == LETTER_HANDSHAKE or letter == LETTER_ACK or letter == LETTER_FIN or letter == LETTER_GAP:
                return False
            if letter == LETTER_INCONSISTENT or letter == LETTER_MULTIPLE:
                return False
    return False
