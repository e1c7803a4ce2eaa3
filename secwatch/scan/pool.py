"""A scan with several threads: batches go in as the walk finds them, results come out in the walk's order."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass, replace
from threading import Event

from secwatch.scan.scanner import Scanner
from secwatch.scan.verdicts import Examined, Reason, Tally, Verdict
from secwatch.scan.walk import Batch, Walk
from secwatch.scan.workers import Workers

# Batches waiting for each thread: enough that a big file holds nobody up, few enough that open
# directories and results stay bounded.
_AHEAD = 8
# Who leaves early waits so long for the files that are being scanned: enough for all ordinary ones,
# and well below the 10 s (docker stop) to 90 s (systemd) after which a stopped process is killed.
PATIENCE_SECONDS = 2.0


@dataclass
class _Job:
    """A batch on its way. The results grow file by file, so that those of an unfinished batch count too."""

    batch: Batch
    results: list[Examined]
    future: Future[None]


def scan(
    walk: Walk,
    scanner: Scanner,
    threads: int,
    tally: Tally,
    late: Callable[[Sequence[Examined]], object] = lambda _: None,
) -> Generator[Sequence[Examined]]:
    """Yield what was found, a batch at a time, and count it in the tally.

    The same tree gives the same results in the same order whatever the number of threads. Who
    leaves early (an exception, a signal) waits at most PATIENCE_SECONDS for the files that are being
    scanned; what was found and not yet yielded, and those files as interrupted, go to `late`.
    """
    seen: set[tuple[int, int]] = set()
    waiting: deque[_Job | Examined] = deque()
    stop = Event()
    workers = Workers(threads)
    finished = False
    try:
        for item in walk:
            waiting.append(item if isinstance(item, Examined) else _start(item, scanner, seen, stop, workers))
            tally.directories = walk.directories
            while len(waiting) > threads * _AHEAD or (waiting and _is_done(waiting[0])):
                yield _count(_take(waiting), seen, tally)
        tally.directories = walk.directories
        while waiting:
            yield _count(_take(waiting), seen, tally)
        finished = True
    finally:
        stop.set()
        if not finished:
            late(_count(_left(waiting), seen, tally))
        workers.leave()
        if finished:
            workers.join()


def _start(batch: Batch, scanner: Scanner, seen: set[tuple[int, int]], stop: Event, workers: Workers) -> _Job:
    results: list[Examined] = []

    def work() -> None:
        for examined in scanner.examine_batch(batch, seen, stop.is_set):
            results.append(examined)  # noqa: PERF402 - one by one, for whoever leaves early

    return _Job(batch, results, workers.submit(work))


def _is_done(item: _Job | Examined) -> bool:
    return isinstance(item, Examined) or item.future.done()


def _take(waiting: deque[_Job | Examined]) -> Sequence[Examined]:
    """Wait for the results of the first item and remove it. Raise what its thread raised, and leave it there."""
    item = waiting[0]
    if isinstance(item, _Job):
        item.future.result()
    waiting.popleft()
    return item.results if isinstance(item, _Job) else [item]


def _left(waiting: Sequence[_Job | Examined]) -> Sequence[Examined]:
    """Return what is known of the items that nobody has taken, in their order."""
    running: list[Future[None]] = []
    for item in waiting:
        if isinstance(item, _Job):
            if item.future.cancel():
                # What was never started still holds its directory open.
                os.close(item.batch.directory)
            else:
                running.append(item.future)
    wait(running, PATIENCE_SECONDS)
    known: list[Examined] = []
    for item in waiting:
        known.extend([item] if isinstance(item, Examined) else _so_far(item))
    return known


def _so_far(job: _Job) -> Sequence[Examined]:
    """Return the results of a batch until now; the file that its thread is at was interrupted."""
    ended = job.future.done()
    results = list(job.results)
    if ended or len(results) == len(job.batch.names):
        return results
    path = os.path.join(job.batch.path, job.batch.names[len(results)])  # noqa: PTH118 - a path of any bytes and length
    return [*results, Examined(path, Verdict.ERROR, Reason.INTERRUPTED, named=job.batch.named)]


def _count(found: Sequence[Examined], seen: set[tuple[int, int]], tally: Tally) -> Sequence[Examined]:
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
