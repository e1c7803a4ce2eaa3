"""How the files of a directory went, file by file as long as they are few, and what was said of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from secwatch.pipeline.read import InputResult

_TOLD_ONE_BY_ONE = 1000


class Accounts:
    """The results of one run. What is said at once goes to on_problem, and everything is said once."""

    def __init__(self, on_problem: Callable[[str], None], *, at_once: bool):
        self._on_problem = on_problem
        self._at_once = at_once
        self._results: dict[str, InputResult] = {}
        self._earlier: InputResult | None = None
        self._told: set[str] = set()

    def results(self) -> tuple[InputResult, ...]:
        """Return how it went, file by file; the oldest ones as a sum if they are many."""
        return (*((self._earlier,) if self._earlier else ()), *self._results.values())

    def note(self, result: InputResult) -> None:
        """Keep how a file went."""
        self._results.pop(result.path, None)
        self._results[result.path] = result
        if len(self._results) > _TOLD_ONE_BY_ONE:
            oldest = self._results.pop(next(iter(self._results)))
            self._earlier = sum_of(self._earlier, oldest)

    def note_known(self, path: str) -> None:
        """Keep that a file brought nothing new, if nothing else is known of it."""
        if path not in self._results:
            self.note(InputResult(path, "known"))

    def flaw(self, path: str, words: str, hint: str | None = None) -> None:
        """Keep what could not be read; it is told at the end, and at once where that may be far away."""
        if words not in self._told:
            self.note(InputResult(path, "unreadable", words, hint))
            if self._at_once:
                self.tell(words)
            self._told.add(words)

    def tell(self, words: str) -> None:
        """Say something at once."""
        if words not in self._told:
            self._told.add(words)
            self._on_problem(words)


def sum_of(one: InputResult | None, other: InputResult) -> InputResult:
    """Return the sum of files that are not told one by one any more."""
    if one is None:
        return replace(other, path="earlier files", error=None, hint=None)

    numbers = ("packets", "bytes", "flows", "not_ip", "retransmissions", "dropped")
    return replace(
        one,
        seconds=one.seconds + other.seconds,
        events=sum_by_kind(one.events, other.events),
        malformed=sum_by_kind(one.malformed, other.malformed),
        **{name: getattr(one, name) + getattr(other, name) for name in numbers},
    )


def sum_by_kind(one: Mapping[str, int], other: Mapping[str, int]) -> Mapping[str, int]:
    """Return the sums of numbers by kind."""
    return {kind: one.get(kind, 0) + other.get(kind, 0) for kind in {**one, **other}}
