"""Filter expressions (`tcp port 443`) compiled for the kernel, by the system's libpcap: the language of tcpdump."""

from __future__ import annotations

import ctypes
import os
import re
from typing import Any

from secwatch.core.errors import ProgramMissing, SecwatchError, UsageProblem

LONGEST_EXPRESSION = 8192
MOST_INSTRUCTIONS = 4096  # BPF_MAXINSNS of Linux
INSTRUCTION_BYTES = 8  # struct sock_filter
ETHERNET, RAW_IP = 1, 12  # DLT_EN10MB, DLT_RAW
_SNAP_LENGTH = 262144
_NO_NETMASK = 0xFFFFFFFF  # PCAP_NETMASK_UNKNOWN
_INTERFACE_DOWN = -9  # PCAP_ERROR_IFACE_NOT_UP
_LOOPBACK = "lo"
_NAMES = ("libpcap.so.1", "libpcap.so.0.8", "libpcap.so")  # upstream, Debian, others


class _Program(ctypes.Structure):
    """struct bpf_program."""

    _fields_ = (("length", ctypes.c_uint), ("instructions", ctypes.c_void_p))


def compile_filter(expression: str, interface: str, *, ethernet: bool) -> bytes:
    """Return the expression as instructions of classic BPF, 8 bytes each, for packets of this interface.

    Ethernet interfaces are opened by libpcap for a moment, without capturing: only so does it know that Linux
    takes VLAN tags out of the frames, and compiles `vlan 7` accordingly. For one that is down, the loopback is
    opened: its packets look the same, and so does the program. Raise ProgramMissing if libpcap is not installed,
    UsageProblem if the expression is none, SecwatchError if the interface cannot be opened, or if both are down
    and the expression asks for VLAN tags.
    """
    if len(expression) > LONGEST_EXPRESSION or "\0" in expression:
        raise UsageProblem("the filter is too long, or holds a zero byte", "man pcap-filter")
    library = _library()
    handle = _opened(library, interface, expression) if ethernet else _dead(library, RAW_IP)
    program = _Program()
    try:
        if library.pcap_compile(handle, ctypes.byref(program), expression.encode(), 1, _NO_NETMASK):
            reason = library.pcap_geterr(handle).decode("utf-8", "replace")
            raise UsageProblem(f"the filter is not understood: {reason}", "man pcap-filter")
        try:
            if program.length > MOST_INSTRUCTIONS:
                raise UsageProblem("the filter is too long for the kernel", "name networks instead of single hosts")
            return ctypes.string_at(program.instructions or 0, program.length * INSTRUCTION_BYTES)
        finally:
            library.pcap_freecode(ctypes.byref(program))
    finally:
        library.pcap_close(handle)


def _library() -> Any:
    for name in _NAMES:
        try:
            library = ctypes.CDLL(name)
        except OSError:
            continue
        handle, text = ctypes.c_void_p, ctypes.c_char_p
        library.pcap_open_dead.restype = handle
        library.pcap_create.argtypes, library.pcap_create.restype = (text, text), handle
        library.pcap_geterr.argtypes, library.pcap_geterr.restype = (handle,), text
        library.pcap_statustostr.restype = text
        library.pcap_compile.argtypes = (handle, ctypes.c_void_p, text, ctypes.c_int, ctypes.c_uint)
        library.pcap_freecode.argtypes = (ctypes.c_void_p,)
        library.pcap_set_snaplen.argtypes = (handle, ctypes.c_int)
        library.pcap_set_buffer_size.argtypes = (handle, ctypes.c_int)
        for function in (library.pcap_activate, library.pcap_datalink, library.pcap_close):
            function.argtypes = (handle,)
        return library
    raise ProgramMissing("--filter needs libpcap, which is not installed", "apt-get install libpcap0.8")


def _opened(library: Any, interface: str, expression: str) -> Any:
    """Return a handle that compiles for the Ethernet interface, whether it is up or down."""
    handle = _activated(library, interface) or _activated(library, _LOOPBACK)
    if handle:
        return handle
    if re.search(r"\bvlan\b", expression):
        words = f"a filter for VLAN tags cannot be compiled while both {interface} and {_LOOPBACK} are down"
        raise SecwatchError(words, f"ip link set {_LOOPBACK} up")
    return _dead(library, ETHERNET)


def _activated(library: Any, interface: str) -> Any:
    """Open the interface with the smallest of buffers, whose content is never read; return None if it is down."""
    errors = ctypes.create_string_buffer(256)
    handle = library.pcap_create(os.fsencode(interface), errors)
    if not handle:
        raise SecwatchError(f"libpcap cannot open {interface}: {errors.value.decode('utf-8', 'replace')}")
    library.pcap_set_snaplen(handle, _SNAP_LENGTH)
    library.pcap_set_buffer_size(handle, 1 << 20)
    status = library.pcap_activate(handle)
    if status >= 0 and library.pcap_datalink(handle) == ETHERNET:
        return handle
    reason = library.pcap_geterr(handle) or library.pcap_statustostr(status)
    library.pcap_close(handle)
    if status == _INTERFACE_DOWN:
        return None
    raise SecwatchError(f"libpcap cannot open {interface}: {reason.decode('utf-8', 'replace')}", "ip link show")


def _dead(library: Any, link_type: int) -> Any:
    handle = library.pcap_open_dead(link_type, _SNAP_LENGTH)
    if not handle:
        raise MemoryError("libpcap gave no handle")
    return handle
