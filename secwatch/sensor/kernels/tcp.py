"""States of a connection, in Zeek's words.

The state machine is that of Zeek's TCPSessionAdapter (UpdateInactiveState and its siblings),
the final state that of conn_state in base/protocols/conn/main.zeek, without sequence numbers.
The history is in `secwatch.sensor.kernels.history`.
"""

from __future__ import annotations

from secwatch.sensor.kernels.compiler import hot, part
from secwatch.sensor.kernels.history import (
    CLOSED,
    ESTABLISHED,
    INACTIVE,
    PARTIAL,
    RESET,
    SYN_ACK_SENT,
    SYN_SENT,
    begins_with_reset_syn,
)
from secwatch.sensor.kernels.reads import signed
from secwatch.sensor.kernels.state import Record

CONNECTION_STATES = (
    "S0", "S1", "SF", "REJ", "S2", "S3", "RSTO", "RSTR", "RSTOS0", "RSTRH", "SH", "SHR", "OTH",
)  # fmt: skip
S0, S1, SF, REJ, S2, S3, RSTO, RSTR, RSTOS0, RSTRH, SH, SHR, OTH = range(13)
_FIN, _SYN, _RST, _ACK = 1, 2, 4, 16


@part
def _from_inactive(state: int, peer: int, flags: int, payload: int, is_source: bool) -> tuple[int, int]:
    """Return the new states of a side that had sent nothing, and of its peer."""
    if flags & _SYN:
        if is_source:
            state = SYN_ACK_SENT if flags & _ACK else SYN_SENT
        else:
            if peer == SYN_SENT:
                peer = ESTABLISHED
            state = ESTABLISHED
    if flags & _FIN:
        state = CLOSED
    if flags & _RST:
        state = RESET
    if state == INACTIVE:
        if not is_source and payload == 0 and peer == SYN_SENT:
            return state, peer  # some answer a SYN with an ACK first
        state = ESTABLISHED if flags & _ACK and peer == ESTABLISHED else PARTIAL
    return state, peer


@hot
def advance(flow: Record, flags: int, payload: int, from_source: bool) -> bool:
    """Take one segment into account. Return whether the connection is over."""
    if from_source:
        state, peer = signed(flow["source_state"]), signed(flow["destination_state"])
    else:
        state, peer = signed(flow["destination_state"]), signed(flow["source_state"])
    mine = 1 if from_source else 2
    was_closed = signed(flow["was_closed"])
    if state == INACTIVE:
        state, peer = _from_inactive(state, peer, flags, payload, from_source)
    elif state == SYN_SENT or state == SYN_ACK_SENT:
        if flags & _FIN:
            state = CLOSED
        if flags & _RST:
            state = RESET
    elif state == ESTABLISHED or state == PARTIAL:
        if flags & _SYN and state == PARTIAL and peer == INACTIVE and not flags & _ACK:
            state = SYN_SENT
        if flags & _FIN and not flags & _RST:
            state = CLOSED
            if peer == RESET and was_closed & (3 - mine):
                peer = CLOSED  # a FIN and then a RST was the peer's normal end
        if flags & _RST:
            state = RESET
    elif state == CLOSED and flags & _RST and peer != CLOSED:
        state = RESET
        flow["was_closed"] = was_closed | mine
    if from_source:
        flow["source_state"], flow["destination_state"] = state, peer
    else:
        flow["destination_state"], flow["source_state"] = state, peer
    if state == RESET or peer == RESET:
        return True
    return (state == CLOSED or peer == CLOSED) and (state == peer or state == INACTIVE or peer == INACTIVE)


@part
def connection_state(flow: Record) -> int:
    """Return the index into CONNECTION_STATES."""
    source, destination = signed(flow["source_state"]), signed(flow["destination_state"])
    protocol = flow["protocol"]
    if protocol == 17:
        if flow["source_packets"] > 0:
            return SF if flow["destination_packets"] > 0 else S0
        return SHR if flow["destination_packets"] > 0 else OTH
    if protocol != 6:
        return OTH
    source_silent = source == INACTIVE or source == PARTIAL
    destination_silent = destination == INACTIVE or destination == PARTIAL
    if destination == RESET:
        empty = flow["source_payload"] == 0 and flow["destination_payload"] == 0
        if source == SYN_SENT or source == SYN_ACK_SENT or (source == RESET and empty):
            return REJ
        return RSTRH if source_silent else RSTR
    if source == RESET:
        if destination_silent:
            return RSTOS0 if begins_with_reset_syn(flow) else OTH
        return RSTO
    if source == CLOSED and destination == CLOSED:
        return SF
    if source == CLOSED:
        return SH if destination_silent else S2
    if destination == CLOSED:
        return SHR if source_silent else S3
    if source == SYN_SENT and destination == INACTIVE:
        return S0
    if source == ESTABLISHED and destination == ESTABLISHED:
        return S1
    return OTH
