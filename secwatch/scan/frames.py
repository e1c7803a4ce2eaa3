"""The messages between a scan and its child processes: length first, open files beside.

A frame is four bytes of length and a msgpack body; a descriptor travels with the first byte. Paths
and names are bytes, because those of files need not be text. The parent trusts no length: a child
that has been taken over by what it scanned can say anything, and does no more than end badly.
"""

from __future__ import annotations

import array
import os
import socket
import struct
from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar

import msgspec

from secwatch.scan.verdicts import Hit, Reason, Verdict

# The largest answer is a compiled rulebook: 16 MB for 5,900 rules of yara-python 4.5.4.
MAX_FRAME_BYTES = 1 << 30
# What a child may say of a batch at once; one file with 12,796 hits of 8 strings takes 9 MB.
MAX_FOUND_BYTES = 64 << 20
_READ_BYTES = 1 << 18
_LENGTH = struct.Struct("<I")


Message = TypeVar("Message")


class Setup(msgspec.Struct, frozen=True, tag=True):
    """What a scanning child begins with; a memfd with `Rules` comes beside it, and one with the slots next."""

    engine: str
    externals: Sequence[str]
    threads: int
    max_bytes: int
    memory_bytes: int
    timeout_seconds: int
    patience_seconds: float


class Rules(msgspec.Struct, frozen=True):
    """A compiled form, empty where the engine keeps none, and the sources that it is made of, by namespace."""

    form: bytes
    sources: Mapping[str, str]


class Slots(msgspec.Struct, frozen=True, tag=True):
    """Beside it comes the memory in which each thread says where it is: eight bytes each, `slot_of`."""


class Work(msgspec.Struct, frozen=True, tag=True):
    """Files to scan; beside it the descriptor of their directory. alone: read into memory what fits, map no file."""

    number: int
    path: bytes
    names: Sequence[bytes]
    device: int | None
    alone: bool


class Found(msgspec.Struct, frozen=True, array_like=True):
    """What was found in one file, in the order of the names."""

    verdict: Verdict
    reason: Reason | None
    size: int
    hits: tuple[Hit, ...]
    sha256: str | None


class Ready(msgspec.Struct, frozen=True, tag=True):
    """The rules are in place."""


class Answer(msgspec.Struct, frozen=True, tag=True):
    """What was found in the next files of a batch. spoiled: the engine is in a state that nobody knows."""

    number: int
    found: Sequence[Found]
    spoiled: bool = False


class Failed(msgspec.Struct, frozen=True, tag=True):
    """The child cannot go on, for a reason of its own."""

    message: str


ToScanner = Setup | Slots | Work
FromScanner = Ready | Answer | Failed

_encoder = msgspec.msgpack.Encoder()


class Gone(Exception):
    """The other side is no more, or has said what is no message."""


def slot_of(number: int, position: int) -> int:
    """Return what a thread writes into its slot while it is at a file of a batch; 0 is a thread at nothing."""
    return number << 16 | position + 1


def place_of(slot: int) -> tuple[int, int]:
    """Return the batch and the position in it of a slot that is not 0."""
    return slot >> 16, (slot & 0xFFFF) - 1


class Channel(Generic[Message]):
    """One end of a socket on which frames of one set of types arrive."""

    def __init__(self, stream: socket.socket, expected: Any, most: int = MAX_FRAME_BYTES):
        self._socket = stream
        self._decoder: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(expected)
        self._most = most
        self._held = bytearray()
        self._descriptors: list[int] = []

    def fileno(self) -> int:
        """Return the socket's descriptor, for waiting."""
        return self._socket.fileno()

    def send(self, message: msgspec.Struct, descriptor: int | None = None) -> None:
        """Send a frame, with a descriptor if there is one. Raise Gone."""
        body = _encoder.encode(message)
        data = memoryview(_LENGTH.pack(len(body)) + body)
        beside = [] if descriptor is None else [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [descriptor]))]
        try:
            sent = self._socket.sendmsg([data], beside)
            self._socket.sendall(data[sent:])
        except OSError as error:
            raise Gone(str(error)) from error

    def receive(self) -> Message:
        """Wait for a frame. Raise Gone at the end, TimeoutError where the socket has a time-out."""
        while (message := self.next()) is None:
            self.fill()
        return message

    def fill(self) -> None:
        """Read what has come, and wait if there is nothing. Raise Gone, TimeoutError."""
        try:
            data, beside, _, _ = self._socket.recvmsg(_READ_BYTES, 1024, socket.MSG_CMSG_CLOEXEC)
        except TimeoutError:
            raise
        except OSError as error:
            raise Gone(str(error)) from error
        for level, kind, content in beside:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                received = array.array("i")
                received.frombytes(content[: len(content) - len(content) % received.itemsize])
                self._descriptors.extend(received)
        if not data:
            raise Gone("end")
        self._held += data

    def next(self) -> Message | None:
        """Return the next whole frame of those that were read, None if there is none. Raise Gone."""
        if len(self._held) < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack_from(self._held)
        if length > self._most:
            raise Gone(f"a message of {length} bytes")
        end = _LENGTH.size + length
        if len(self._held) < end:
            return None
        body = bytes(memoryview(self._held)[_LENGTH.size : end])
        del self._held[:end]
        try:
            return self._decoder.decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise Gone(str(error)) from error

    def descriptor(self) -> int:
        """Return the descriptor that came with the frame that was just taken; each is taken once, in its order."""
        if not self._descriptors:
            raise Gone("no descriptor came with the message")
        return self._descriptors.pop(0)

    def finish(self) -> None:
        """Say that nothing more will be sent."""
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it has gone already

    def close(self) -> None:
        """Close the socket and what came over it and was not taken."""
        self._socket.close()
        while self._descriptors:
            os.close(self._descriptors.pop())
