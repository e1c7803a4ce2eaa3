"""restic's verbs, one function each: typed in, typed out; a verb that fails raises the error for people."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backup.features import refuse_known_damage
from backup.model import Result, Snapshot, Unreadable
from backup.progress import OnProgress, Progress
from backup.restic.call import Answer, Event, Restic, call, error_of
from backup.restic.failures import ResticFailed
from backup.restic_patterns import escape
from secwatch.core.moments import from_text

_QUICK_SECONDS = 600.0
# Ends of a check or restore that was made and found something wrong.
_FOUND_OUT = (Result.UNKNOWN, Result.DAMAGED)


def init(restic: Restic) -> bool:
    """Make the repository; say whether it was made now. Raise if it is there but its password is another one."""
    answer = call(restic, ["init", "--json"], timeout=_QUICK_SECONDS)
    if answer.result.good:
        return True
    if "config file already exists" not in answer.text:
        raise error_of(restic, answer, "init")
    identity(restic)
    return False


def identity(restic: Restic) -> str:
    """Return restic's own id of the repository: 64 hexadecimal digits. Raise if it cannot be opened."""
    answer = call(restic, ["cat", "config", "--no-lock"], timeout=_QUICK_SECONDS)
    if not answer.result.good:
        raise error_of(restic, answer, "cat config")
    try:
        return str(json.loads(answer.stdout)["id"])
    except (ValueError, KeyError, TypeError) as error:
        raise ResticFailed("restic cat config gave no id", "secwatch doctor", Result.UNKNOWN) from error


def snapshots(restic: Restic, tags: Sequence[str] = ()) -> tuple[Snapshot, ...]:
    """Return the snapshots that carry all the tags, oldest first."""
    chosen = ["--tag", ",".join(tags)] if tags else []
    answer = call(restic, ["snapshots", "--json", "--no-lock", *chosen], timeout=_QUICK_SECONDS)
    if not answer.result.good:
        raise error_of(restic, answer, "snapshots")
    try:
        found = [_snapshot(item) for item in json.loads(answer.stdout or "[]")]
    except (ValueError, KeyError, TypeError) as error:
        raise ResticFailed("restic snapshots gave no list", "secwatch doctor", Result.UNKNOWN) from error
    return tuple(sorted(found, key=lambda item: (item.time, item.id)))


def _snapshot(item: Mapping[str, Any]) -> Snapshot:
    return Snapshot(
        id=str(item["id"]),
        time=from_text(item["time"]),
        paths=tuple(item.get("paths") or ()),
        tags=tuple(item.get("tags") or ()),
        host=str(item.get("hostname", "")),
        tree=str(item.get("tree", "")),
    )


@dataclass(frozen=True)
class BackupAnswer:
    """What `restic backup` says it did; snapshot may be shortened to 8 digits (0.14). Sizes are bytes."""

    result: Result
    snapshot: str
    files: int
    bytes: int
    bytes_added: int
    bytes_added_packed: int | None
    files_new: int
    files_changed: int
    unreadable: tuple[Unreadable, ...]
    unreadable_count: int


def backup(
    restic: Restic,
    paths: Sequence[Path],
    *,
    exclude: Sequence[str] = (),
    one_file_system: bool = True,
    tags: Sequence[str] = (),
    compression: str = "auto",
    on_progress: OnProgress,
) -> BackupAnswer:
    """Back the paths up into one snapshot. Raise if restic made none, or says so of none."""
    refuse_known_damage(restic.version, compression)
    summary: dict[str, Any] = {}

    def on_event(event: Event) -> None:
        if event.get("message_type") == "summary":
            summary.update(event)
        elif event.get("message_type") == "status":
            on_progress(_progress(event, "files_done", "bytes_done"))

    arguments = ["backup", "--json", "--compression", compression]
    arguments += [part for tag in tags for part in ("--tag", tag)]
    arguments += [part for pattern in exclude for part in ("--exclude", pattern)]
    arguments += ["--one-file-system"] if one_file_system else []
    answer = call(restic, [*arguments, "--", *map(str, paths)], on_event=on_event, keep_output=False)
    if not answer.result.good:
        raise error_of(restic, answer, "backup")
    try:
        return _backup_answer(answer, summary)
    except (ValueError, KeyError, TypeError) as error:
        raise ResticFailed(
            "restic backup ended without saying which snapshot it made", "secwatch doctor", Result.UNKNOWN
        ) from error


