"""The records that kernels work on: a flow, the packet being looked at, a waiting half, a finished event."""

from __future__ import annotations

import numpy as np

# Bits of a flow's `seen`. Of each side, the source's first: its sequence numbers are known; there is
# a gap below them; where its messages begin is known; a message is being put together.
CLIENT_HELLO_SEEN, SERVER_HELLO_SEEN = 1, 2
NUMBERED, GAP, FRAMED, COLLECTING = 4, 16, 64, 256  # of the source; of the destination twice that
PHASE, PHASE_2 = 1024, 2048  # free for the protocol of the flow: what its conversation has come to
TROUBLED = 4096  # of the source, its TROUBLE holds something; of the destination twice that

FLOW = np.dtype(
    [
        ("source_high", "u8"),
        ("source_low", "u8"),
        ("destination_high", "u8"),
        ("destination_low", "u8"),
        ("first", "i8"),
        ("last", "i8"),
        ("listed", "i8"),
        ("source_packets", "u8"),
        ("source_bytes", "u8"),
        ("source_payload", "u8"),
        ("destination_packets", "u8"),
        ("destination_bytes", "u8"),
        ("destination_payload", "u8"),
        ("history_early", "u8"),
        ("history_late", "u8"),
        ("next", "i4"),
        ("previous", "i4"),
        ("waiting_head", "i4"),
        ("waiting_tail", "i4"),
        ("history_seen", "u4"),
        ("tag", "u4"),
        ("source_next", "u4"),
        ("destination_next", "u4"),
        ("source_retransmissions", "u4"),
        ("destination_retransmissions", "u4"),
        ("tunnel_id", "u4"),
        ("source_port", "u2"),
        ("destination_port", "u2"),
        ("vlan", "u2"),
        ("outer_vlan", "u2"),
        ("source_first_payload", "u2"),
        ("destination_first_payload", "u2"),
        ("waiting", "u2"),
        ("messages", "u2"),
        ("seen", "u2"),
        ("icmp_code", "u1"),
        ("protocol", "u1"),
        ("version", "u1"),
        ("one_way", "u1"),
        ("list", "u1"),
        ("source_flags", "u1"),
        ("destination_flags", "u1"),
        ("source_state", "u1"),
        ("destination_state", "u1"),
        ("was_closed", "u1"),
        ("service", "u1"),
        ("source_ttl", "u1"),
        ("destination_ttl", "u1"),
        ("tunnel", "u1"),
        ("history_length", "u1"),
        ("reason", "u1"),
        ("state", "u1"),
        ("used", "u1"),
    ],
    align=True,
)

# What only few sides of a flow need: beside the flows, so that those stay small. A field holds nothing
# unless a bit of `seen` says so: GAP for the gap, FRAMED for `message`, COLLECTING for `slot`.
STREAM = np.dtype(
    [
        ("gap_start", "u4"),
        ("gap_end", "u4"),
        ("message", "u4"),  # sequence number where the next message begins
        ("slot", "u4"),  # where the message under way is put together; valid while COLLECTING
    ],
    align=True,
)

# What is counted of the few sides of TCP flows that have it; nothing unless TROUBLED says so.
TROUBLE = np.dtype(
    [
        ("late", "u4"),  # segments behind the highest byte, as Zeek counts retransmissions
        ("zero_windows", "u4"),
        ("gaps", "u4"),  # holes that the other side acknowledged
        ("acknowledged", "u4"),  # sequence number up to which such holes are counted
        ("fin", "u4"),  # sequence number behind the last FIN
        ("rst", "u4"),  # sequence number of the last RST
    ],
    align=True,
)

# Fragments of one datagram that came before its first one, which has the ports. `packets` 0: unused.
PENDING = np.dtype(
    [
        ("identity", "u8"),
        ("source_high", "u8"),
        ("source_low", "u8"),
        ("destination_high", "u8"),
        ("destination_low", "u8"),
        ("first", "i8"),
        ("last", "i8"),
        ("packets", "u8"),
        ("bytes", "u8"),
        ("payload", "u8"),
        ("tunnel_id", "u4"),
        ("vlan", "u2"),
        ("outer_vlan", "u2"),
        ("protocol", "u1"),
        ("version", "u1"),
        ("ttl", "u1"),
        ("tunnel", "u1"),
    ],
    align=True,
)
NOT_FRAGMENTED, FIRST_FRAGMENT, LATER_FRAGMENT, ORPHAN_FRAGMENT = range(4)  # orphan: its first one is not known (yet)

PACKET = np.dtype(
    [
        ("source_high", "u8"),
        ("source_low", "u8"),
        ("destination_high", "u8"),
        ("destination_low", "u8"),
        ("time", "i8"),
        ("ip_bytes", "i8"),
        ("payload_start", "i8"),
        ("payload_end", "i8"),
        ("payload_length", "i8"),
        ("link_source", "i8"),  # offset of the sender's hardware address, -1 for none
        ("identity", "u8"),  # of the datagram that a fragment belongs to
        ("sequence", "u4"),
        ("acknowledgement", "u4"),
        ("tunnel_id", "u4"),
        ("source_port", "u2"),
        ("destination_port", "u2"),
        ("vlan", "u2"),
        ("outer_vlan", "u2"),
        ("window", "u2"),
        ("ttl", "u1"),
        ("tunnel", "u1"),
        ("icmp_code", "u1"),
        ("protocol", "u1"),
        ("version", "u1"),
        ("flags", "u1"),
        ("one_way", "u1"),
        ("reply", "u1"),
        ("fragment", "u1"),  # NOT_FRAGMENTED and so on
    ],
    align=True,
)

SLOT = np.dtype(
    [
        ("time", "i8"),
        ("flow", "i4"),
        ("next", "i4"),
        ("previous", "i4"),
        ("older", "i4"),
        ("newer", "i4"),
        ("length", "i4"),  # bytes from the beginning on that are there
        ("sequence", "u4"),
        ("counted", "u4"),  # messages that belong to the request that waits, and are only counted
        ("number", "u2"),
        ("kind", "u1"),
        ("islands", "u1"),  # stretches that came before the bytes in front of them
        ("from_source", "u1"),
        ("collecting", "u1"),
        ("cut", "u1"),
    ],
    align=True,
)

EVENT = np.dtype(
    [
        ("time", "i8"),
        ("round_trip", "i8"),
        ("source_high", "u8"),
        ("source_low", "u8"),
        ("destination_high", "u8"),
        ("destination_low", "u8"),
        ("value", "u8"),
        ("size", "u4"),
        ("source_port", "u2"),
        ("destination_port", "u2"),
        ("number", "u2"),
        ("code", "u2"),
        ("answer", "u2"),
        ("flag", "u1"),
        ("detail", "u1"),
        ("kind", "u1"),
        ("protocol", "u1"),
        ("version", "u1"),
        ("one_way", "u1"),
    ],
    align=True,
)

# Texts of an event whose messages are read by `secwatch.sensor.protocols`: the bytes of both sides.
REQUEST_TEXT, RESPONSE_TEXT = 0, 1
