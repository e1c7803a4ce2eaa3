"""The child process that reads files and matches them: `python -m secwatch.scan.worker DESCRIPTOR`.

It is given directories by descriptor and names in them, and opens nothing else. Its threads say in a
memory that is shared with the parent which file each of them is at: when this process dies, the
parent knows whom to suspect. At the end of what it is given it says what it knows and is gone.
"""

from __future__ import annotations

import mmap
import os
import sys
import threading
import time
from queue import SimpleQueue
from typing import Any

import msgspec

from secwatch.scan.children import channel_of, confine
from secwatch.scan.engine import ENGINES, RuleMistake
from secwatch.scan.frames import (
    Answer,
    Channel,
    Failed,
    Found,
    Gone,
    Ready,
    Rules,
    Setup,
    ToScanner,
    Work,
    slot_of,
)
from secwatch.scan.scanner import Limits, Scanner
from secwatch.scan.verdicts import Examined
from secwatch.scan.walk import Batch

# So many hits are sent before their batch is at its end: a message stays small whatever the rules say.
_MANY_HITS = 2_000


def main(arguments: list[str]) -> int:
    """Scan what comes until nothing comes any more."""
    channel: Channel[Any] = channel_of(arguments, ToScanner)
    confine()
    try:
        setup = channel.receive()
        rules = _mapped(channel.descriptor(), mmap.ACCESS_READ)
        channel.receive()
        slots = memoryview(_mapped(channel.descriptor(), mmap.ACCESS_WRITE)).cast("Q")
        try:
            scanner = _scanner(setup, rules)
        except RuleMistake as mistake:
            channel.send(Failed(mistake.message))
            return 1
        rules.close()
        channel.send(Ready())
        _Threads(channel, scanner, slots, setup).run()
    except Gone:
        pass  # nobody wants to know any more
    # A thread in the middle of a slow rule listens to nobody, and is not waited for.
    os._exit(0)


def _mapped(descriptor: int, access: int) -> mmap.mmap:
    try:
        return mmap.mmap(descriptor, 0, access=access)
    finally:
        os.close(descriptor)


def _scanner(setup: Setup, kept: mmap.mmap) -> Scanner:
    rules = msgspec.msgpack.decode(kept, type=Rules)
    compiled = ENGINES[setup.engine].made_of(rules.form, rules.sources)
    return Scanner(compiled, setup.externals, Limits(setup.max_bytes, setup.timeout_seconds, setup.memory_bytes))


class _Threads:
    """The threads of the process, which share what is to be done and the way back."""

    def __init__(self, channel: Channel[Any], scanner: Scanner, slots: memoryview, setup: Setup):
        self._channel = channel
        self._scanner = scanner
        self._slots = slots
        self._patience = setup.patience_seconds
        self._todo: SimpleQueue[tuple[Work, int] | None] = SimpleQueue()
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._unsaid: dict[int, list[Found]] = {}
        self._threads = [threading.Thread(target=self._work, args=(n,), daemon=True) for n in range(setup.threads)]

    def run(self) -> None:
        """Take what comes to its end, then give the threads a little time and say what is known."""
        for thread in self._threads:
            thread.start()
        try:
            while True:
                work = self._channel.receive()
                self._todo.put((work, self._channel.descriptor()))
        except Gone:
            self._stop.set()
        for _ in self._threads:
            self._todo.put(None)
        deadline = time.monotonic() + self._patience
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        for number in list(self._unsaid):
            self._say(number)

    def _work(self, index: int) -> None:
        try:
            while (item := self._todo.get()) is not None:
                self._examine(index, *item)
        except Gone:
            pass  # the first thread hears it too
        except Exception as error:  # noqa: BLE001 - a mistake of ours: the parent raises it
            with self._lock:
                self._channel.send(Failed(f"{type(error).__name__}: {error}"))

    def _examine(self, index: int, work: Work, directory: int) -> None:
        names = [os.fsdecode(name) for name in work.names]
        batch = Batch(directory, os.fsdecode(work.path), names, work.device)
        found = self._unsaid[work.number] = []
        hits = 0
        self._slots[index] = slot_of(work.number, 0)
        for position, examined in enumerate(self._scanner.examine_batch(batch, self._stop.is_set, alone=work.alone), 1):
            found.append(_found(examined))
            hits += len(examined.hits)
            self._slots[index] = slot_of(work.number, position)
            if hits >= _MANY_HITS:
                hits = 0
                self._say(work.number)
        # Who waits for the parent to listen is at no file.
        self._slots[index] = 0
        self._say(work.number)
        del self._unsaid[work.number]

    def _say(self, number: int) -> None:
        with self._lock:
            found = self._unsaid.get(number)
            if found:
                said = found[:]
                self._channel.send(Answer(number, said, self._scanner.spoiled))
                del found[: len(said)]


def _found(examined: Examined) -> Found:
    return Found(examined.verdict, examined.reason, examined.size, examined.hits, examined.sha256)


if __name__ == "__main__":
    sys.exit(main(sys.argv))
