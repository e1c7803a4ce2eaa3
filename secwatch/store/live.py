"""Runs of the live sensor: when they began, how far they have recorded, whether they ended well, what they lost."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from sqlite_utils import Database

from secwatch.core.moments import from_text, to_text


@dataclass(frozen=True)
class Absence:
    """An interface that is `down` or `gone`, since when."""

    interface: str
    condition: str
    since: datetime


@dataclass(frozen=True)
class LiveRun:
    """One run. Packets up to recorded_to are in the lake, but for flows open then, the oldest since open_since.

    ended_at is None for a run that goes on or was killed; missing_until then says, once the next run has
    noticed, up to when nothing was recorded. `absent` are the interfaces that were not up at recorded_to.
    left_out packets were captured in this run but not kept as evidence, the last of them about left_out_at.
    """

    id: int
    interfaces: str
    started_at: datetime
    recorded_to: datetime
    open_since: datetime | None
    ended_at: datetime | None
    missing_until: datetime | None
    absent: Sequence[Absence] = ()
    left_out: int = 0
    left_out_at: datetime | None = None


@dataclass(frozen=True)
class Received:
    """What windows of live capture have counted."""

    packets: int
    dropped: int
    windows: int


def begin(database: Database, interfaces: str, now: datetime) -> tuple[int, Sequence[LiveRun]]:
    """Record that a run begins. Return its number, and the runs that turn out to have been killed.

    Call it while holding the lock of the live sensor, inside a transaction: whoever else has not ended is dead.
    """
    killed = _select(database, "ended_at IS NULL AND missing_until IS NULL")
    for run in killed:
        until = to_text(max(now, run.recorded_to))
        database.execute("UPDATE live_runs SET missing_until = ? WHERE id = ?", [until, run.id])
    row = {"interfaces": interfaces, "started_at": to_text(now), "recorded_to": to_text(now)}
    return cast("int", database.table("live_runs").insert(row).last_pk), killed


def advance(
    database: Database,
    number: int,
    recorded_to: datetime,
    open_since: datetime | None,
    absent: Sequence[Absence] = (),
    left_out: int = 0,
) -> None:
    """Record how far a run has come; never less far than before, for a clock may be put back.

    left_out is how many packets were not kept as evidence since the run began. Call it in the transaction that
    records the window.
    """
    since = to_text(open_since) if open_since else None
    there = json.dumps([[item.interface, item.condition, to_text(item.since)] for item in absent])
    values = [to_text(recorded_to), since, there, number]
    database.execute(
        "UPDATE live_runs SET recorded_to = max(recorded_to, ?), open_since = ?, absent = ? WHERE id = ?", values
    )
    _leave_out(database, number, left_out, recorded_to)


def end(database: Database, number: int, now: datetime, left_out: int = 0) -> None:
    """Record that a run has ended well, and how many packets it has not kept as evidence in all."""
    database.execute("UPDATE live_runs SET ended_at = ?, open_since = NULL WHERE id = ?", [to_text(now), number])
    _leave_out(database, number, left_out, now)


def _leave_out(database: Database, number: int, left_out: int, now: datetime) -> None:
    """Nothing is written unless there are more of them: that is what left_out_at tells."""
    database.execute(
        "UPDATE live_runs SET left_out = ?, left_out_at = ? WHERE id = ? AND left_out < ?",
        [left_out, to_text(now), number, left_out],
    )


def latest(database: Database) -> LiveRun | None:
    """Return the newest run."""
    runs = _select(database, "id = (SELECT max(id) FROM live_runs)")
    return runs[0] if runs else None


def gaps(database: Database, since: datetime) -> Sequence[LiveRun]:
    """Return the runs that were killed and left a gap that ends after `since`, the oldest first."""
    return _select(database, "missing_until >= ?", to_text(since))


def without_evidence(database: Database, since: datetime) -> Sequence[LiveRun]:
    """Return the runs that have not kept packets as evidence at or after `since`, the oldest first."""
    return _select(database, "left_out_at >= ?", to_text(since))


def received(database: Database, since: datetime) -> Received:
    """Return what live capture has counted in windows recorded after `since`."""
    (row,) = database.query(
        "SELECT count(*) AS windows, coalesce(sum(json_extract(counters, '$.packets')), 0) AS packets,"
        " coalesce(sum(json_extract(counters, '$.dropped')), 0) AS dropped"
        " FROM inputs WHERE lasting = 1 AND read_at >= ?",
        [to_text(since)],
    )
    return Received(row["packets"], row["dropped"], row["windows"])


def _select(database: Database, condition: str, *values: str) -> Sequence[LiveRun]:
    rows = database.query(f"SELECT * FROM live_runs WHERE {condition} ORDER BY id", values)  # noqa: S608 -- ours
    return [
        LiveRun(
            row["id"],
            row["interfaces"],
            from_text(row["started_at"]),
            from_text(row["recorded_to"]),
            from_text(row["open_since"]) if row["open_since"] else None,
            from_text(row["ended_at"]) if row["ended_at"] else None,
            from_text(row["missing_until"]) if row["missing_until"] else None,
            tuple(Absence(name, condition, from_text(since)) for name, condition, since in json.loads(row["absent"])),
            row["left_out"],
            from_text(row["left_out_at"]) if row["left_out_at"] else None,
        )
        for row in rows
    ]
