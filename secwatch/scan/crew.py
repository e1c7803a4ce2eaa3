"""The scan's child process: started, fed, watched, replaced. A file that ends it costs its own verdict only.

Files are read and matched in a child (worker.py). When it dies, the files that its threads were at are
scanned again one by one, each with nothing beside it; who ends the child again is the culprit and
gets the verdict, and all others are scanned as if nothing had happened.
"""

from __future__ import annotations

import os
import select
import time
from collections import deque
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import msgspec

from secwatch.core.errors import SecwatchError
from secwatch.scan.children import Child
from secwatch.scan.frames import (
    MAX_FOUND_BYTES,
    Answer,
    FromScanner,
    Gone,
    Ready,
    Rules,
    Setup,
    Work,
)
from secwatch.scan.frames import Slots as SlotsFollow
from secwatch.scan.job import Job
from secwatch.scan.rulebook import Rulebook
from secwatch.scan.scanner import Limits
from secwatch.scan.verdicts import Examined, Reason, Verdict
from secwatch.scan.walk import Batch
from secwatch.scan.watch import CRASHED, MEMORY, Cause, Slots, Watched

WORKER = "secwatch.scan.worker"
# Who leaves early waits so long for the files that are being scanned: enough for all ordinary ones,
# and well below the 10 s (docker stop) to 90 s (systemd) after which a stopped process is killed.
PATIENCE_SECONDS = 2.0
# A child is given up when it stays at one file for twice the engine's time-out, this, and what a slow disk takes for
# the largest file (it is read again for the hash of a match).
STILL_SECONDS = 5.0
_SLOW_BYTES_PER_SECOND = 50e6
# Batches at the child for each thread, and at most in all (each holds a directory open on both sides): enough
# that a big file holds nobody up.
_AHEAD, _MOST_AHEAD = 32, 256
# What an engine loses over many files goes with its process.
RENEW_FILES = 200_000
# A tree of files that kill an engine is an attack on the scan, or rules of which nobody should use the engine.
MAX_DEATHS = 100
_BLAMELESS_DEATHS = 3
_LOOK_SECONDS = 0.5


