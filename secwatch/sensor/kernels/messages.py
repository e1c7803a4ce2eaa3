"""The protocols whose messages are found here and read in `secwatch.sensor.protocols`: one dispatch for all.

A protocol gives four parts, in a module of its family; a line in each function below calls them.
`recognise_…`: the first payload bytes of a side are of this protocol. `frame_…`: how long the
message at `start` is, and how many of its first bytes the parser wants: (length, wanted); (0, n) if
n bytes must be there to know; (-1, 0) if it is not the protocol (any more). `role_…`: what the
message is, and the number that pairs it with its counterpart. `phase_…`, where a conversation has
stages: the stage after this message. Datagrams need `recognise_…` and `role_…` alone. DNS, TLS and
HTTP, whose rows kernels write, are at home in `conversation`, and how long HTTP's are in `framing`.
"""

from __future__ import annotations

from secwatch.sensor.kernels.compiler import part
from secwatch.sensor.kernels.http import begins_head
from secwatch.sensor.kernels.internet_services import (
    frame_internet,
    is_internet,
    phase_internet,
    recognise_internet,
    recognise_internet_datagram,
    role_internet,
    role_internet_datagram,
)
from secwatch.sensor.kernels.reads import Bytes, big16, byte
from secwatch.sensor.kernels.ssh import ends_plain, frame_ssh, recognise_ssh
from secwatch.sensor.kernels.state import (
    NO_SERVICE,
    SERVICE_DNS,
    SERVICE_HTTP,
    SERVICE_SSH,
    SERVICE_TLS,
    SLOT_BYTES,
)
from secwatch.sensor.kernels.tls_records import CLIENT_HELLO, SERVER_HELLO, is_hello
from secwatch.sensor.kernels.tls_server import frame_client, frame_server
from secwatch.sensor.kernels.windows_services import (
    frame_windows,
    recognise_windows,
    recognise_windows_datagram,
    role_windows,
    role_windows_datagram,
)

LEAST_BYTES = 8  # of a payload that is looked at
FIRST_BYTES = 11  # of a side that must be there to tell its service: as many as tell a hello


@part
def recognise(data: Bytes, start: int, end: int, source_port: int, destination_port: int) -> int:
    """Return the service whose messages the first payload bytes of a side are, NO_SERVICE if that is not clear."""
    if begins_head(data, start, end) or _begins_later(data, start, end):
        return SERVICE_HTTP
    if is_hello(data, start, end, CLIENT_HELLO) or is_hello(data, start, end, SERVER_HELLO):
        return SERVICE_TLS
    if recognise_ssh(data, start, end):
        return SERVICE_SSH
    if source_port == 53 or destination_port == 53:
        return SERVICE_DNS
    service = recognise_internet(data, start, end, source_port, destination_port)
    return service if service != NO_SERVICE else recognise_windows(data, start, end, source_port, destination_port)


@part
def _begins_later(data: Bytes, start: int, end: int) -> bool:
    """Return whether a head of HTTP begins behind empty lines, which servers step over."""
    offset = start
    while offset < end and (byte(data, offset) == 13 or byte(data, offset) == 10):
        offset += 1
    return offset > start and begins_head(data, offset, end)


@part
def frame(service: int, data: Bytes, start: int, end: int, from_source: bool, phase: int) -> tuple[int, int]:
    """Return (length, wanted) of the message at `start`, of any service but HTTP; see above."""
    if service == SERVICE_TLS:
        if is_hello(data, start, end, CLIENT_HELLO):
            return frame_client(data, start, end)
        return frame_server(data, start, end)
    if service == SERVICE_DNS:
        if start + 2 > end:
            return 0, 2
        length = 2 + big16(data, start)
        return length, min(length, SLOT_BYTES)
    if service == SERVICE_SSH:
        return frame_ssh(data, start, end, from_source, phase)
    if is_internet(service):
        return frame_internet(service, data, start, end, from_source, phase)
    return frame_windows(service, data, start, end, phase)


@part
def role(service: int, data: Bytes, start: int, end: int, from_source: bool) -> tuple[int, int]:
    """Return (IGNORE, REQUEST, RESPONSE, ALONE or COUNTED; the number that pairs the message).

    COUNTED adds one to the request that waits with this number, and makes no row.
    """
    if is_internet(service):
        return role_internet(service, data, start, end, from_source)
    return role_windows(service, data, start, end, from_source)


@part
def recognise_datagram(data: Bytes, start: int, end: int, source_port: int, destination_port: int) -> int:
    """Return the service of a datagram of LEAST_BYTES or more but for DNS, NO_SERVICE if that is not clear."""
    service = recognise_internet_datagram(data, start, end, source_port, destination_port)
    if service != NO_SERVICE:
        return service
    return recognise_windows_datagram(data, start, end, source_port, destination_port)


@part
def role_datagram(service: int, data: Bytes, start: int, end: int, from_source: bool) -> tuple[int, int]:
    """Return what `role` returns, of a datagram."""
    if is_internet(service):
        return role_internet_datagram(service, data, start, end, from_source)
    return role_windows_datagram(service, data, start, end, from_source)


@part
def next_phase(service: int, data: Bytes, start: int, end: int, from_source: bool, phase: int) -> int:
    """Return the stage (0 to 3) of the conversation after this message."""
    if service == SERVICE_SSH and ends_plain(data, start, end):
        return phase | (1 if from_source else 2)
    return phase_internet(service, data, start, end, from_source, phase)
