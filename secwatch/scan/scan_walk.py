"""A scan of everything that a walk finds, counted as it comes."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence

from secwatch.scan.crew import Crew
from secwatch.scan.links import once
from secwatch.scan.rulebook import Rulebook
from secwatch.scan.scanner import Limits
from secwatch.scan.verdicts import Examined, Tally
from secwatch.scan.walk import Walk


def scan(
    walk: Walk,
    rulebook: Rulebook,
    limits: Limits,
    threads: int,
    tally: Tally,
    late: Callable[[Sequence[Examined]], object] = lambda _: None,
) -> Generator[Sequence[Examined]]:
    """Yield what was found as it is found, and count it in the tally.

    The same tree gives the same results whatever the number of threads, in any order. Who leaves early
    (an exception, a signal) waits little more than PATIENCE_SECONDS for the files that are being scanned;
    what was found and not yet yielded, and those files as interrupted, go to `late`.
    Raise SecwatchError when the scanning process cannot do its work.
    """
    crew = Crew(rulebook, limits, threads)
    finished = False
    try:
        for item in once(walk, limits.max_bytes):
            tally.directories = walk.directories
            if isinstance(item, Examined):
                yield _count([item], tally)
                continue
            crew.submit(item)
            while found := crew.collect(wait=crew.full):
                yield _count(found, tally)
        tally.directories = walk.directories
        while found := crew.collect(wait=True):
            yield _count(found, tally)
        finished = True
    finally:
        try:
            if not finished:
                late(_count(crew.leave(), tally))
        finally:
            crew.close()


def _count(found: Sequence[Examined], tally: Tally) -> Sequence[Examined]:
    for examined in found:
        tally.add(examined)
    return found
