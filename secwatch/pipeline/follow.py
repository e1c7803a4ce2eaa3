"""Directories of rotated captures, read as one sequence: flows go on from file to file, once or as files come.

Every commit is one transaction: the rows that are finished, how far the newest file is read, and which file
holds the flows that are still open. Whatever is killed takes up there: no packet is lost, none counted twice.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from secwatch.core.columns import ColumnBatch, in_bytes
from secwatch.core.errors import Locked, UnreadableInput
from secwatch.core.escape import storable
from secwatch.core.ownership import Ownership
from secwatch.detect import catalogue
from secwatch.detect.recorded import Evaluator
from secwatch.pipeline.accounts import Accounts
from secwatch.pipeline.claims import Claims, lock_of
from secwatch.pipeline.followed import Ledger
from secwatch.pipeline.novelty import Verdict, is_known, judge
from secwatch.pipeline.read import InputResult, ReadSummary, counted, sensor_settings
from secwatch.pipeline.retention import watch
from secwatch.pipeline.steering import Steering
from secwatch.sensor.continuing import ContinuingReader, Silence
from secwatch.sensor.kernels.state import Output, SensorState
from secwatch.sensor.reader import SensorSettings
from secwatch.sensor.rotation import Rotated, Rotation
from secwatch.system import lock
from secwatch.system.database import Database
from secwatch.system.paths import Place
from secwatch.system.settings import Settings

POLL_SECONDS = 1.0
PENDING_BYTES = 64 << 20  # of columns, beyond which a commit does not wait for its time


def read_directory(
    place: Place,
    settings: Settings,
    database: Database,
    ownership: Ownership,
    directory: Path,
    steering: Steering,
    *,
    again: bool = False,
    flows_only: bool = False,
    detect: bool = True,
) -> ReadSummary:
    """Read the captures of a directory in the order of their first packets, as one sequence.

    What was read of it before is not read again; the newest file is taken up where it ended then, with the flows
    that were open if that run was killed. With `again` all of it is forgotten first. A file that cannot be read
    stops no other. With `steering.follow` this goes on until `steering.stop`; a file has ended when a newer one is
    there. Without `detect` the next run evaluates what this one brings.
    Raise UnreadableInput if the directory cannot be listed, Locked if another run reads it or is writing.
    """
    started = time.monotonic()
    directory = directory.resolve()
    if storable(str(directory)) != str(directory):
        raise UnreadableInput(
            "the path of the directory is not UTF-8, so how far it is read cannot be kept", "rename it"
        )
    with lock.hold(place.runtime, lock_of(str(directory))), Claims(place.runtime, str(directory)) as claims:
        known = catalogue.load(place)
        evaluator = Evaluator(place.lake, database, ownership, settings.detect)
        definitions = known.enabled(settings.detect)
        ledger = Ledger(place, evaluator, definitions, str(directory), claims, detect=detect, flows_only=flows_only)
        sensor = sensor_settings(settings.sensor, flows_only=flows_only)
        follower = _Follower(ledger, Rotation(directory), sensor, steering)
        ledger.begin(steering.now(), again=again)
        follower.run()
        ledger.changed.update(watch(place, database, settings, steering.now()))
    problems = (*map(str, known.mistakes), *ledger.problems)
    return ReadSummary(follower.results(), problems, time.monotonic() - started, tuple(sorted(ledger.changed)))


class _Follower:
    """One run over one directory."""

    def __init__(self, ledger: Ledger, rotation: Rotation, sensor: SensorSettings, steering: Steering):
        self._ledger = ledger
        self._rotation = rotation
        self._sensor = sensor
        self._steering = steering
        self._state: SensorState | None = None
        self._open: tuple[Rotated, ContinuingReader] | None = None  # the file that was read last, if flows are open
        self._pending: list[ColumnBatch] = []
        self._finished: dict[tuple[str, int, int], int] = {}
        self._fresh: set[tuple[str, int, int]] = set()
        self._known: set[tuple[str, int, int]] = set()  # of the finished ones: nothing of them was read in this run
        self._not_done: set[tuple[str, int, int]] = set()  # of the finished ones: the next run goes on with them
        self._accounts = Accounts(steering.on_problem, at_once=steering.follow)
        self._committed = time.monotonic()

    def run(self) -> None:
        """Read what is there, and what comes."""
        if missing := self._ledger.find_again(self._rotation.files()):
            self._accounts.flaw(missing, f"{missing} is not there any more; it had not been read to its end")
        while not self._steering.stop():
            waiting = self._unread()
            if waiting:
                # What was left in the middle goes first, whatever has come before it since: that is no newer file.
                item = next(filter(self._ledger.goes_on, waiting), waiting[0])
                try:
                    self._read(item, waiting[-1] is not item)
                except UnreadableInput as error:
                    self._leave(item, error)
                self._ledger.claims.release()
            elif self._steering.follow:
                self._wait()
            else:
                self._let_go()
                break

    def _let_go(self) -> None:
        """End the flows that were left open for a file that then turned out to be known."""
        if self._open is None:
            return
        item, reader = self._open
        for output in reader.let_go():
            self._take(reader, output)
        if self._pending:
            self._commit(item, reader, done=False)

    def results(self) -> tuple[InputResult, ...]:
        """Return how it went, file by file; files that could not be opened are among them."""
        for path, words in self._rotation.unreadable.items():
            self._accounts.flaw(path, words)
        for words in self._rotation.strangers.values():
            self._accounts.tell(f"left out: {words}")
        return self._accounts.results()

    def _unread(self) -> list[Rotated]:
        """The files that are there and not done, in order; what was read in earlier runs is passed over."""
        waiting = []
        for item in self._rotation.files():
            size = self._finished.get(item.same)
            if size is not None and item.size > size and item.same in self._known:
                size = None  # it was known, and there is more of it now
                for kept in (self._fresh, self._known):
                    kept.discard(item.same)
            if size is None and item.same not in self._fresh:
                if self._ledger.is_unchanged(item) or (
                    not self._ledger.goes_on(item) and is_known(self._ledger.view, item.path)
                ):
                    size = self._pass_over(item)
                else:
                    self._fresh.add(item.same)
            if size is None:
                waiting.append(item)
            elif item.size > size and item.same not in self._not_done:
                words = "has grown after a newer file had begun: what came later is not read; one writer, one directory"
                self._accounts.flaw(item.path, f"{item.path} {words}")
        return waiting

    def _pass_over(self, item: Rotated) -> int:
        """Leave out a file of which all is recorded; return its size."""
        self._finished[item.same] = item.size
        self._known.add(item.same)
        self._accounts.note_known(item.path)
        return item.size

    def _read(self, item: Rotated, newer: bool) -> None:
        """Read a file to its end, if it is not known: for good if a newer one is there, for now at the end of the run.

        newer says that there is one already: its writer writes no more into this one.
        """
        ledger = self._ledger
        verdict = Verdict(continues=True) if ledger.goes_on(item) else judge(ledger.view, item)
        if verdict.known:
            self._pass_over(item)
        elif verdict.more_of or ledger.has_changed(item, verdict):
            self._leave_the_rest(item, verdict)
        else:
            if verdict.continues:
                ledger.move(item)
                self._state = None  # it is kept with what the index knew at the end of the other
            self._take_file(item, newer, verdict)

    def _leave_the_rest(self, item: Rotated, verdict: Verdict) -> None:
        """Say that a file has more than what was read of it, which cannot be put in its place in the sequence."""
        self._finished[item.same] = item.size
        self._known.add(item.same)
        words = "has grown since it was read: what came later is not read"
        if verdict.more_of and verdict.more_of != item.path:
            words = f"goes on where {verdict.more_of} ends, which was read before: what came later is not read"
        self._accounts.flaw(item.path, f"{item.path} {words}", f"secwatch sense read {self._ledger.directory} --again")

    def _take_file(self, item: Rotated, newer: bool, verdict: Verdict) -> None:
        ledger, follow = self._ledger, self._steering.follow
        started = time.monotonic()
        with ContinuingReader(
            item.path, settings=self._sensor, key=ledger.key, state=self._state, waits=follow and not newer
        ) as reader:
            ledger.open(item, reader, self._state is None, verdict)
            if ledger.lost:
                self._accounts.flaw(ledger.directory, ledger.lost)
            stopped = self._read_on(item, reader)
            done = not stopped and (newer or follow)
            self._take(reader, reader.so_far())
            if not done:
                self._not_done.add(item.same)
                for output in reader.let_go():
                    self._take(reader, output)
            if not stopped or reader.at_end:
                reader.finish()
            self._commit(item, reader, done=done)
            self._state, self._open = reader.state, (item, reader) if done else None
            result = counted(item.path, ledger.added(reader), time.monotonic() - started)
        self._finished[item.same] = max(item.size, reader.progress[0])
        if not (result.packets or result.flows or any(result.events.values()) or result.malformed):
            result = replace(result, result="known")
        self._accounts.note(replace(result, replaced=ledger.replaced))

    def _read_on(self, item: Rotated, reader: ContinuingReader) -> bool:
        """Take the file as far as it goes. Return whether the run is to stop before its end."""
        steering = self._steering
        silence, recorded = Silence(), -1
        for output in reader.read_on():
            if output is not None:
                self._take(reader, output)
                continue
            if steering.stop():
                return True
            steering.on_progress(item.path, *reader.progress)
            due = time.monotonic() - self._committed >= steering.window_seconds
            if due or sum(map(in_bytes, self._pending)) >= PENDING_BYTES:
                self._take(reader, reader.so_far())
                if self._pending or reader.position != recorded:
                    self._commit(item, reader, done=False)
                    recorded = reader.position
            if reader.at_end and reader.waits:
                if self._newer(item):
                    reader.waits = False  # it is looked at once more: what its writer wrote last is read
                else:
                    self._pass_time(reader, silence)
                    self._wait()
        return False

    def _pass_time(self, reader: ContinuingReader, silence: Silence) -> None:
        """End what is over by the clock while nothing comes from a writer that is at work."""
        seconds = silence.seconds(reader.position, time.monotonic())
        if seconds is not None and reader.between_packets:
            for output in reader.pass_time(seconds):
                self._take(reader, output)

    def _newer(self, item: Rotated) -> bool:
        """Whether a file that comes after this one is there; this one may have been moved away or written over."""
        waiting = self._unread()
        places = [other.same for other in waiting]
        if item.same in places:
            return places[-1] != item.same
        return any(other.first_time >= item.first_time for other in waiting)

    def _take(self, reader: ContinuingReader, output: Output) -> None:
        self._pending.extend(reader.columns(output))

    def _commit(self, item: Rotated, reader: ContinuingReader, *, done: bool) -> None:
        """Record what is pending and where we are; while another run writes, wait if there is time for that."""
        steering = self._steering
        while True:
            try:
                opened = self._ledger.commit(item, reader, self._pending, steering.now(), done=done)
                break
            except Locked:
                if not steering.follow or steering.stop():
                    raise
                self._accounts.tell("waiting for another run that is writing")
        self._pending = []
        self._committed = time.monotonic()
        if opened:
            steering.on_alerts(opened)

    def _leave(self, item: Rotated, error: UnreadableInput) -> None:
        """Go on without a file that cannot be read, or has vanished since it was listed."""
        self._finished[item.same] = item.size
        self._accounts.flaw(item.path, error.message)
        # Whatever was taken of it since the last commit does not count: the next file begins with what was kept then.
        self._pending, self._state, self._open = [], None, None

    def _wait(self) -> None:
        until = time.monotonic() + POLL_SECONDS
        while not self._steering.stop() and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, 0.1))