class Crew:
    """Scans batches in a child process; answers come as they are ready, in no order."""

    def __init__(self, rulebook: Rulebook, limits: Limits, threads: int, worker: str = WORKER):
        self._rulebook = rulebook
        self._limits = limits
        self._threads = threads
        self._module = worker
        self._window = min(threads * _AHEAD, _MOST_AHEAD)
        self._rules = _memory_file(msgspec.msgpack.encode(Rules(rulebook.form, rulebook.sources)))
        self._watched: Watched | None = None
        self._given = 0
        self._files_given = 0
        self._spoiled = False
        self._deaths = self._blameless = 0
        self._todo: deque[Job] = deque()
        self._suspects: deque[Job] = deque()
        self._at_work: dict[int, Job] = {}
        self._found: list[Examined] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def idle(self) -> bool:
        """Whether everything is answered."""
        return not (self._todo or self._suspects or self._at_work or self._found)

    @property
    def full(self) -> bool:
        """Whether no more should be submitted before something is collected."""
        return len(self._todo) + len(self._suspects) + len(self._at_work) >= self._window

    def submit(self, batch: Batch) -> None:
        """Have a batch scanned; its descriptor is ours from now on."""
        self._todo.append(Job(batch))
        self._give()

    def collect(self, *, wait: bool) -> Sequence[Examined]:
        """Return what has been found since the last time; with `wait`, at least one while there is any to come.

        Raise SecwatchError when the child cannot do its work.
        """
        while True:
            self._take(0.0 if self._found or not wait else _LOOK_SECONDS)
            self._give()
            if self._found or not wait or self.idle:
                found, self._found = self._found, []
                return found

    def leave(self) -> Sequence[Examined]:
        """Return what is known of everything that was submitted, soon: files that are being scanned are interrupted."""
        watched = self._watched
        if watched is not None:
            watched.child.channel.finish()
            deadline = time.monotonic() + PATIENCE_SECONDS + 1.0
            try:
                while (left := deadline - time.monotonic()) > 0:
                    self._hear(watched, left)
            except (Gone, SecwatchError):
                pass
            for number, position in watched.slots.places():
                job = self._at_work.get(number)
                if job is not None and len(job.found) <= position < len(job.batch.names):
                    path = job.batch.path_of(job.batch.names[position])
                    job.found.append(Examined(path, Verdict.ERROR, Reason.INTERRUPTED, named=job.batch.named))
        known = [*self._found, *(examined for job in self._at_work.values() for examined in job.found)]
        self._found = []
        return known

    def close(self) -> None:
        """End the child, whatever it is doing, and close every directory."""
        self._dismiss()
        for job in (*self._todo, *self._suspects, *self._at_work.values()):
            job.close()
        self._todo.clear()
        self._suspects.clear()
        self._at_work.clear()
        if self._rules >= 0:
            os.close(self._rules)
            self._rules = -1

    def _give(self) -> None:
        """Give the child what it may have: suspects one at a time, and nothing to one that is to be renewed."""
        while (self._suspects and not self._at_work) or (self._todo and not self._suspects):
            alone = any(job.alone for job in self._at_work.values())
            if alone or len(self._at_work) >= self._window:
                return
            if self._spoiled or self._files_given >= RENEW_FILES:
                if self._at_work:
                    return
                self._dismiss()
            job = self._suspects.popleft() if self._suspects else self._todo.popleft()
            self._given += 1
            self._files_given += len(job.batch.names)
            self._at_work[self._given] = job
            batch = job.batch
            names = [os.fsencode(name) for name in batch.names]
            work = Work(self._given, os.fsencode(batch.path), names, batch.device, job.alone)
            watched = self._watched or self._start()
            try:
                watched.child.channel.send(work, batch.directory)
            except Gone:
                self._drain(watched)

    def _start(self) -> Watched:
        limits, contents = self._limits, self._rulebook.contents
        slots = Slots(self._threads)
        child: Child[FromScanner] = Child(self._module, FromScanner, MAX_FOUND_BYTES)
        still_seconds = limits.timeout_seconds * 2 + STILL_SECONDS + limits.max_bytes / _SLOW_BYTES_PER_SECOND
        watched = self._watched = Watched(child, slots, limits.memory_bytes, still_seconds)
        setup = Setup(
            contents.engine,
            contents.externals,
            self._threads,
            limits.max_bytes,
            limits.memory_bytes,
            limits.timeout_seconds,
            PATIENCE_SECONDS,
        )
        try:
            child.channel.send(setup, self._rules)
            child.channel.send(SlotsFollow(), slots.descriptor)
        except Gone:
            pass  # who gives work or listens hears it again
        finally:
            os.close(slots.descriptor)
        return watched

    def _dismiss(self) -> None:
        if self._watched is not None:
            self._watched.leave()
            self._watched.child.close()
        self._watched, self._files_given, self._spoiled = None, 0, False

    def _take(self, seconds: float) -> None:
        """Hear what the child has said, and wait so long for something."""
        watched = self._watched
        if watched is not None:
            try:
                self._hear(watched, seconds)
            except Gone:
                self._bury(watched)

    def _drain(self, watched: Watched) -> None:
        """Hear the last words of a child that takes nothing any more."""
        try:
            while True:
                self._hear(watched, _LOOK_SECONDS)
        except Gone:
            self._bury(watched)

    def _hear(self, watched: Watched, seconds: float) -> None:
        """Raise Gone after the last word."""
        channel = watched.child.channel
        gone: Gone | None = None
        if select.select([channel], [], [], seconds)[0]:
            try:
                channel.fill()
            except Gone as error:
                gone = error
        while (message := channel.next()) is not None:
            if isinstance(message, Answer):
                self._note(message)
            elif isinstance(message, Ready):
                watched.ready = True
            else:
                raise SecwatchError(f"the scanning process failed: {message.message}", "secwatch rules lint")
        if gone is not None:
            raise gone

    def _note(self, answer: Answer) -> None:
        self._blameless = 0
        self._spoiled = self._spoiled or answer.spoiled
        job = self._at_work.get(answer.number)
        if job is None or len(job.found) + len(answer.found) > len(job.batch.names):
            raise Gone("an answer to what was not asked")
        for found in answer.found:
            job.found.append(job.examined(found))
        if len(job.found) == len(job.batch.names):
            self._found.extend(job.found)
            del self._at_work[answer.number]
            job.close()

    def _bury(self, watched: Watched) -> None:
        """The child has died: what it had answered counts, whom it was at is suspected, the rest waits again."""
        how = watched.child.end()
        places = watched.slots.places()
        self._dismiss()
        if not watched.ready:
            raise _cannot_start(watched.cause, how)
        cause = watched.cause or CRASHED
        self._deaths += 1
        self._blameless += 1
        jobs, self._at_work = self._at_work, {}
        for number, job in jobs.items():
            self._sort(job, {position for owner, position in places if owner == number}, cause)
        if self._deaths > MAX_DEATHS or self._blameless >= _BLAMELESS_DEATHS:
            why = f"the scanning process ended {self._deaths} times; the last time it {cause.words} ({how})"
            raise SecwatchError(why, "try the other engine: secwatch scan files --engine yara PATH")

    def _sort(self, job: Job, positions: set[int], cause: Cause) -> None:
        """Take a job apart whose child has died: who is suspected, or was alone and is the culprit, and the others."""
        self._found.extend(job.found)
        names = job.batch.names
        at = {position for position in positions if len(job.found) <= position < len(names)}
        rest = [names[position] for position in range(len(job.found), len(names)) if position not in at]
        if at:
            self._blameless = 0
        if job.alone:
            culprits = [(job.batch.path_of(names[position]), job.batch.named) for position in at]
            self._found.extend(Examined(path, cause.verdict, cause.reason, named=named) for path, named in culprits)
            self._suspects.extend([job.part(rest, alone=True)] if rest else [])
        else:
            self._suspects.extend(job.part([names[position]], alone=True) for position in sorted(at))
            self._todo.extendleft([job.part(rest)] if rest else [])
        job.close()


def _cannot_start(cause: Cause | None, how: str) -> SecwatchError:
    if cause is MEMORY:
        return SecwatchError(
            "the rules alone take more memory than [scan] memory_megabytes allows", "secwatch config show"
        )
    return SecwatchError(f"the scanning process ended before it began: {how}", "secwatch rules lint")


def _memory_file(data: bytes) -> int:
    descriptor = os.memfd_create("secwatch-rules")
    with os.fdopen(os.dup(descriptor), "wb") as stream:
        stream.write(data)
    return descriptor
