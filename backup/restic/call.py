"""One restic process: started with the password handed over safely, read line by line, and classified."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backup.features import Version
from backup.model import Repository, Result, Unreadable
from backup.restic import failures
from backup.secrets import key_for
from secwatch.core.errors import SecwatchError
from secwatch.system import process
from secwatch.system.paths import prepare

Event = Mapping[str, Any]
MAX_ITEMS = 100
_MAX_TEXT_LINES = 60


@dataclass(frozen=True)
class Restic:
    """A restic program and the repository it works on, on behalf of a job.

    cache is None where only what the repository itself holds may count. timeout and lock_wait are
    seconds; progress_per_second bounds the status events. used says that the ledger knows snapshots
    in the repository.
    """

    program: str
    version: Version
    repository: Repository
    job: str
    cache: Path | None
    timeout: float
    lock_wait: float
    progress_per_second: float = 0.2
    used: bool = False


@dataclass
class _Heard:
    """What restic said on standard error, bounded."""

    lines: list[str] = field(default_factory=list)
    items: list[Unreadable] = field(default_factory=list)
    item_count: int = 0
    errors: list[str] = field(default_factory=list)

    def line(self, text: str) -> None:
        event = parse(text)
        if event is None:
            if text.strip():
                self._keep(text.rstrip("\n"))
        elif event.get("message_type") == "exit_error":
            self._keep(str(event.get("message", "")))
        elif event.get("message_type") == "error":
            self._item(event)

    def _keep(self, text: str) -> None:
        # The first lines say what began to fail, the last why it ended: the middle may go.
        if len(self.lines) >= _MAX_TEXT_LINES:
            del self.lines[_MAX_TEXT_LINES // 2]
        self.lines.append(text[:4000])

    def _item(self, event: Event) -> None:
        if "message" in event:  # `check` since 0.18: an error of the repository, not of an item
            if len(self.errors) < MAX_ITEMS:
                self.errors.append(str(event["message"]).strip()[:1000])
            return
        self.item_count += 1
        if len(self.items) < MAX_ITEMS:
            self.items.append(Unreadable(str(event.get("item", "")), _reason(event.get("error"))))


def _reason(error: object) -> str:
    """0.14 gives Go's error as it is, Op, Path and number; later versions a message."""
    if not isinstance(error, Mapping):
        return "unknown"
    if "message" in error:
        return str(error["message"])[:400]
    number = error.get("Err")
    return os.strerror(number) if isinstance(number, int) and 0 < number < 200 else "unknown"


@dataclass(frozen=True)
class Answer:
    """How a restic process ended. text is its own words; items are what it could not read or write (at most 100)."""

    result: Result
    return_code: int
    stdout: str
    text: str
    seconds: float
    items: tuple[Unreadable, ...] = ()
    item_count: int = 0
    errors: tuple[str, ...] = ()


def parse(line: str) -> dict[str, Any] | None:
    """Return the JSON object on a line, or None if it is something else."""
    if not line.startswith("{"):
        return None
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def call(
    restic: Restic,
    arguments: Sequence[str],
    *,
    on_event: Callable[[Event], None] | None = None,
    keep_output: bool = True,
    timeout: float | None = None,
) -> Answer:
    """Run restic on its repository and return how it ended; a failure of restic raises nothing here.

    `on_event` gets each JSON object of its standard output. Raise WrongPassword or Refused if the
    password cannot be handed over, ProgramMissing if restic has gone.
    """
    heard = _Heard()

    def on_line(line: str) -> None:
        event = parse(line)
        if event is not None and on_event is not None:
            on_event(event)

    if restic.cache is not None:
        prepare(restic.cache)
    verb, *rest = arguments
    uncached = ["--no-cache"] if restic.cache is None else []
    with key_for(restic.repository, restic.job, used=restic.used) as key:
        done = process.run(
            [restic.program, verb, *uncached, *rest],
            timeout=restic.timeout if timeout is None else timeout,
            environment=_environment(restic, key.path),
            on_line=on_line if on_event is not None else None,
            on_error_line=heard.line,
            # 0.14 leaves its lock behind on SIGTERM; on SIGINT every version cleans up.
            stop_signal=signal.SIGINT,
            keep_output=keep_output,
            descriptors=key.descriptors,
            die_with_parent=True,
        )
    location = restic.repository.location
    text = failures.redact("\n".join(heard.lines), location)
    result = Result.TIMEOUT if done.timed_out else failures.classify(restic.version, done.return_code, text)
    if done.timed_out:
        text = f"no end after {done.seconds:.0f} seconds"
    return Answer(
        result,
        done.return_code,
        done.stdout,
        text,
        done.seconds,
        tuple(heard.items),
        heard.item_count,
        tuple(failures.redact(error, location) for error in heard.errors),
    )


def error_of(restic: Restic, answer: Answer, verb: str) -> SecwatchError:
    """Return what people are told about an answer that is not good."""
    return failures.as_error(
        answer.result,
        answer.text,
        repository=restic.repository.name,
        location=restic.repository.location,
        job=restic.job,
        verb=verb,
    )


def _environment(restic: Restic, password_file: str) -> dict[str, str | None]:
    """Nothing of restic's that we inherited may win over the configuration; credentials of back ends stay."""
    inherited = [name for name in os.environ if name.startswith("RESTIC_") and not name.startswith("RESTIC_REST_")]
    return {
        **dict.fromkeys(inherited),
        # Not in argv: a location may hold credentials, and everybody may read argv.
        "RESTIC_REPOSITORY": restic.repository.location,
        "RESTIC_PASSWORD_FILE": password_file,
        "RESTIC_CACHE_DIR": None if restic.cache is None else str(restic.cache),
        "RESTIC_PROGRESS_FPS": str(restic.progress_per_second),
    }
