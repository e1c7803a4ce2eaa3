"""Opening capture files: pcap and pcapng, plain, gzip or zstd, from a path or standard input.

Files are read in bounded blocks into one buffer, not mapped: a file that is cut
short while it is read then ends early instead of killing the process (SIGBUS), plain and
compressed files take the same way, and it was measured to be as fast. What is read is tagged as it passes.
"""

from __future__ import annotations

import gzip
import io
import os
import secrets
import stat
import struct
import sys
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self, cast

import zstandard

from secwatch.core.errors import UnreadableInput
from secwatch.sensor.content import HEAD_BYTES, KEY_BYTES, Content, Source, Tagging, quick_of, read_on, tagged

BLOCK_BYTES = 1 << 20  # fits the caches of a core with what the kernels keep: a tenth faster than 4 MiB
_ZSTD_WINDOW = 1 << 27  # bytes of memory a zstd stream may ask for; what `zstd --long` writes
_HINT = "secwatch sense read --help"

_PCAP_MAGICS = {
    bytes.fromhex("d4c3b2a1"): (False, False, 16),
    bytes.fromhex("a1b2c3d4"): (True, False, 16),
    bytes.fromhex("4d3cb2a1"): (False, True, 16),
    bytes.fromhex("a1b23c4d"): (True, True, 16),
    bytes.fromhex("34cdb2a1"): (False, False, 24),  # with interface index, by a patched libpcap
    bytes.fromhex("a1b2cd34"): (True, False, 24),
}
_PCAPNG_MAGIC = bytes.fromhex("0a0d0d0a")
_LOOKS_LIKE = (
    (b"snoop\0\0\0", "a snoop capture", "editcap -F pcap IN OUT"),
    (b"XCP\0", "a NetXRay capture", "editcap -F pcap IN OUT"),
    (b"\x54\x52\x53\x4e\x49\x46\x46", "a Sniffer capture", "editcap -F pcap IN OUT"),
    (b"PK\x03\x04", "a zip archive", "unzip it first"),
    (b"\xfd7zXZ\0", "an xz file", "xz -d it first, or compress it with zstd"),
    (b"BZh", "a bzip2 file", "bunzip2 it first, or compress it with zstd"),
    (b"PAR1", "a Parquet file", None),
    (b"SQLite format 3", "an SQLite database", None),
    (b"\x7fELF", "a program", None),
    (b"%PDF", "a PDF document", None),
    (b"#separator", "a Zeek log", None),
)


@dataclass(frozen=True)
class CaptureFormat:
    """What the first bytes of a capture say. `link_type` is -1 for pcapng, where interfaces say it."""

    pcapng: bool
    swapped: bool
    nanoseconds: bool
    record_header: int
    link_type: int
    header_bytes: int


class NotACapture(UnreadableInput):
    """A file that is something else, or empty."""


class _Compressed(io.RawIOBase):
    """The stored bytes below a decompressor: read in pieces that are tagged as they pass."""

    def __init__(self, source: Source, tagging: Tagging, first: bytes):
        self._source = source
        self._tagging = tagging
        self._first = first

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(cast(bytearray, buffer))
        if self._first:
            size = min(len(view), len(self._first))
            view[:size], self._first = self._first[:size], self._first[size:]
        else:
            size = self._source.readinto(view)
        self._tagging.update(view[:size])
        return size


