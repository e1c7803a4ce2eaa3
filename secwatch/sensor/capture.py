"""Live capture: one AF_PACKET ring (TPACKET_V3) per interface, mapped, that Linux fills and the sensor walks in place.

Only making the socket needs a privilege (CAP_NET_RAW). It is bound later, so that nothing is received before
the filter is set, the privileges are gone and the kernels are loaded.
Numbers: include/uapi/linux/if_packet.h, if_ether.h, filter.h and if_arp.h of Linux.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import mmap
import os
import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from secwatch.core.errors import SecwatchError, UsageProblem
from secwatch.sensor.packet_filter import compile_filter

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

BLOCK_BYTES = 1 << 20  # holds any packet, of 64 KiB at most, and 7281 of the smallest
RETIRE_MILLISECONDS = 60  # a block that is not full is handed over after this long
_FRAME_BYTES = 2048  # asked for by the interface of the ring, without meaning in its third version
_STATUS = 8  # of a block: place of block_status
_USER = 1  # TP_STATUS_USER: the block is ours

_SOL_PACKET, _ALL_PROTOCOLS = 263, 3
_ADD_MEMBERSHIP, _RX_RING, _STATISTICS, _VERSION, _IGNORE_OUTGOING = 1, 5, 6, 10, 23
_TPACKET_V3, _PROMISCUOUS = 2, 1
_ATTACH_FILTER = 26
_GET_FLAGS, _GET_ADDRESS = 0x8913, 0x8927  # SIOCGIFFLAGS, SIOCGIFHWADDR
_UP, _LOOPBACK = 1, 8
_ETHERNET_LIKE = (1, 772)  # ARPHRD_ETHER, ARPHRD_LOOPBACK: their packets begin with an Ethernet header
_LINK_ETHERNET, _LINK_RAW = 1, 101
_NOTHING = struct.pack("HBBI", 6, 0, 0, 0)  # a filter that lets nothing through: BPF_RET | BPF_K, 0


@dataclass(frozen=True)
class Losses:
    """What a ring has received since it was opened: packets taken, packets the kernel had no room for,
    and how often the ring was full (frozen).
    """

    packets: int = 0
    dropped: int = 0
    freezes: int = 0


class Capture:
    """One interface. `open_captures` makes it, `start` begins the capture; not for two threads."""

    def __init__(self, interface: str, *, ring_bytes: int, promiscuous: bool = False, expression: str = ""):
        self.interface = interface
        self.link = _LINK_ETHERNET
        self._promiscuous = promiscuous
        self._packets = self._dropped = self._freezes = 0
        self._number = _number_of(interface)
        self._next = 0
        self._views: tuple[NDArray[numpy.uint8], NDArray[numpy.uint32]] | None = None
        self.blocks = max(ring_bytes // BLOCK_BYTES, 2)
        kind, flags = _describe(interface)
        self.loopback = bool(flags & _LOOPBACK)
        if kind not in _ETHERNET_LIKE:
            self.link = _LINK_RAW
        ethernet = self.link == _LINK_ETHERNET
        self._socket = _open_socket(socket.SOCK_RAW if ethernet else socket.SOCK_DGRAM)
        try:
            self._memory = self._make_ring()
            if expression:
                _attach(self._socket, compile_filter(expression, interface, ethernet=ethernet))
        except BaseException:
            self._socket.close()
            raise

    def start(self) -> None:
        """Receive packets from here on. Raise SecwatchError if the interface has gone."""
        import numpy

        self._views = numpy.frombuffer(self._memory, numpy.uint8), numpy.frombuffer(self._memory, numpy.uint32)
        self._bind()

    @property
    def data(self) -> NDArray[numpy.uint8]:
        """The ring, block after block of BLOCK_BYTES. Raise RuntimeError before `start`."""
        return self._started()[0]

    def _started(self) -> tuple[NDArray[numpy.uint8], NDArray[numpy.uint32]]:
        if self._views is None:
            raise RuntimeError("the capture has not begun, or has ended")
        return self._views

    def halt(self) -> None:
        """Take no more packets; what was received comes in blocks within two times RETIRE_MILLISECONDS."""
        _attach(self._socket, _NOTHING)

    def fileno(self) -> int:
        """The socket's descriptor, readable while a block waits."""
        return self._socket.fileno()

    def ready(self) -> int | None:
        """Return where the next block that the kernel has handed over begins in `data`, None if there is none."""
        start = self._next * BLOCK_BYTES
        return start if self._started()[1][(start + _STATUS) >> 2] & _USER else None

    def release(self) -> None:
        """Give the block that `ready` named back to the kernel."""
        # Stores are not put off past the release of a lock, and the kernels before this have released one.
        self._started()[1][(self._next * BLOCK_BYTES + _STATUS) >> 2] = 0
        self._next = (self._next + 1) % self.blocks

    def losses(self) -> Losses:
        """Return what was received and lost so far. The kernel forgets its numbers when they are read; we add up."""
        raw = self._socket.getsockopt(_SOL_PACKET, _STATISTICS, 12)
        packets, dropped, freezes = struct.unpack("III", raw)
        self._packets += packets - dropped  # the kernel counts the lost ones among them
        self._dropped += dropped
        self._freezes += freezes
        return Losses(self._packets, self._dropped, self._freezes)

    def condition(self) -> str:
        """Return `up`, `down`, `gone`, or `renamed to NAME` if the interface goes on under another name.

        An interface that has come back under its name is captured again.
        """
        # An error waits in the socket when an interface goes; reading it lets poll sleep again.
        self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        # Linux unbinds the socket of an interface that leaves, and does not bind it again when one of that name, or
        # even of that number, is there: the socket itself is asked. Numbers are compared, for names have synonyms.
        bound = self._socket.getsockname()[0]
        number = _look_up(self.interface)
        if number and number != _look_up(bound):
            self._number, bound = number, self.interface
            try:
                self._bind()
            except SecwatchError:
                return "gone"
        try:
            _, flags = _describe(bound)
        except SecwatchError:
            return "gone"
        if not flags & _UP:
            return "down"
        return "up" if number else f"renamed to {bound}"

    def close(self) -> None:
        """End the capture and give the memory back."""
        self._socket.close()
        self._views = None
        try:
            self._memory.close()
        except BufferError:
            pass  # somebody still looks at the ring; it goes with them

    def _make_ring(self) -> mmap.mmap:
        size = self.blocks * BLOCK_BYTES
        ring = (BLOCK_BYTES, self.blocks, _FRAME_BYTES, size // _FRAME_BYTES, RETIRE_MILLISECONDS, 0, 0)
        try:
            self._socket.setsockopt(_SOL_PACKET, _VERSION, _TPACKET_V3)
            self._socket.setsockopt(_SOL_PACKET, _RX_RING, struct.pack("7I", *ring))
            memory = mmap.mmap(self._socket.fileno(), size, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
        except OSError as error:
            raise SecwatchError(
                f"the kernel gives no ring of {size >> 20} MiB for {self.interface}: {error.strerror}",
                "choose a smaller [sensor] ring_megabytes",
            ) from error
        if self.loopback:
            try:
                self._socket.setsockopt(_SOL_PACKET, _IGNORE_OUTGOING, 1)
            except OSError:
                pass  # before Linux 4.20; the finder leaves them out in any case
        return memory

    def _bind(self) -> None:
        try:
            self._socket.bind((self.interface, _ALL_PROTOCOLS))
            if self._promiscuous:
                request = struct.pack("iHH8x", self._number, _PROMISCUOUS, 0)
                self._socket.setsockopt(_SOL_PACKET, _ADD_MEMBERSHIP, request)
        except OSError as error:
            if error.errno in (errno.ENODEV, errno.ENXIO):
                raise _unknown(self.interface) from error
            if error.errno != errno.ENETDOWN:
                raise SecwatchError(f"cannot capture on {self.interface}: {error.strerror}", "ip link show") from error


def open_captures(
    interfaces: Sequence[str], *, ring_bytes: int, promiscuous: bool = False, expression: str = ""
) -> tuple[Capture, ...]:
    """Open a ring for each interface. Nothing is captured before `start`.

    Raise UsageProblem for an interface that does not exist or a filter that is none, SecwatchError without the
    permission to capture, ProgramMissing if a filter is given and libpcap is not installed.
    """
    opened: list[Capture] = []
    try:
        for name in dict.fromkeys(interfaces):
            one = Capture(name, ring_bytes=ring_bytes, promiscuous=promiscuous, expression=expression)
            opened.append(one)
    except BaseException:
        for capture in opened:
            capture.close()
        raise
    return tuple(opened)


def _number_of(interface: str) -> int:
    try:
        return socket.if_nametoindex(interface)
    except (OSError, ValueError, UnicodeError) as error:
        raise _unknown(interface) from error


def _look_up(interface: str) -> int:
    """Return its number, 0 if there is none."""
    try:
        return socket.if_nametoindex(interface) if interface else 0
    except OSError:
        return 0


def _describe(interface: str) -> tuple[int, int]:
    """Return (ARPHRD type, flags) of the interface."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        try:
            request = struct.pack("16s24x", os.fsencode(interface))
            (kind,) = struct.unpack_from("H", fcntl.ioctl(asking, _GET_ADDRESS, request), 16)
            (flags,) = struct.unpack_from("H", fcntl.ioctl(asking, _GET_FLAGS, request), 16)
        except OSError as error:
            raise _unknown(interface) from error
    return kind, flags


def _unknown(interface: str) -> UsageProblem:
    there = " ".join(name for _, name in socket.if_nameindex())
    return UsageProblem(f"there is no interface {interface}", f"choose one of these with -i: {there}")


def _open_socket(kind: int) -> socket.socket:
    try:
        return socket.socket(socket.AF_PACKET, kind | socket.SOCK_CLOEXEC, 0)
    except PermissionError as error:
        raise SecwatchError(
            "no permission to capture packets (CAP_NET_RAW)",
            "run it as a service (docs/guides/capture-live.md), or as: sudo secwatch … sense live … --user NAME",
        ) from error


def _attach(to: socket.socket, instructions: bytes) -> None:
    """Let the kernel drop what the filter does not want, before it costs anything."""
    buffer = ctypes.create_string_buffer(instructions, len(instructions))
    program = struct.pack("HL", len(instructions) // 8, ctypes.addressof(buffer))
    try:
        to.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, program)
    except OSError as error:
        raise UsageProblem(f"the kernel refuses the filter: {error.strerror}", "man pcap-filter") from error
