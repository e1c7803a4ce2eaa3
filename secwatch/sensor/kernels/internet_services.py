"""The services of the internet in one place: which of them a payload is, and the parts of each by its number."""

from __future__ import annotations

from secwatch.sensor.kernels.compiler import part
from secwatch.sensor.kernels.datagrams import recognise_dhcp, recognise_quic, role_dhcp, role_quic
from secwatch.sensor.kernels.lines import (
    frame_ftp,
    frame_smtp,
    phase_smtp,
    recognise_ftp,
    recognise_smtp,
    role_ftp,
    role_smtp,
)
from secwatch.sensor.kernels.reads import Bytes, signed
from secwatch.sensor.kernels.state import (
    NO_SERVICE,
    SERVICE_DHCP,
    SERVICE_FTP,
    SERVICE_QUIC,
    SERVICE_SMTP,
    SERVICE_STRATUM,
)
from secwatch.sensor.kernels.stratum import frame_stratum, recognise_stratum, role_stratum


@part
def recognise_internet(data: Bytes, start: int, end: int, source_port: int, destination_port: int) -> int:
    """Return which of these services a side of a stream begins with, NO_SERVICE if none."""
    if recognise_ftp(data, start, end, source_port, destination_port):
        return SERVICE_FTP
    if recognise_smtp(data, start, end, source_port, destination_port):
        return SERVICE_SMTP
    if recognise_stratum(data, start, end):
        return SERVICE_STRATUM
    return NO_SERVICE


@part
def is_internet(service: int) -> bool:
    """Return whether the service is one of these."""
    if service == SERVICE_FTP or service == SERVICE_SMTP or service == SERVICE_STRATUM:
        return True
    return service == SERVICE_DHCP or service == SERVICE_QUIC


@part
def frame_internet(service: int, data: Bytes, start: int, end: int, from_source: bool, phase: int) -> tuple[int, int]:
    """Return (length, wanted) of the message at `start`; (-1, 0) for a service that is none of these."""
    if service == SERVICE_FTP:
        return frame_ftp(data, start, end)
    if service == SERVICE_SMTP:
        return frame_smtp(data, start, end, from_source, phase)
    if service == SERVICE_STRATUM:
        return frame_stratum(data, start, end)
    return signed(-1), signed(0)


@part
def role_internet(service: int, data: Bytes, start: int, end: int, from_source: bool) -> tuple[int, int]:
    """Return (role, key) of a message of a stream; (0, 0) for a service that is none of these."""
    if service == SERVICE_FTP:
        return role_ftp(data, start, end, from_source)
    if service == SERVICE_SMTP:
        return role_smtp(data, start, end, from_source)
    if service == SERVICE_STRATUM:
        return role_stratum(data, start, end, from_source)
    return signed(0), signed(0)


@part
def phase_internet(service: int, data: Bytes, start: int, end: int, from_source: bool, phase: int) -> int:
    """Return the stage of the conversation after this message."""
    if service == SERVICE_SMTP:
        return phase_smtp(data, start, end, from_source, phase)
    return phase


@part
def recognise_internet_datagram(data: Bytes, start: int, end: int, source_port: int, destination_port: int) -> int:
    """Return which of these services a datagram of at least eight bytes is, NO_SERVICE if none."""
    if recognise_dhcp(data, start, end, source_port, destination_port):
        return SERVICE_DHCP
    if recognise_quic(data, start, end):
        return SERVICE_QUIC
    return NO_SERVICE


@part
def role_internet_datagram(service: int, data: Bytes, start: int, end: int, from_source: bool) -> tuple[int, int]:
    """Return (role, key) of a datagram; (0, 0) for a service that is none of these."""
    if service == SERVICE_DHCP:
        return role_dhcp(data, start, end, from_source)
    if service == SERVICE_QUIC:
        return role_quic(data, start, end, from_source)
    return signed(0), signed(0)
