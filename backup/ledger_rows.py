"""Rows of the ledger made into records again; a row that is none names itself. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from backup.model import Anomaly, AnomalyKind, Result, RunRecord, SnapshotRecord
from secwatch.core.errors import SecwatchError
from secwatch.core.model import Severity, Text
from secwatch.core.moments import from_text

Row = Mapping[str, Any]
Record = TypeVar("Record")


def run(row: Row) -> RunRecord:
    """Return a run; a result that this version does not know is UNKNOWN. Raise SecwatchError if it is none."""
    return _read(_run, row, "run")


def snapshot(row: Row) -> SnapshotRecord:
    """Return a snapshot. Raise SecwatchError if it is none."""
    return _read(_snapshot, row, "snapshot")


def anomaly(row: Row) -> Anomaly:
    """Return an anomaly. Raise SecwatchError if it is none."""
    return _read(_anomaly, row, "anomaly")


def _read(make: Callable[[Row], Record], row: Row, noun: str) -> Record:
    try:
        return make(row)
    except (ValueError, TypeError, AttributeError) as error:
        raise SecwatchError(
            f"{noun} {row['id']} in the ledger cannot be read: {error}",
            "put the database back from its last good copy, or correct that row",
        ) from error


def _moment(text: str | None) -> datetime | None:
    return from_text(text) if text else None


def _result(text: str | None) -> Result | None:
    if text is None:
        return None
    return Result(text) if text in set(Result) else Result.UNKNOWN


def _run(row: Row) -> RunRecord:
    return RunRecord(
        id=row["id"],
        job=row["job"],
        organisation=row["organisation"],
        repository=row["repository"],
        verb=row["verb"],
        started_at=from_text(row["started_at"]),
        ended_at=_moment(row["ended_at"]),
        result=_result(row["result"]),
        message=row["message"],
        hint=row["hint"],
        seconds=row["seconds"],
        snapshot=row["snapshot"],
        details=json.loads(row["details"]),
    )


def _snapshot(row: Row) -> SnapshotRecord:
    names = ("files", "bytes", "bytes_added", "bytes_added_packed", "files_new", "files_changed")
    return SnapshotRecord(
        repository=row["repository"],
        id=row["id"],
        job=row["job"],
        time=from_text(row["time"]),
        run=row["run"],
        **{name: row[name] for name in names},
        unreadable=row["unreadable"],
        changed=row["changed"],
        excluded=row["excluded"],
        manifest_sha256=row["manifest_sha256"],
        adopted=bool(row["adopted"]),
        repository_id=row["repository_id"],
    )


def _anomaly(row: Row) -> Anomaly:
    return Anomaly(
        kind=AnomalyKind(row["kind"]),
        job=row["job"],
        organisation=row["organisation"],
        repository=row["repository"],
        severity=Severity(row["severity"]),
        title=Text(row["title_zh"], row["title_en"]),
        response=Text(row["response_zh"], row["response_en"]),
        fingerprint=row["fingerprint"],
        seen_at=from_text(row["seen_at"]),
        evidence=json.loads(row["evidence"]),
        run=row["run"],
        id=row["id"],
    )
