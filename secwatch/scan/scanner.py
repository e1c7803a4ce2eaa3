"""One file, one verdict: opened, looked at, read, matched. It holds nothing that a child could not be given."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from secwatch.scan.engine import EngineFailure, ScanTimeout
from secwatch.scan.externals import values
from secwatch.scan.opening import is_regular, open_file, read_all
from secwatch.scan.rulebook import Rulebook
from secwatch.scan.verdicts import Examined, Reason, Verdict
from secwatch.scan.walk import Batch

# Up to this size a file does not count against the memory bound, and a file of /proc (which says
# that it is empty) is read.
SMALL_BYTES = 1 << 20


@dataclass(frozen=True)
class Limits:
    """Bounds of one scan: bytes of a file, seconds of the engine for one file."""

    max_bytes: int = 256 << 20
    timeout_seconds: int = 60


class Scanner:
    """Scans files and contents with one rulebook; shared by the threads of a scan.

    Contents are held in memory while they are scanned: together at most `limits.max_bytes`, plus
    one megabyte a thread.
    """

    def __init__(self, rulebook: Rulebook, limits: Limits):
        self._rulebook = rulebook
        self._limits = limits
        self._memory = _Memory(limits.max_bytes)
        self._externals = rulebook.contents.externals

    def examine_batch(
        self, batch: Batch, seen: Collection[tuple[int, int]] = (), stopped: Callable[[], bool] = lambda: False
    ) -> Iterator[Examined]:
        """Scan the files of a batch in its order, one at each step, and close its descriptor.

        A file of several names whose identity is in `seen` is not scanned again. When `stopped`
        says so, the rest of the batch is left.
        """
        try:
            for name in batch.names:
                if stopped():
                    break
                yield self._examine_entry(name, batch, seen)
        finally:
            os.close(batch.directory)

    def examine_content(self, path: str, content: bytes) -> Examined:
        """Scan bytes that are at hand, such as a member of an archive or a content of a backup."""
        return self._match(path, content, None, changed=False)

    def _examine_entry(self, name: str, batch: Batch, seen: Collection[tuple[int, int]]) -> Examined:
        path = f"{batch.path}/{name}" if batch.path != "/" else f"/{name}"
        try:
            descriptor = open_file(name, batch.directory)
        except FileNotFoundError:
            return Examined(path, Verdict.SKIPPED, Reason.VANISHED, named=batch.named)
        except OSError as error:
            return Examined(path, Verdict.ERROR, _reason(error), named=batch.named)
        try:
            return self._examine_open(descriptor, path, batch, seen)
        except OSError as error:
            return Examined(path, Verdict.ERROR, _reason(error), named=batch.named)
        finally:
            os.close(descriptor)

    def _examine_open(self, descriptor: int, path: str, batch: Batch, seen: Collection[tuple[int, int]]) -> Examined:
        before = os.fstat(descriptor)
        reason = self._leave_out(before, batch)
        identity = (before.st_dev, before.st_ino) if before.st_nlink > 1 else None
        if reason is None and identity is not None and identity in seen:
            reason = Reason.HARD_LINK
        if reason is not None:
            return Examined(path, Verdict.SKIPPED, reason, named=batch.named)
        with self._memory.hold(before.st_size):
            limit = max(before.st_size, SMALL_BYTES) + 1
            content = read_all(descriptor, before.st_size, limit)
            changed = len(content) == limit or _has_changed(before, os.fstat(descriptor), len(content))
            return self._match(path, content, before.st_uid, changed=changed, identity=identity, named=batch.named)

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
        content: bytes,
        owner: int | None,
        *,
        changed: bool,
        identity: tuple[int, int] | None = None,
        named: bool = False,
    ) -> Examined:
        size = len(content)
        asked = values(self._externals, path, content, owner) if self._externals else {}
        try:
            matched = self._rulebook.compiled.match(content, asked, self._limits.timeout_seconds)
        except ScanTimeout:
            return Examined(path, Verdict.TIMEOUT, None, size, identity=identity, named=named)
        except EngineFailure:
            return Examined(path, Verdict.ERROR, Reason.ENGINE, size, identity=identity, named=named)
        reason = Reason.CHANGED if changed else None if matched.complete else Reason.TOO_MANY_MATCHES
        if matched.hits:
            digest = hashlib.sha256(content).hexdigest()
            return Examined(path, Verdict.MATCH, reason, size, matched.hits, digest, identity, named)
        verdict = Verdict.CLEAN if reason is None else Verdict.PARTIAL
        return Examined(path, verdict, reason, size, identity=identity, named=named)


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