def _backup_answer(answer: Answer, summary: Mapping[str, Any]) -> BackupAnswer:
    packed = summary.get("data_added_packed")
    identifier = str(summary["snapshot_id"])
    if len(identifier) < 8 or not set(identifier) <= set("0123456789abcdef"):
        raise ValueError(identifier)
    return BackupAnswer(
        result=answer.result,
        snapshot=identifier,
        files=int(summary["total_files_processed"]),
        bytes=int(summary["total_bytes_processed"]),
        bytes_added=int(summary["data_added"]),
        bytes_added_packed=None if packed is None else int(packed),
        files_new=int(summary["files_new"]),
        files_changed=int(summary["files_changed"]),
        unreadable=answer.items,
        unreadable_count=answer.item_count,
    )


def _progress(event: Event, files: str, size: str) -> Progress:
    def number(value: object) -> float:
        return float(value) if isinstance(value, int | float) else 0.0

    current = event.get("current_files")
    return Progress(
        fraction=min(1.0, number(event.get("percent_done"))) if event.get("total_bytes") else None,
        files=int(number(event.get(files))),
        bytes=int(number(event.get(size))),
        current=str(current[0]) if isinstance(current, list) and current else "",
    )


def ls(restic: Restic, snapshot: str, on_node: Callable[[str, str, int], None]) -> None:
    """List a snapshot: `on_node` gets path, type and size of each entry. Bytes that are no UTF-8 come as U+FFFD."""

    def on_event(event: Event) -> None:
        if event.get("struct_type") == "node":
            size = event.get("size")
            on_node(str(event.get("path")), str(event.get("type")), size if isinstance(size, int) else 0)

    answer = call(restic, ["ls", "--json", "--no-lock", snapshot], on_event=on_event, keep_output=False)
    if not answer.result.good:
        raise error_of(restic, answer, "ls")


@dataclass(frozen=True)
class CheckAnswer:
    """What `restic check` found: problems in its own words, at most 100."""

    problems: tuple[str, ...]
    seconds: float

    @property
    def sound(self) -> bool:
        """Whether it found nothing wrong."""
        return not self.problems


def check(restic: Restic, subset: str | None) -> CheckAnswer:
    """Check the repository's structure, and read its data: subset is `n/t`, `p%`, `all`, or None for no data.

    Damage is an answer; raise only if the check could not be made (locked, wrong password, stopped).
    """
    reading = {None: [], "all": ["--read-data"]}.get(subset, [f"--read-data-subset={subset}"])
    answer = call(restic, ["check", "--json", *reading])
    if answer.result.good and answer.return_code == 0:
        return CheckAnswer((), answer.seconds)
    if answer.result not in _FOUND_OUT:
        raise error_of(restic, answer, "check")
    lines = [line for line in answer.text.splitlines() if line.strip()]
    problems = [*answer.errors, *lines] if answer.errors else lines
    return CheckAnswer(tuple(problems[:100]) or ("restic check failed without a word",), answer.seconds)


@dataclass(frozen=True)
class RestoreAnswer:
    """What `restic restore` did: what it could not write, in its own words."""

    problems: tuple[str, ...]
    seconds: float


def restore(
    restic: Restic,
    snapshot: str,
    target: Path,
    *,
    include: str | None = None,
    verify: bool = False,
    on_progress: OnProgress,
) -> RestoreAnswer:
    """Restore a snapshot, or the path `include` of it, below target (the whole absolute path is made there).

    Single files that fail are an answer; raise if restic could not restore at all.
    """

    def on_event(event: Event) -> None:
        if event.get("message_type") == "status":
            on_progress(_progress(event, "files_restored", "bytes_restored"))

    arguments = ["restore", "--json", snapshot, "--target", str(target)]
    arguments += ["--include", escape(include)] if include else []
    arguments += ["--verify"] if verify else []
    answer = call(restic, arguments, on_event=on_event, keep_output=False)
    if answer.result.good and answer.return_code == 0:
        return RestoreAnswer((), answer.seconds)
    single = answer.item_count > 0 or "There were" in answer.text
    if answer.result not in _FOUND_OUT or not single:
        raise error_of(restic, answer, "restore")
    items = [f"{item.path}: {item.reason}" for item in answer.items]
    lines = [line for line in answer.text.splitlines() if line.startswith("ignoring error for")]
    return RestoreAnswer(tuple((items or lines or [answer.text])[:100]), answer.seconds)


def stored_bytes(restic: Restic) -> int:
    """Return how many bytes of data the repository stores, by `restic stats`."""
    answer = call(restic, ["stats", "--json", "--no-lock", "--mode", "raw-data"], timeout=_QUICK_SECONDS)
    if not answer.result.good:
        raise error_of(restic, answer, "stats")
    try:
        return int(json.loads(answer.stdout)["total_size"])
    except (ValueError, KeyError, TypeError) as error:
        raise ResticFailed("restic stats gave no size", "secwatch doctor", Result.UNKNOWN) from error
