"""A directory of rotated captures: its files in order of their first packet, listed again and again at little cost."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from secwatch.core.errors import SecwatchError, UnreadableInput
from secwatch.core.escape import storable
from secwatch.sensor.pcapfile import NotACapture
from secwatch.sensor.selection import first_time


@dataclass(frozen=True)
class Rotated:
    """A capture in the directory: time of its first packet (µs), its inode, size in bytes, time of change (ns).

    A path with another inode or another first packet is another capture: rings of files write over old ones.
    """

    path: str
    first_time: int
    inode: int
    size: int
    changed: int

    @property
    def same(self) -> tuple[str, int, int]:
        """What stays the same while it grows."""
        return self.path, self.inode, self.first_time


class Rotation:
    """Lists a directory. `strangers` are the files that are no captures, `unreadable` those that cannot be opened.

    Hidden files and directories are passed over; a file without a packet is not there yet.
    """

    def __init__(self, directory: Path):
        self.directory = directory
        self._known: dict[str, Rotated] = {}
        self._refused: dict[str, tuple[int, int, int]] = {}  # inode, size and time of change of strangers
        self.strangers: dict[str, str] = {}
        self.unreadable: dict[str, str] = {}

    def files(self) -> list[Rotated]:
        """Return the captures that are there now, in order. Raise UnreadableInput if the directory cannot be read."""
        found = {}
        try:
            with os.scandir(self.directory) as entries:
                for entry in entries:
                    if entry.name.startswith("."):
                        continue
                    if storable(entry.path) != entry.path:
                        self.unreadable[entry.path] = f"the name of {entry.path} is not UTF-8"
                        continue
                    rotated = self._look_at(entry)
                    if rotated is not None:
                        found[entry.path] = rotated
        except OSError as error:
            words = f"{self.directory} cannot be listed: {(error.strerror or 'error').lower()}"
            raise UnreadableInput(words, f"ls -l {self.directory}") from error
        self._known = found
        return sorted(found.values(), key=lambda item: (item.first_time, _natural(item.path)))

    def _look_at(self, entry: os.DirEntry[str]) -> Rotated | None:
        """Files vanish between two looks, and begin empty."""
        try:
            if not entry.is_file():
                return None
            status = entry.stat()
        except OSError:
            return None
        known = self._known.get(entry.path)
        now = (status.st_ino, status.st_size, status.st_mtime_ns)
        if known is not None and (known.inode, known.size, known.changed) == now:
            return known
        if not status.st_size or self._refused.get(entry.path) == now:
            return None
        try:
            time = first_time(entry.path)
        except NotACapture as error:
            self.strangers[entry.path], self._refused[entry.path] = error.message, now
            return None
        except SecwatchError as error:
            if Path(entry.path).exists():
                self.unreadable[entry.path] = error.message
            return None
        for kept in (self.unreadable, self.strangers):
            kept.pop(entry.path, None)
        return None if time is None else Rotated(entry.path, time, *now)


def _natural(path: str) -> list[tuple[int, int, str]]:
    """Numbers in names count as numbers: tcpdump -C makes x.pcap, x.pcap1, … x.pcap10."""
    parts = re.findall(r"(\d{1,18})|(\D+|\d+)", Path(path).name)
    return [(0, int(number), "") if number else (1, 0, text) for number, text in parts]
