"""Which parts of directories another reading may take over: those that nobody is at work on."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from secwatch.core.errors import Locked
from secwatch.store.lake import KnownContent
from secwatch.system import lock


def lock_of(directory: str) -> str:
    """Return the name of the lock that is held by whoever reads the directory."""
    return f"follow-{hashlib.sha256(directory.encode('utf-8', 'surrogateescape')).hexdigest()[:16]}"


class Claims:
    """The directories whose growing parts we may replace, besides our own: their locks are held until `release`.

    A reader at work goes on with what it has of a file. What a killed one left is for anybody who finds the same
    content, wherever the file is by now.
    """

    def __init__(self, runtime: Path, own: str = ""):
        self._runtime = runtime
        self._own = own
        self._locks = ExitStack()
        self._held: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def among(self, found: Sequence[KnownContent]) -> Sequence[KnownContent]:
        """Return those that may be replaced, or gone on with."""
        return [item for item in found if not item.growing or self._is_ours(item.directory)]

    def release(self) -> None:
        """Let others read those directories again."""
        self._locks.close()
        self._held.clear()

    def _is_ours(self, directory: str) -> bool:
        if directory == self._own or directory in self._held:
            return True
        try:
            self._locks.enter_context(lock.hold(self._runtime, lock_of(directory)))
        except Locked:
            return False
        self._held.add(directory)
        return True
