"""Sends the packets of a capture file on an interface: `python -m tests.pipeline.sending FILE INTERFACE PER_SECOND`."""

from __future__ import annotations

import socket
import struct
import sys
import time
from collections.abc import Iterator
from pathlib import Path


def frames(path: Path) -> Iterator[bytes]:
    """Yield the frames of a little-endian pcap file."""
    content = path.read_bytes()
    place = 24
    while place + 16 <= len(content):
        (size,) = struct.unpack_from("<I", content, place + 8)
        yield content[place + 16 : place + 16 + size]
        place += 16 + size


def main() -> None:
    """Send them evenly, all at once in every hundredth of a second."""
    path, interface, rate = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as out:
        out.bind((interface, 0))
        started = time.monotonic()
        sent = 0
        for frame in frames(path):
            while sent >= (time.monotonic() - started) * rate:
                time.sleep(0.01)
            try:
                out.send(frame)
            except OSError:  # ENOBUFS: the queue of the interface is full
                time.sleep(0.01)
                out.send(frame)
            sent += 1
    sys.stdout.write(f"{sent}\n")


if __name__ == "__main__":
    main()
