"""The services of Windows networks in one place: which of them a payload is, and the parts of each by its number."""

from __future__ import annotations

from secwatch.sensor.kernels.compiler import part
from secwatch.sensor.kernels.ldap import frame_ldap, recognise_ldap, role_ldap, role_ldap_datagram
from secwatch.sensor.kernels.reads import Bytes, signed
from secwatch.sensor.kernels.smb import frame_smb, recognise_smb, role_smb
from secwatch.sensor.kernels.state import (
    NO_SERVICE,
    SERVICE_DCE_RPC,
    SERVICE_KERBEROS,
    SERVICE_LDAP,
    SERVICE_RDP,
    SERVICE_SMB,
)
from secwatch.sensor.kernels.windows import (
    frame_dce_rpc,
    frame_kerberos,
    frame_rdp,
    recognise_dce_rpc,
    recognise_kerberos,
    recognise_kerberos_datagram,
    recognise_rdp,
    role_dce_rpc,
    role_kerberos,
    role_kerberos_datagram,
    role_rdp,
)


@part
def recognise_windows(data: Bytes, start: int, end: int, source_port: int, destination_port: int) -> int:
    """Return which of these services a side of a stream begins with, NO_SERVICE if none."""
    if recognise_smb(data, start, end, source_port, destination_port):
        return SERVICE_SMB
    if recognise_dce_rpc(data, start, end, source_port, destination_port):
        return SERVICE_DCE_RPC
    if recognise_ldap(data, start, end, source_port, destination_port):
        return SERVICE_LDAP
    if recognise_kerberos(data, start, end, source_port, destination_port):
        return SERVICE_KERBEROS
    if recognise_rdp(data, start, end, source_port, destination_port):
        return SERVICE_RDP
    return NO_SERVICE


@part
def frame_windows(service: int, data: Bytes, start: int, end: int, phase: int) -> tuple[int, int]:
    """Return (length, wanted) of the message at `start`; (-1, 0) for a service that is none of these."""
    if service == SERVICE_SMB:
        return frame_smb(data, start, end, phase)
    if service == SERVICE_DCE_RPC:
        return frame_dce_rpc(data, start, end, phase)
    if service == SERVICE_LDAP:
        return frame_ldap(data, start, end, phase)
    if service == SERVICE_KERBEROS:
        return frame_kerberos(data, start, end, phase)
    if service == SERVICE_RDP:
        return frame_rdp(data, start, end, phase)
    return signed(-1), signed(0)


@part
def role_windows(service: int, data: Bytes, start: int, end: int, from_source: bool) -> tuple[int, int]:
    """Return (role, key) of a message of a stream; (0, 0) for a service that is none of these."""
    if service == SERVICE_SMB:
        return role_smb(data, start, end, from_source)
    if service == SERVICE_DCE_RPC:
        return role_dce_rpc(data, start, end, from_source)
    if service == SERVICE_LDAP:
        return role_ldap(data, start, end, from_source)
    if service == SERVICE_KERBEROS:
        return role_kerberos(data, start, end, from_source)
    if service == SERVICE_RDP:
        return role_rdp(data, start, end, from_source)
    return signed(0), signed(0)


@part
def recognise_windows_datagram(data: Bytes, start: int, end: int, source_port: int, destination_port: int) -> int:
    """Return which of these services a datagram of at least eight bytes is, NO_SERVICE if none."""
    if recognise_kerberos_datagram(data, start, end, source_port, destination_port):
        return SERVICE_KERBEROS
    if recognise_ldap(data, start, end, source_port, destination_port):
        return SERVICE_LDAP
    return NO_SERVICE


@part
def role_windows_datagram(service: int, data: Bytes, start: int, end: int, from_source: bool) -> tuple[int, int]:
    """Return (role, key) of a datagram; (0, 0) for a service that is none of these."""
    if service == SERVICE_KERBEROS:
        return role_kerberos_datagram(data, start, end, from_source)
    if service == SERVICE_LDAP:
        return role_ldap_datagram(data, start, end, from_source)
    return signed(0), signed(0)
