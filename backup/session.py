"""One attempt at one verb for one job: locked, in the ledger before and after, repaired if the last one died."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from backup import anomalies, ledger
from backup.features import probe
from backup.manifest import remove_partial
from backup.model import Anomaly, Job, Outcome, Result, Snapshot, Verb
from backup.removal import remove_tree
from backup.restic import verbs
from backup.restic.call import Restic
from backup.restic.failures import result_of
from backup.restic.locks import clear_dead
from secwatch.core.errors import ExitCode, Locked, SecwatchError
from secwatch.system.database import Database
from secwatch.system.lock import hold

# A restore must be possible while a backup of the same job runs; all else takes turns.
_ROOMS: tuple[tuple[str, tuple[Verb, ...]], ...] = (
    ("backup", ("init", "run", "verify", "drill")),
    ("restore", ("restore",)),
)

# A restic that was killed, or whose output nobody read any more, leaves its lock in the repository.
_LOCK_MAY_BE_LEFT = (Result.INTERRUPTED, Result.TIMEOUT, Result.UNKNOWN, Result.FAILED)


@dataclass(frozen=True)
class Surroundings:
    """What the verbs work with: directories, the database, the restic program and its bounds in seconds."""

    database: Database
    state: Path
    cache: Path
    runtime: Path
    program: str
    timeout: float
    lock_wait: float
    progress_per_second: float = 0.2

    def manifests(self, job: Job) -> Path:
        """Where the manifests of a job are kept."""
        return self.state / "manifests" / job.name

    def scratch(self, job: Job) -> Path:
        """Where a drill of the job restores to; nothing in it outlives the drill."""
        return self.state / "drills" / job.name

    def restic(self, job: Job) -> Restic:
        """Return the driver for the job's repository. Raise ProgramMissing without a restic that serves."""
        program, version = probe(self.program)
        return Restic(
            program,
            version,
            job.repository,
            job.name,
            self.cache / "restic",
            self.timeout,
            self.lock_wait,
            self.progress_per_second,
            used=ledger.is_used(self.database, job),
        )


@dataclass(frozen=True)
class Done:
    """What a verb did. `record` writes what it made, inside the transaction that closes the run."""

    result: Result
    snapshot: str | None = None
    bytes_added: int | None = None
    files: int | None = None
    bytes: int | None = None
    message: str | None = None
    hint: str | None = None
    exit_code: ExitCode | None = None
    details: dict[str, Any] = field(default_factory=dict)
    record: Callable[[int], Sequence[Anomaly]] = lambda _run: ()


States = Callable[[Job, int, Outcome, datetime], list[Anomaly]]


def now() -> datetime:
    """Return the moment: the one clock of the backup half."""
    return datetime.now(UTC)


def look_up(surroundings: Surroundings, restic: Restic, job: Job, listed: Sequence[Snapshot]) -> ledger.Holdings:
    """Note which repository this is and hold what it lists against what it should hold.

    Raise what the driver raises if the repository cannot be opened.
    """
    identifier = verbs.identity(restic)
    ledger.record_repository(surroundings.database, job, identifier, now())
    return ledger.holdings(surroundings.database, job, identifier, [item.id for item in listed])


def attempt(surroundings: Surroundings, job: Job, verb: Verb, work: Callable[[], Done], states: States) -> Outcome:
    """Do the work for a job and return how it ended; failures that have an explanation come back as an outcome.

    The run is in the ledger while it goes on, so that one that is killed is found by the next;
    when it ends, run, results and anomalies are written in one transaction. Anything that is not a
    SecwatchError or an OSError (Ctrl-C, a signal, a mistake of ours) passes through, with the run
    closed as interrupted.
    """
    started = time.monotonic()
    room, neighbours = next(item for item in _ROOMS if verb in item[1])
    try:
        with hold(surroundings.runtime, f"{room}-{job.name}"):
            _repair(surroundings, job, neighbours)
            return _locked_attempt(surroundings, job, verb, work, states, started)
    except Locked as error:
        return _outcome(job, _failed(error), time.monotonic() - started)


def _locked_attempt(
    surroundings: Surroundings, job: Job, verb: Verb, work: Callable[[], Done], states: States, started: float
) -> Outcome:
    database = surroundings.database
    before = ledger.runs(database, job.name, limit=1)
    run = ledger.start(database, job, verb, now())
    try:
        if before and before[0].result in _LOCK_MAY_BE_LEFT:
            clear_dead(surroundings.restic(job))
        done = work()
    except SecwatchError as error:
        done = _failed(error)
    except OSError as error:
        done = _failed(_explain(error))
    except BaseException:
        done = Done(Result.INTERRUPTED, message="it was stopped")
        ledger.finish(database, run, _outcome(job, done, time.monotonic() - started), now())
        raise
    outcome = _outcome(job, done, time.monotonic() - started)
    with database.atomic():
        ledger.finish(database, run, outcome, now())
        ledger.record_anomalies(database, [*states(job, run, outcome, now()), *done.record(run)])
    return outcome


def _repair(surroundings: Surroundings, job: Job, verbs: Sequence[Verb]) -> None:
    """The lock is ours, so whatever is open or half made belongs to an attempt that died."""
    database, moment = surroundings.database, now()
    with database.atomic():
        dead = ledger.close_died(database, job.name, verbs, moment)
        ledger.record_anomalies(
            database, [anomalies.of_dead_run(job, run, moment) for run in dead if run.verb != "restore"]
        )
    if "run" in verbs:
        remove_partial(surroundings.manifests(job))
        remove_tree(surroundings.scratch(job))


def _failed(error: SecwatchError) -> Done:
    return Done(result_of(error), message=error.message, hint=error.hint, exit_code=error.exit_code)


def _explain(error: OSError) -> SecwatchError:
    place = f" ({error.filename})" if error.filename else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return SecwatchError(f"no space left on the disk{place}", "free some space and run it again")
    return SecwatchError(f"{error.strerror or error}{place}", "secwatch doctor")


def _outcome(job: Job, done: Done, seconds: float) -> Outcome:
    return Outcome(
        job=job.name,
        organisation=job.organisation,
        repository=job.repository.name,
        result=done.result,
        seconds=seconds,
        snapshot=done.snapshot,
        bytes_added=done.bytes_added,
        files=done.files,
        bytes=done.bytes,
        message=done.message,
        hint=done.hint,
        exit_code=done.exit_code,
        details=done.details,
    )


def states_nothing(_job: Job, _run: int, _outcome: Outcome, _now: datetime) -> list[Anomaly]:
    """Return no anomalies: for verbs whose failure a person sees at once."""
    return []