class CaptureFile:
    """An open capture: its format, its bytes after decompression, its identity.

    `key` is what its tags are made with; tags under another key compare with nothing. Raise
    UnreadableInput if it cannot be opened or is no capture. "-" is standard input.
    """

    def __init__(self, path: str, key: bytes | None = None):
        self.path = path
        self._key = secrets.token_bytes(KEY_BYTES) if key is None else key
        self._source = Source(_open(path))
        self.size = self._source.size
        self.damage: str | None = None
        self._stored, self._content = Tagging(self._key), Tagging(self._key)
        self._ended = False
        try:
            self._stream, self._start = self._decompress()
            self.format = self._recognise()
        except BaseException:
            self._source.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._source.close()

    @property
    def bytes_read(self) -> int:
        """Bytes of the stored file read so far."""
        return self._source.bytes_read

    @property
    def compressed(self) -> bool:
        """Whether what is read is not what is stored."""
        return self._stream is not self._source

    def read_into(self, view: memoryview) -> int:
        """Fill the view as far as the capture goes; return its bytes, 0 at the end.

        Damage of a compressed file ends it early and is kept in `damage`.
        """
        filled = 0
        if self._start:
            filled = min(len(view), len(self._start))
            view[:filled], self._start = self._start[:filled], self._start[filled:]
        # readinto1 gives what can be decompressed before the damage; readinto would lose it to the exception.
        read_some = getattr(self._stream, "readinto1", self._stream.readinto)
        while filled < len(view):
            try:
                size = read_some(view[filled:])
            except EOFError:
                self.damage = "truncated_file"
                break
            except (gzip.BadGzipFile, zlib.error, zstandard.ZstdError):
                self.damage = "corrupt_compression"
                break
            except OSError as error:
                raise UnreadableInput(f"{self._name} stopped being readable: {error.strerror}", _HINT) from error
            if not size:
                break
            filled += size
        self._ended = not filled
        return filled

    def expect(self, lengths: Sequence[int]) -> None:
        """Keep the tags of the first so many bytes of the content too, before anything is tagged."""
        self._content.expect(lengths)

    def tag(self, view: memoryview) -> None:
        """Take bytes that `read_into` returned into the content's tag."""
        self._content.update(view)

    def beginning(self, length: int) -> Content | None:
        """Return the content up to so many bytes that have been read and tagged; a part of a segment is read once more.

        Of what is compressed only whole segments. None if that is nothing, or if the file has become shorter.
        """
        tagging = self._content.resumed(length)
        plain = self.size is not None and not self.compressed
        source = self._source
        if source.closed or (plain and not read_on(tagging, source.descriptor, source.start, length)):
            return None
        return tagging.content(self._read_head()) if tagging.length else None

    def identity(self) -> tuple[str, Content, str]:
        """Return the tag of the file as stored, all of it, the content that was tagged, and the stored quick identity.

        What is written behind it later is in none of them. Of a pipe only what was read counts, because it might
        never end; its quick identity is ''.
        """
        content = self._content.content(self._read_head())
        if self.compressed:
            buffer = bytearray(1 << 20)
            while self.size is not None and (size := self._source.readinto(buffer)):
                self._stored.update(memoryview(buffer)[:size])
            return self._stored.content(b"").tag, content, self._quick(self._stored.length)
        if self.size is None or self._ended:
            return content.tag, content, self._quick(content.length)
        whole = tagged(self._source.descriptor, self._source.start, self._key)
        return whole.content(b"").tag, content, self._quick(whole.length)

    def _quick(self, size: int) -> str:
        return "" if self.size is None else quick_of(self._source.descriptor, self._source.start, size)

    @property
    def _name(self) -> str:
        return "standard input" if self.path == "-" else self.path

    def _decompress(self) -> tuple[io.RawIOBase, bytes]:
        first = _read_exactly(self._source, 64)
        if not first:
            raise NotACapture(f"{self._name} is empty", "check that the capture was written")
        if first[:2] == b"\x1f\x8b" or first[:4] == b"\x28\xb5\x2f\xfd":
            below = io.BufferedReader(_Compressed(self._source, self._stored, first), 1 << 18)
            if first[:2] == b"\x1f\x8b":
                return cast(io.RawIOBase, gzip.GzipFile(fileobj=below)), b""
            reader = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
            return cast(io.RawIOBase, reader.stream_reader(below, read_across_frames=True)), b""
        return self._source, first

    def _recognise(self) -> CaptureFormat:
        head = bytearray(HEAD_BYTES)
        size = self.read_into(memoryview(head))
        self.head = bytes(head[:size])
        self._start = self.head + self._start
        if size == 0 and self.compressed:
            raise UnreadableInput(f"{self._name} holds nothing readable after decompression", _HINT)
        magic = bytes(head[:4])
        if magic == _PCAPNG_MAGIC and size >= 12:
            return CaptureFormat(True, False, False, 0, -1, 0)
        if magic not in _PCAP_MAGICS:
            raise self._no_capture(bytes(head[:size]), self.compressed)
        if size < 24:
            raise UnreadableInput(f"{self._name} ends within the file header", "copy the capture again")
        swapped, nanoseconds, record_header = _PCAP_MAGICS[magic]
        (link,) = struct.unpack_from(">I" if swapped else "<I", head, 20)
        return CaptureFormat(False, swapped, nanoseconds, record_header, link & 0x03FFFFFF, 24)

    def _read_head(self) -> bytes:
        """Return the head: that of a file which has been shorter, as it is now."""
        if len(self.head) < HEAD_BYTES and self.size is not None and not self.compressed:
            self.head = os.pread(self._source.descriptor, HEAD_BYTES, self._source.start)
        return self.head

    def _no_capture(self, head: bytes, compressed: bool) -> NotACapture:
        where = "the content of " if compressed else ""
        for magic, what, hint in _LOOKS_LIKE:
            if head.startswith(magic):
                return NotACapture(f"{where}{self._name} is not a capture: it looks like {what}", hint or _HINT)
        text = all(32 <= value < 127 or value in b"\t\r\n\x0c" for value in head)
        return NotACapture(
            f"{where}{self._name} is not a capture" + (": it looks like text" if text else ""),
            f"file {self.path}" if self.path != "-" else _HINT,
        )


def _open(path: str) -> int:
    """Return a descriptor of a regular file or of standard input."""
    if path == "-":
        if sys.stdin is not None and os.isatty(0):
            raise UnreadableInput("standard input is a terminal, not a capture", "tcpdump -w - | secwatch sense read -")
        return os.dup(0)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        hint = "check the path" if isinstance(error, FileNotFoundError) else f"ls -l {path}"
        raise UnreadableInput(f"{path} cannot be opened: {(error.strerror or 'error').lower()}", hint) from error
    except ValueError as error:
        raise UnreadableInput("the path holds a zero byte", "check the path") from error
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return descriptor
    os.close(descriptor)
    what = "a directory" if stat.S_ISDIR(mode) else "a pipe" if stat.S_ISFIFO(mode) else "a device or socket"
    hint = f"secwatch sense read - < {path}" if stat.S_ISFIFO(mode) else _HINT
    raise UnreadableInput(f"{path} is {what}, not a capture file", hint)


def _read_exactly(source: Source, size: int) -> bytes:
    buffer = bytearray(size)
    filled = 0
    while filled < size:
        part = source.readinto(memoryview(buffer)[filled:])
        if not part:
            break
        filled += part
    return bytes(buffer[:filled])


def quick_identity(path: str) -> str:
    """Return "size-sha256 of the first and last MiB", a cheap hint that a file was read before.

    Raise UnreadableInput if the file cannot be opened or is not a regular file.
    """
    descriptor = _open(path)
    try:
        return quick_of(descriptor, 0, os.fstat(descriptor).st_size)
    finally:
        os.close(descriptor)
