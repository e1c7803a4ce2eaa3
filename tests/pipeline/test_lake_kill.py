"""Reading, merging and dropping, killed at random moments: no row is lost, doubled or left behind."""

from __future__ import annotations

import multiprocessing
import random
import sqlite3
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from secwatch.system.paths import workspace_at
from tests.conftest import run_secwatch
from tests.pipeline.captures import write_scan

ROUNDS = 20
MIDNIGHT_AFTER = 35_170  # seconds from the captures' beginning to just before midnight


def work(workspace: Path, act: str, capture: Path | None) -> None:
    """Do one act, as the command of that name does it."""
    from backup.ledger import MIGRATIONS as LEDGER
    from secwatch.core.ownership import Ownership
    from secwatch.pipeline.compact import compact
    from secwatch.pipeline.prune import prune
    from secwatch.pipeline.read import read_inputs
    from secwatch.store.migrations import MIGRATIONS
    from secwatch.system.config import load
    from secwatch.system.database import open_database

    place = workspace_at(workspace)
    settings = load(place, None)
    database = open_database(place.database, (MIGRATIONS, LEDGER))
    now = datetime.now(UTC)
    if act == "compact":
        compact(place, database, now + timedelta(days=2))
    elif act == "prune":
        prune(place, database, settings.lake, now)
    else:
        read_inputs(
            place,
            settings,
            database,
            Ownership([]),
            [str(capture)],
            again=act == "again",
            now=lambda: datetime.now(UTC),
        )
    database.close()


def whole(workspace: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Return all rows that count by capture, checked against what the database says of the files."""
    lake = workspace / "state" / "lake"
    database = sqlite3.connect(workspace / "state" / "secwatch.db")
    parts = database.execute(
        "SELECT i.name, f.path, f.parts, p.part, p.rows FROM lake_parts p JOIN lake_files f ON f.path = p.path"
        " JOIN inputs i ON i.id = p.input_id"
    ).fetchall()
    database.close()
    found: dict[str, list[tuple[Any, ...]]] = {}
    with duckdb.connect() as connection:
        for name, path, written, part, rows in parts:
            relation = connection.read_parquet(str(lake / path), hive_partitioning=False)
            chosen = relation.filter(f"lake_part = {part}") if written > 1 else relation
            seen = chosen.project("epoch_us(last_seen), destination_port, source_address").fetchall()
            assert len(seen) == rows
            found.setdefault(name, []).extend(seen)
    return {name: sorted(seen) for name, seen in found.items()}


def test_killed_at_twenty_random_moments_the_lake_is_what_it_would_have_been(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")  # some hundred packets: compiling takes longer than reading them
    captures = [
        write_scan(
            tmp_path / f"{number}.pcap", packets=60, first_second=MIDNIGHT_AFTER + number, source=number + 1, every=1.0
        )
        for number in range(4)
    ]
    calm, struck = tmp_path / "calm", tmp_path / "struck"
    for workspace in (calm, struck):
        assert run_secwatch("init", workspace).code == 0
    acts = [("read", captures[0]), ("read", captures[1]), ("compact", None), ("again", captures[0]), ("prune", None)]
    acts += [("read", captures[2]), ("read", captures[3]), ("compact", None), ("again", captures[2]), ("compact", None)]
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["secwatch.pipeline.read", "secwatch.pipeline.compact", "secwatch.pipeline.prune"])
    taken: dict[str, float] = {}
    for act, capture in acts:
        started = time.monotonic()
        process = context.Process(target=work, args=(calm, act, capture))
        process.start()
        process.join()
        assert process.exitcode == 0
        taken[act] = time.monotonic() - started  # the last of a kind: the first may compile
    expected = whole(calm)
    assert {name: len(rows) for name, rows in expected.items()} == {str(path): 60 for path in captures}
    killed = 0
    for act, capture in acts * (ROUNDS // len(acts)):
        process = context.Process(target=work, args=(struck, act, capture))
        process.start()
        process.join(random.uniform(0.0, taken[act]))
        killed += process.is_alive()
        process.kill()
        process.join()
        for name, rows in whole(struck).items() if (struck / "state" / "secwatch.db").exists() else ():
            assert rows == expected[name]
    assert killed >= ROUNDS // 4
    for act, capture in (*acts, ("compact", None)):
        process = context.Process(target=work, args=(struck, act, capture))
        process.start()
        process.join()
        assert process.exitcode == 0
    assert whole(struck) == expected
    lake = struck / "state" / "lake"
    with sqlite3.connect(struck / "state" / "secwatch.db") as database:
        recorded = {row[0] for row in database.execute("SELECT path FROM lake_files")}
    database.close()
    assert {str(path.relative_to(lake)) for path in lake.rglob("*") if path.is_file()} == recorded
