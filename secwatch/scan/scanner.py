"""One file, one verdict: opened, looked at, read or mapped, matched. It runs in the scanning child (worker.py)."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from secwatch.scan.contents import Content, Mapped, digest_of, size_of
from secwatch.scan.engine import Compiled, EngineFailure, EnginePanic, ScanTimeout
from secwatch.scan.externals import values
from secwatch.scan.opening import is_regular, open_file, read_all
from secwatch.scan.verdicts import Examined, Reason, Verdict
from secwatch.scan.walk import Batch

# Up to this size a file does not count against the memory bound, and a file of /proc (which says
# that it is empty) is read.
SMALL_BYTES = 1 << 20
# Larger files are mapped: reading costs memory, mapping a file costs a little time, and the process
# if the file is cut off meanwhile.
MAPPED_BYTES = 16 << 20
# What all threads may hold of files that are read.
HELD_BYTES = 64 << 20


@dataclass(frozen=True)
class Limits:
    """Bounds of one scan: bytes of a file, seconds of the engine for one file, bytes of memory of a process."""

    max_bytes: int = 256 << 20
    timeout_seconds: int = 60
    memory_bytes: int = 400 << 20


class Scanner:
    """Scans files and contents with compiled rules that ask for some externals; shared by threads.

    Files of up to 16 MiB are held in memory while they are scanned, together 64 MiB; larger ones are mapped.
    """

    def __init__(self, compiled: Compiled, externals: Sequence[str], limits: Limits):
        self._compiled = compiled
        self._limits = limits
        self._memory = _Memory(HELD_BYTES)
        self._externals = externals
        self.spoiled = False
        """Whether the engine came upon a mistake of its own: what it says from now on is worth little."""

    def examine_batch(
        self, batch: Batch, stopped: Callable[[], bool] = lambda: False, *, alone: bool = False
    ) -> Iterator[Examined]:
        """Scan the files of a batch in its order, one at each step, and close its descriptor.

        When `stopped` says so, the rest of the batch is left. `alone`: no other is scanned meanwhile, and what
        fits into half of the memory is not mapped.
        """
        try:
            for name in batch.names:
                if stopped():
                    break
                yield self._examine_entry(name, batch, self._limits.memory_bytes // 2 if alone else MAPPED_BYTES)
        finally:
            os.close(batch.directory)

    def examine_content(self, path: str, content: bytes) -> Examined:
        """Scan bytes that are at hand, such as a member of an archive or a content of a backup."""
        return self._match(path, content, None)

    def _examine_entry(self, name: str, batch: Batch, most: int) -> Examined:
        path = batch.path_of(name)
        try:
            descriptor = open_file(name, batch.directory)
        except FileNotFoundError:
            return Examined(path, Verdict.SKIPPED, Reason.VANISHED, named=batch.named)
        except OSError as error:
            return Examined(path, Verdict.ERROR, _reason(error), named=batch.named)
        try:
            return self._examine_open(descriptor, path, batch, most)
        except OSError as error:
            return Examined(path, Verdict.ERROR, _reason(error), named=batch.named)
        finally:
            os.close(descriptor)

    def _examine_open(self, descriptor: int, path: str, batch: Batch, most: int) -> Examined:
        before = os.fstat(descriptor)
        reason = self._leave_out(before, batch)
        if reason is not None:
            return Examined(path, Verdict.SKIPPED, reason, named=batch.named)
        if before.st_size > most:
            content = Mapped(descriptor, before.st_size)
            return self._match(
                path,
                content,
                before.st_uid,
                lambda: _has_changed(before, os.fstat(descriptor), before.st_size),
                named=batch.named,
            )
        with self._memory.hold(before.st_size):
            limit = max(before.st_size, SMALL_BYTES) + 1
            read = read_all(descriptor, before.st_size, limit)
            changed = len(read) == limit or _has_changed(before, os.fstat(descriptor), len(read))
            return self._match(path, read, before.st_uid, lambda: changed, named=batch.named)

    def _leave_out(self, found: os.stat_result, batch: Batch) -> Reason | None:
        if not is_regular(found):
            return Reason.SPECIAL
        if found.st_size > self._limits.max_bytes:
            return Reason.SIZE
        if batch.device is not None and found.st_dev != batch.device:
            return Reason.FILE_SYSTEM
        return None

    def _match(
        self,
        path: str,
        content: Content,
        owner: int | None,
        changed: Callable[[], bool] = lambda: False,
        *,
        named: bool = False,
    ) -> Examined:
        """A mapped file that is cut off is a failure of the reference engine, and of nobody else."""
        size = size_of(content)
        asked = values(self._externals, path, content, owner) if self._externals else {}
        try:
            matched = self._compiled.match(content, asked, self._limits.timeout_seconds)
        except ScanTimeout:
            return Examined(path, Verdict.TIMEOUT, None, size, named=named)
        except EngineFailure as failure:
            self.spoiled = self.spoiled or isinstance(failure, EnginePanic)
            if changed():
                return Examined(path, Verdict.PARTIAL, Reason.CHANGED, size, named=named)
            return Examined(path, Verdict.ERROR, Reason.ENGINE, size, named=named)
        reason = Reason.CHANGED if changed() else None if matched.complete else Reason.TOO_MANY_MATCHES
        if matched.hits:
            return Examined(path, Verdict.MATCH, reason, size, matched.hits, _sha256(content), named)
        verdict = Verdict.CLEAN if reason is None else Verdict.PARTIAL
        return Examined(path, verdict, reason, size, named=named)


class _Memory:
    """A bound on the bytes that all threads hold; a file that does not fit yet waits for the others."""

    def __init__(self, total: int):
        self._total = total
        self._used = 0
        self._condition = threading.Condition()

    @contextmanager
    def hold(self, size: int) -> Iterator[None]:
        """Wait until there is room for `size` bytes, and hold it. Small sizes are not counted."""
        if size <= SMALL_BYTES:
            yield
            return
        with self._condition:
            self._condition.wait_for(lambda: self._used == 0 or self._used + size <= self._total)
            self._used += size
        try:
            yield
        finally:
            with self._condition:
                self._used -= size
                self._condition.notify_all()


def _sha256(content: Content) -> str | None:
    """A match is one also when its file cannot be read a second time."""
    try:
        return digest_of(content, "sha256")
    except OSError:
        return None


def _has_changed(before: os.stat_result, after: os.stat_result, read: int) -> bool:
    """Return whether the file was written to while it was read. Files of /proc say size 0 and hold text."""
    same = (before.st_size, before.st_mtime_ns, before.st_ctime_ns) == (
        after.st_size,
        after.st_mtime_ns,
        after.st_ctime_ns,
    )
    return not same or (before.st_size > 0 and read != before.st_size)


def _reason(error: OSError) -> Reason:
    """A name that has become a symbolic link (ELOOP) or cannot be opened counts as unreadable."""
    return Reason.PERMISSION if isinstance(error, PermissionError) else Reason.READ
