"""What is said of a file after a scan: verdicts, hits, and the count of everything that was met.

Only a file whose every byte was looked at is called clean. What was not is counted by its reason.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum


class Verdict(StrEnum):
    """How the scan of one file ended."""

    CLEAN = "clean"
    MATCH = "match"
    PARTIAL = "partial"
    SKIPPED = "skipped"
    TIMEOUT = "timeout"
    ERROR = "error"


class Reason(StrEnum):
    """Why something is not clean and no match; the words are part of the JSON contract."""

    # skipped: by policy, or because there is nothing to scan
    SIZE = "size"
    SPECIAL = "special"
    SYMLINK = "symlink"
    EXCLUDED = "excluded"
    FILE_SYSTEM = "file-system"
    HARD_LINK = "hard-link"
    VANISHED = "vanished"
    # partial: looked at, but not surely all of it
    CHANGED = "changed"
    TOO_MANY_MATCHES = "too-many-matches"
    # error
    MISSING = "missing"
    PERMISSION = "permission"
    READ = "read"
    ENGINE = "engine"
    CRASHED = "crashed"
    MEMORY = "memory"
    DIRECTORY = "directory"
    TOO_DEEP = "too-deep"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class Snippet:
    """One place where a string of a rule was found; content is at most 64 bytes of it."""

    identifier: str
    offset: int
    content: bytes


@dataclass(frozen=True, slots=True)
class Hit:
    """A rule that matches; the namespace is that of the rule's file in the rulebook."""

    rule: str
    namespace: str
    snippets: tuple[Snippet, ...] = ()


@dataclass(frozen=True, slots=True)
class Examined:
    """The scan of one file, or the reason why there was none. size is the number of bytes scanned.

    sha256 is that of the very bytes that were scanned, for a match only.
    `named` says that the user named this path, rather than a directory above it.
    """

    path: str
    verdict: Verdict
    reason: Reason | None = None
    size: int = 0
    hits: tuple[Hit, ...] = ()
    sha256: str | None = None
    named: bool = False


# So many examples are kept of what could not be scanned; all of it is counted.
MAX_PROBLEMS = 100


_NO_FILE = frozenset({Reason.DIRECTORY, Reason.TOO_DEEP, Reason.MISSING})


@dataclass
class Tally:
    """The count of a scan, added to file by file.

    files counts those that were to be scanned, whatever came of it; what policy skips is counted
    in `skipped` only. unread counts what should have been read to its end and was not.
    """

    files: int = 0
    bytes: int = 0
    verdicts: Counter[Verdict] = field(default_factory=Counter)
    skipped: Counter[Reason] = field(default_factory=Counter)
    reasons: Counter[Reason] = field(default_factory=Counter)
    directories: int = 0
    problems: list[Examined] = field(default_factory=list)
    unread: int = 0

    def add(self, examined: Examined) -> None:
        """Count one."""
        self.verdicts[examined.verdict] += 1
        self.bytes += examined.size
        if examined.verdict is Verdict.SKIPPED and examined.reason is not None:
            self.skipped[examined.reason] += 1
        else:
            self.files += examined.reason not in _NO_FILE
            if examined.reason is not None:
                self.reasons[examined.reason] += 1
        if self._is_problem(examined):
            self.unread += 1
            if len(self.problems) < MAX_PROBLEMS:
                self.problems.append(examined)

    @staticmethod
    def _is_problem(examined: Examined) -> bool:
        """A named path that is skipped is a problem: the user asked for it and it was not read.

        Another name of a file that this scan has read already is none.
        """
        if examined.verdict is Verdict.SKIPPED:
            return examined.named and examined.reason is not Reason.HARD_LINK
        return examined.verdict in (Verdict.PARTIAL, Verdict.TIMEOUT, Verdict.ERROR)

    @property
    def complete(self) -> bool:
        """Whether everything that policy asked for was read to its end."""
        return self.unread == 0

    def as_verdicts(self) -> dict[str, object]:
        """Return the count by verdict as the JSON contract has it, every verdict present."""
        counts: dict[str, object] = {verdict.value: self.verdicts[verdict] for verdict in Verdict}
        counts[Verdict.SKIPPED.value] = {reason.value: number for reason, number in sorted(self.skipped.items())}
        return counts
