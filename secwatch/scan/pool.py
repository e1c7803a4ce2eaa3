"""A scan with several threads: batches go in as the walk finds them, results come out in the walk's order."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from threading import Event

from secwatch.scan.scanner import Scanner
from secwatch.scan.verdicts import Examined, Reason, Tally, Verdict
from secwatch.scan.walk import Batch, Walk

# Batches waiting for each thread: enough that a big file holds nobody up, few enough that open
# directories and results stay bounded.
_AHEAD = 8


def scan(walk: Walk, scanner: Scanner, threads: int, tally: Tally) -> Iterator[Sequence[Examined]]:
    """Yield what was found, a batch at a time, and count it in the tally.

    The same tree gives the same results in the same order whatever the number of threads. Leaving
    early (an exception, a signal) waits only for the files that are being scanned.
    """
    seen: set[tuple[int, int]] = set()
    waiting: deque[tuple[Batch, Future[list[Examined]]] | Examined] = deque()
    stop = Event()
    executor = ThreadPoolExecutor(threads, thread_name_prefix="scan")
    try:
        for item in walk:
            if isinstance(item, Examined):
                waiting.append(item)
            else:
                waiting.append((item, executor.submit(scanner.examine_batch, item, seen, stop.is_set)))
            tally.directories = walk.directories
            while len(waiting) > threads * _AHEAD or (waiting and _is_done(waiting[0])):
                yield _count(waiting.popleft(), seen, tally)
        tally.directories = walk.directories
        while waiting:
            yield _count(waiting.popleft(), seen, tally)
    finally:
        stop.set()
        for left in waiting:
            # What was never started still holds its directory open.
            if not isinstance(left, Examined) and left[1].cancel():
                os.close(left[0].directory)
        executor.shutdown(wait=True)


def _is_done(item: tuple[Batch, Future[list[Examined]]] | Examined) -> bool:
    return isinstance(item, Examined) or item[1].done()


def _count(
    item: tuple[Batch, Future[list[Examined]]] | Examined, seen: set[tuple[int, int]], tally: Tally
) -> Sequence[Examined]:
    found = [item] if isinstance(item, Examined) else item[1].result()
    results = [_once(examined, seen) for examined in found]
    for examined in results:
        tally.add(examined)
    return results


def _once(examined: Examined, seen: set[tuple[int, int]]) -> Examined:
    """The first name of a file in the walk's order keeps its verdict; threads may have scanned it twice."""
    if examined.identity is None:
        return examined
    if examined.identity in seen:
        return replace(examined, verdict=Verdict.SKIPPED, reason=Reason.HARD_LINK, size=0, hits=(), sha256=None)
    seen.add(examined.identity)
    return examined
