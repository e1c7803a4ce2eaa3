"""The memory of the sensor: flow table, waiting transactions, finished rows, counters.

All of it is numpy arrays of fixed size in one object, so that kernels, the file reader and
later the capture ring share it, and so that no input can make it grow.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from secwatch.sensor.kernels.passing import Arrays
from secwatch.sensor.kernels.records import EVENT, FLOW, PACKET, PENDING, SLOT, STREAM, TROUBLE

# Where the numbers of `SensorState.control` are.
(
    PACKETS,
    BYTES,
    FIRST_TIME,
    LAST_TIME,
    PACKET_TIME,
    TIME_BACKWARDS,
    NOT_IP,
    FRAGMENTS,
    NEXT_SWEEP,
    FINISHED,
    EVENTS,
    ARENA,
    FREE_FLOW,
    FREE_SLOT,
    OLDEST_SLOT,
    NEWEST_SLOT,
    FLOWS_TOTAL,
    SLOTS_EVICTED,
    USED_FLOWS,
    USED_SLOTS,
    RETRANSMISSIONS,
    FREE_LARGE,
    USED_LARGE,
    PENDING_DATAGRAMS,
    CONTROL_SIZE,
) = range(25)

# Causes a packet or a record is not (wholly) understood: index into `SensorState.causes`.
PACKET_CAUSES = (  # the packet is in no flow
    "bad_time",
    "unknown_link_type",
    "unknown_interface",
    "truncated_link",
    "too_many_tags",
    "truncated_mpls",
    "truncated_ipv4",
    "bad_ipv4_header",
    "truncated_ipv6",
    "bad_ipv6_header",
    "truncated_ipv6_extension",
    "truncated_tcp",
    "bad_tcp_header",
    "truncated_udp",
    "bad_udp_header",
    "truncated_icmp",
    "truncated_sctp",
)
EVENT_CAUSES = (  # the packet counts, its contents do not
    "ip_length_beyond_wire",  # the packet counts with the bytes that were there, not with those its header claims
    "malformed_dns",
    "truncated_dns",
    "malformed_tls",
    "truncated_client_hello",
    "truncated_http_head",
    "malformed_chunks",  # of a body of HTTP: what stands behind is read again from what looks like the next message on
    "messages_cut",  # only the beginning of a message was there: a gap, or the capture kept no more
    "messages_skipped",  # of one flow beyond MOST_MESSAGES
    "pipelined_skipped",  # requests or messages of one segment beyond MOST_PIPELINED
    "malformed_arp",
    "malformed_tunnel",  # what is inside cannot be decoded: the packet counts in the flow around it
    "too_many_tunnels",  # beyond MOST_TUNNELS: the packet counts in the innermost flow that was decoded
    "icmp_rows_skipped",  # packets of one flow row beyond MOST_ICMP_ROWS
)
CAUSES = ("", *PACKET_CAUSES, *EVENT_CAUSES)
(
    GOOD,
    BAD_TIME,
    UNKNOWN_LINK_TYPE,
    UNKNOWN_INTERFACE,
    TRUNCATED_LINK,
    TOO_MANY_TAGS,
    TRUNCATED_MPLS,
    TRUNCATED_IPV4,
    BAD_IPV4_HEADER,
    TRUNCATED_IPV6,
    BAD_IPV6_HEADER,
    TRUNCATED_IPV6_EXTENSION,
    TRUNCATED_TCP,
    BAD_TCP_HEADER,
    TRUNCATED_UDP,
    BAD_UDP_HEADER,
    TRUNCATED_ICMP,
    TRUNCATED_SCTP,
    IP_LENGTH_BEYOND_WIRE,
    MALFORMED_DNS,
    TRUNCATED_DNS,
    MALFORMED_TLS,
    TRUNCATED_CLIENT_HELLO,
    TRUNCATED_HTTP_HEAD,
    MALFORMED_CHUNKS,
    MESSAGES_CUT,
    MESSAGES_SKIPPED,
    PIPELINED_SKIPPED,
    MALFORMED_ARP,
    MALFORMED_TUNNEL,
    TOO_MANY_TUNNELS,
    ICMP_ROWS_SKIPPED,
) = range(len(CAUSES))
# Times are taken from 1970 up to here, 2262-01-01, in µs. Up to there nanoseconds fit into 63 bits, which is what
# databases and data frames store; later ones, of a hostile or damaged file, would overflow somewhere downstream.
END_OF_TIME = 9_214_646_400_000_000
NO_IP = -1  # decode's answer for well-formed traffic that carries no IP
IS_ARP = -2  # decode's answer for ARP

# Lists of flows by what ends them; also the first places of `SensorState.settings`.
LIST_TCP, LIST_UDP, LIST_OTHER, LIST_CLOSED, LIST_ATTEMPT, ACTIVE_TIMEOUT, FLOWS_ONLY = range(7)
LISTS = 5

REASONS = ("end", "idle", "active", "evicted", "flush")
END, IDLE, ACTIVE, EVICTED, FLUSH = range(5)

# What a flow speaks, and the kind of an event: one list for both.
SERVICES = (
    *("", "dns", "tls", "http", "ssh", "ftp", "smtp", "stratum"),
    *("smb", "dce_rpc", "kerberos", "rdp", "ldap", "dhcp", "quic", "icmp", "arp"),
)
NO_SERVICE, SERVICE_DNS, SERVICE_TLS, SERVICE_HTTP, SERVICE_SSH, SERVICE_FTP, SERVICE_SMTP, SERVICE_STRATUM = range(8)
(
    SERVICE_SMB,
    SERVICE_DCE_RPC,
    SERVICE_KERBEROS,
    SERVICE_RDP,
    SERVICE_LDAP,
    SERVICE_DHCP,
    SERVICE_QUIC,
    SERVICE_ICMP,
    SERVICE_ARP,
) = range(8, 17)
HTTP_BODY = 255  # what a side sends next, in place of a service: chunks of the body of an HTTP message
TUNNELS = ("", "gre", "erspan", "ip-in-ip", "vxlan", "geneve", "pppoe", "mpls")
NO_TUNNEL, GRE, ERSPAN, IP_IN_IP, VXLAN, GENEVE, PPPOE, MPLS = range(8)
MOST_TUNNELS = 4  # one inside another
MOST_ICMP_ROWS = 1024  # of one flow row
REMEMBERED = 4096  # first fragments whose ports are remembered
PENDING_SIZE = 256  # datagrams whose first fragment is waited for
# µs: how long fragments of a datagram belong together, as Linux takes it (ipfrag_time, 30 s).
FRAGMENTS_TIMEOUT = 30_000_000
TEXTS = 13  # text columns of an event row at most
NONE16 = 0xFFFF

SLOT_BYTES = 4096  # of one waiting query, hello or request
SLOTS = 16384
LARGE_BYTES = 16384  # of a server's first TLS messages: certificate chains are 3 to 6 KB, seldom more
LARGE_SLOTS = 512
MOST_ISLANDS = 8  # of one slot
WAITING_PER_FLOW = 64
MOST_MESSAGES = 8192  # rows of messages that one row of a flow can bring, beside DNS, TLS and HTTP
MOST_PIPELINED = 64  # requests or messages taken from one segment; each can finish one row
ROW_TEXT = 64 * 1024  # no event row writes more text than this
EVENT_ROWS = 32768
ARENA_BYTES = 30 << 20
# Room that must be free before a packet is taken: it can end two flows, each with all that waits in
# it, and finish MOST_PIPELINED rows of its own.
ROOM_FLOWS = 8
ROOM_EVENTS = 4 * WAITING_PER_FLOW
ROOM_ARENA = ROOM_EVENTS * ROW_TEXT

Record = Any  # one record of a structured array: fields by name
Records = NDArray[Any]


@dataclass(frozen=True, eq=False)
class SensorState(Arrays):
    """Everything a kernel keeps between packets. Shapes are fixed when it is made."""

    control: NDArray[Any]  # int64 (CONTROL_SIZE,)
    causes: NDArray[Any]  # int64 (len(CAUSES),)
    settings: NDArray[Any]  # int64: time-outs in microseconds, by list; then the active time-out, FLOWS_ONLY
    heads: NDArray[Any]  # int64 (2, LISTS): oldest and newest flow of each list
    seed: NDArray[Any]  # uint64 (1,): keeps senders from choosing hash collisions
    packet: Record  # PACKET (2,): the packet being looked at; while a tunnel is opened, the packet around it
    table: NDArray[Any]  # int64 (2 ** n,): hash << 32 | flow, or -1
    flows: Records  # FLOW (max_flows,)
    streams: Records  # STREAM (max_flows, 2): of the source and the destination of each flow
    troubles: Records  # TROUBLE (max_flows, 2): of the source and the destination of each flow
    fragments: NDArray[Any]  # int64 (REMEMBERED, 3): identity of a fragmented datagram, its ports, its time
    pending: Records  # PENDING (PENDING_SIZE,): fragments whose first one has not come
    slots: Records  # SLOT (SLOTS + LARGE_SLOTS,): the large ones last
    slot_data: NDArray[np.uint8]  # (SLOTS * SLOT_BYTES + LARGE_SLOTS * LARGE_BYTES,)
    islands: NDArray[np.int16]  # (SLOTS + LARGE_SLOTS, MOST_ISLANDS, 2): beginning and end, in ascending order
    finished: Records  # FLOW (batch_rows,)
    events: Records  # EVENT (EVENT_ROWS,)
    text_starts: NDArray[Any]  # int64 (EVENT_ROWS, TEXTS)
    text_lengths: NDArray[Any]  # int64 (EVENT_ROWS, TEXTS)
    arena: NDArray[np.uint8]  # (ARENA_BYTES,)
    scratch: NDArray[Any]  # int64 (4, 256): lists of a hello while it is read


def new_state(
    max_flows: int,
    batch_rows: int,
    timeouts: tuple[int, int, int, int, int, int],
    event_rows: int = EVENT_ROWS,
    slots: int = SLOTS,
    *,
    flows_only: bool = False,
) -> SensorState:
    """Return an empty state. `timeouts` are microseconds: tcp, udp, other, closed, attempt, active.

    With flows_only no payload is looked into: there are no events.
    """
    table_size = 1 << (2 * max_flows - 1).bit_length()
    control = np.zeros(CONTROL_SIZE, np.int64)
    control[[FREE_FLOW, FREE_SLOT, FREE_LARGE, OLDEST_SLOT, NEWEST_SLOT]] = -1  # chains, all empty
    control[[NEXT_SWEEP, LAST_TIME, PACKET_TIME]] = np.iinfo(np.int64).min  # no packet yet: last before first
    control[FIRST_TIME] = np.iinfo(np.int64).max
    return SensorState(
        control=control,
        causes=np.zeros(len(CAUSES), np.int64),
        settings=np.array([*timeouts, flows_only], np.int64),
        heads=np.full((2, LISTS), -1, np.int64),
        seed=np.array([secrets.randbits(64)], np.uint64),
        packet=np.zeros(2, PACKET),
        table=np.full(table_size, -1, np.int64),
        flows=np.zeros(max_flows, FLOW),
        streams=np.zeros((max_flows, 2), STREAM),
        troubles=np.zeros((max_flows, 2), TROUBLE),
        fragments=np.zeros((REMEMBERED, 3), np.int64),
        pending=np.zeros(PENDING_SIZE, PENDING),
        slots=np.zeros(slots + LARGE_SLOTS, SLOT),
        slot_data=np.empty(slots * SLOT_BYTES + LARGE_SLOTS * LARGE_BYTES, np.uint8),
        islands=np.zeros((slots + LARGE_SLOTS, MOST_ISLANDS, 2), np.int16),
        finished=np.zeros(batch_rows, FLOW),
        events=np.zeros(event_rows, EVENT),
        text_starts=np.zeros((event_rows, TEXTS), np.int64),
        text_lengths=np.zeros((event_rows, TEXTS), np.int64),
        arena=np.empty(ARENA_BYTES, np.uint8),
        scratch=np.zeros((4, 256), np.int64),
    )


class Output(NamedTuple):
    """What a state has finished: how many flows and events its output arrays hold."""

    state: SensorState
    flows: int
    events: int


def hand_over(state: SensorState) -> Output:
    """Return what is finished and mark the output as empty; its arrays must be read before kernels fill them again."""
    output = Output(state, int(state.control[FINISHED]), int(state.control[EVENTS]))
    state.control[[FINISHED, EVENTS, ARENA]] = 0
    return output


def twin(state: SensorState) -> SensorState:
    """Return the same state with output arrays of its own: one can be read while kernels fill the other."""
    return replace(
        state,
        finished=np.zeros_like(state.finished),
        events=np.zeros_like(state.events),
        text_starts=np.zeros_like(state.text_starts),
        text_lengths=np.zeros_like(state.text_lengths),
        arena=np.empty_like(state.arena),
    )
