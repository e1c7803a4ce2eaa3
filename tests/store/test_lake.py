"""What the lake holds, as the database knows it: files of several inputs, and workspaces from before there were any."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from secwatch.store import lake
from secwatch.store.migrations import MIGRATIONS
from secwatch.system.database import Database, open_database

NOW = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """An empty database."""
    opened = open_database(tmp_path / "new.db", (MIGRATIONS,))
    yield opened
    opened.close()


def given(identity: str) -> lake.ReadInput:
    return lake.ReadInput(identity, "", identity, NOW, 0, 9, {})


def test_a_workspace_from_before_parts_keeps_its_files(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    old = Database(path)
    MIGRATIONS.apply(old, stop_before="0005_lake_parts")
    for number in (1, 2):
        old.execute(
            "INSERT INTO inputs (id, identity, quick_identity, name, read_at, counters)"
            " VALUES (?, 'x', '', 'a.pcap', '2026-11-23T00:00:00.000000Z', '{}')",
            [number],
        )
        old.execute(
            "INSERT INTO lake_files VALUES (?, ?, 'flows', 5, 100, 0, 9)",
            [f"flows/2026-11-23-{number}.parquet", number],
        )
    old.conn.commit()
    old.close()
    database = open_database(path, (MIGRATIONS,))
    found = lake.files(database)
    assert [(file.path, file.rows, file.parts) for file in found] == [
        ("flows/2026-11-23-1.parquet", 5, None),
        ("flows/2026-11-23-2.parquet", 5, None),
    ]
    with database.atomic():
        lake.remove_inputs(database, [1])
    assert lake.recorded_paths(database) == {"flows/2026-11-23-2.parquet"}
    database.close()


def test_a_file_is_there_as_long_as_one_of_its_inputs(database: Database) -> None:
    with database.atomic():
        first = lake.add_input(database, given("a"), [])
        second = lake.add_input(database, given("b"), [])
        merged = lake.RecordedFile("flows/day=2026-11-23/m.parquet", "flows", 12, 100, 0, 9)
        lake.add_file(database, merged, {0: (first, 5), 1: (second, 7)})
    (whole,) = lake.files(database)
    assert (whole.rows, whole.parts) == (12, None)
    (without,) = lake.files(database, without_inputs=[first])
    assert (without.rows, without.parts) == (7, (1,))
    with database.atomic():
        lake.remove_inputs(database, [first])
    (left,) = lake.files(database)
    assert (left.rows, left.parts) == (7, (1,))
    assert lake.files(database, without_inputs=[second]) == []
    with database.atomic():
        lake.remove_inputs(database, [second])
    assert lake.files(database) == []
    assert lake.recorded_paths(database) == frozenset()
