"""Finding the datagrams of DHCP and of QUIC's first flight."""

from __future__ import annotations

from secwatch.sensor.kernels.compiler import part
from secwatch.sensor.kernels.reads import Bytes, big32, byte
from secwatch.sensor.kernels.roles import ALONE, IGNORE

BOOT_REPLY = 2  # what a DHCP server sends, RFC 2131
_LEAST_FIRST = 1200  # bytes of a client's first datagram, RFC 9000, 14.1


@part
def recognise_dhcp(data: Bytes, start: int, end: int, source_port: int, destination_port: int) -> bool:
    """Return whether this is DHCP between its ports (67 and 68; 4011 of boot servers) with its cookie."""
    if end - start < 241 or byte(data, start) < 1 or byte(data, start) > 2 or byte(data, start + 2) > 16:
        return False
    if big32(data, start + 236) != 0x63825363:
        return False
    if source_port == 67 or source_port == 68 or destination_port == 67 or destination_port == 68:
        return True
    return source_port == 4011 or destination_port == 4011


@part
def role_dhcp(data: Bytes, start: int, end: int, from_source: bool) -> tuple[int, int]:
    """A message stands alone: its answer may go over another flow."""
    return ALONE, 0


@part
def recognise_quic(data: Bytes, start: int, end: int) -> bool:
    """Return whether this is a client's first datagram: an Initial packet, padded."""
    return end - start >= _LEAST_FIRST and byte(data, start + 5) >= 8 and _is_initial(data, start, end)


@part
def role_quic(data: Bytes, start: int, end: int, from_source: bool) -> tuple[int, int]:
    """Initial packets of the client are wanted, nothing else."""
    return (ALONE if from_source and _is_initial(data, start, end) else IGNORE), 0


@part
def _is_initial(data: Bytes, start: int, end: int) -> bool:
    """Return whether an Initial packet of a known version begins here, by its header."""
    if end - start < 64 or byte(data, start) & 0xC0 != 0xC0:
        return False
    version = big32(data, start + 1)
    kind = (byte(data, start) >> 4) & 3
    if version == 0x6B3343CF:
        if kind != 1:
            return False
    elif kind != 0 or (version != 1 and (version < 0xFF00001D or version > 0xFF000022)):
        return False
    length = byte(data, start + 5)
    return length <= 20 and byte(data, start + 6 + length) <= 20
