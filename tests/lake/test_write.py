"""Columns go into Parquet and come back the same; what is not recorded disappears."""

# ruff: noqa: S608 -- the texts here are the tests' own

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secwatch.core.columns import ColumnBatch, TextColumn, in_bytes
from secwatch.core.tables import TABLES
from secwatch.lake.layout import files_on_disk, remove_unrecorded
from secwatch.lake.rows import batch_of
from secwatch.lake.write import MAX_DAYS, Writer

START = 1_790_000_000_000_000


def read(lake: Path, path: str, what: str = "*") -> list[tuple[object, ...]]:
    """Return the rows of a segment, read by DuckDB without any of our code."""
    with duckdb.connect() as connection:
        return connection.execute(f"SELECT {what} FROM read_parquet('{lake / path}')").fetchall()


@pytest.mark.parametrize("name", sorted(TABLES))
def test_every_table_keeps_every_column_and_its_type(tmp_path: Path, name: str) -> None:
    table = TABLES[name]
    with Writer(tmp_path) as writer:
        writer.add(batch_of(name, [{table.time_column: START}]))
        (segment,) = writer.finish()
    with duckdb.connect() as connection:
        described = connection.execute(
            f"DESCRIBE SELECT * FROM read_parquet('{tmp_path / segment.path}', hive_partitioning = false)"
        ).fetchall()
    assert [(row[0], row[1]) for row in described] == [(column.name, column.kind.value) for column in table.stored]


def test_missing_values_are_null_and_times_are_utc(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {
            "time": "2026-11-23T14:00:00Z",
            "query": "a.example",
            "answers": ["192.0.2.1", "x"],
            "round_trip_seconds": 0.5,
        },
        {"time": "2026-11-23T14:00:01Z"},
    ]
    with Writer(tmp_path) as writer:
        writer.add(batch_of("dns", rows))
        (segment,) = writer.finish()
    found = read(tmp_path, segment.path, "time::VARCHAR, query, answers, round_trip_seconds")
    assert found == [
        ("2026-11-23 14:00:00", "a.example", ["192.0.2.1", "x"], 0.5),
        ("2026-11-23 14:00:01", None, None, None),
    ]
    assert (segment.rows, segment.first_time, segment.last_time - segment.first_time) == (
        2,
        1_795_442_400_000_000,
        1_000_000,
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.text(max_size=20), st.lists(st.text(min_size=1, max_size=8), max_size=3)), min_size=1))
def test_any_text_comes_back(tmp_path_factory: pytest.TempPathFactory, items: list[tuple[str, list[str]]]) -> None:
    lake = tmp_path_factory.mktemp("lake")
    rows = [{"time": START + index, "query": text, "answers": texts} for index, (text, texts) in enumerate(items)]
    with Writer(lake) as writer:
        writer.add(batch_of("dns", rows))
        (segment,) = writer.finish()
    assert read(lake, segment.path, "query, answers") == [(text or None, texts or None) for text, texts in items]


def hostile(offsets: list[int], data: bytes) -> ColumnBatch:
    batch = batch_of("dns", [{"time": START}, {"time": START}])
    text = TextColumn(numpy.array(offsets, numpy.int32), numpy.frombuffer(data, numpy.uint8))
    return ColumnBatch("dns", 2, {**batch.columns, "query": text}, batch.nulls)


def test_bytes_that_are_no_utf8_are_replaced(tmp_path: Path) -> None:
    with Writer(tmp_path) as writer:
        writer.add(hostile([0, 2, 5], b"\xff\xfea\xc3\x28"))
        writer.add(hostile([0, 1, 3], "中".encode()))  # a border inside a character
        (segment,) = writer.finish()
    texts = [row[0] for row in read(tmp_path, segment.path, "query")]
    assert texts == ["\ufffd\ufffd", "a\ufffd(", "\ufffd", "\ufffd\ufffd"]


@pytest.mark.parametrize("offsets", [[0, 2, 99], [0, 3, 2], [1, 2, 3], [0, 1]])
def test_offsets_outside_the_bytes_are_refused(tmp_path: Path, offsets: list[int]) -> None:
    with pytest.raises(ValueError, match="offsets"), Writer(tmp_path) as writer:
        writer.add(hostile(offsets, b"abcde"))
        writer.finish()
    assert list(files_on_disk(tmp_path)) == []


def test_many_rows_become_several_bounded_files(tmp_path: Path) -> None:
    batch = batch_of("flows", [{"first_seen": START, "last_seen": START + second} for second in range(100)])
    with Writer(tmp_path, rows_per_file=250) as writer:
        for _ in range(7):
            writer.add(batch)
        segments = writer.finish()
    assert [segment.rows for segment in segments] == [300, 300, 100]
    assert sorted(files_on_disk(tmp_path)) == sorted(segment.path for segment in segments)


def test_all_tables_together_are_bounded(tmp_path: Path) -> None:
    """What takes most of the memory is written first; the table of few rows waits for the end."""
    large = batch_of("flows", [{"last_seen": START + second} for second in range(100)])
    small = batch_of("dns", [{"time": START}])
    bound = 5 * in_bytes(large) // 2
    with Writer(tmp_path, bytes_held=bound) as writer:
        for _ in range(7):
            writer.add(small)
            writer.add(large)
        segments = writer.finish()
    assert [(segment.table, segment.rows) for segment in segments] == [
        ("flows", 300),
        ("flows", 300),
        ("dns", 7),
        ("flows", 100),
    ]


def test_rows_lie_in_the_directory_of_their_day(tmp_path: Path) -> None:
    midnight = START // 86_400_000_000 * 86_400_000_000 + 86_400_000_000
    times = [midnight - 2, midnight - 1, midnight, midnight + 1, midnight + 2]
    with Writer(tmp_path) as writer:
        writer.add(batch_of("flows", [{"last_seen": time} for time in times]))
        writer.add(batch_of("dns", [{"time": midnight}]))
        segments = writer.finish()
    assert [(item.path.rpartition("/")[0], item.rows, item.first_time, item.last_time) for item in segments] == [
        ("flows/day=2026-09-21", 2, midnight - 2, midnight - 1),
        ("flows/day=2026-09-22", 3, midnight, midnight + 2),
        ("dns/day=2026-09-22", 1, midnight, midnight),
    ]
    seen = read(tmp_path, "flows/*/*.parquet", "day::VARCHAR, epoch_us(last_seen)")
    assert sorted(seen) == [(f"2026-09-{21 + (time >= midnight)}", time) for time in times]


@given(st.lists(st.integers(-(1 << 61), 1 << 61) | st.integers(START, START + 10**13), min_size=1, max_size=200))
@settings(max_examples=30, deadline=None)
def test_any_times_are_split_into_few_files_and_none_is_lost(
    tmp_path_factory: pytest.TempPathFactory, times: list[int]
) -> None:
    lake = tmp_path_factory.mktemp("lake")
    with Writer(lake) as writer:
        writer.add(batch_of("flows", [{"last_seen": time} for time in times]))
        segments = writer.finish()
    assert len(segments) <= MAX_DAYS
    found: list[int] = []
    for segment in segments:
        inside = [int(str(row[0])) for row in read(lake, segment.path, "epoch_us(last_seen)")]
        assert (len(inside), min(inside), max(inside)) == (segment.rows, segment.first_time, segment.last_time)
        found.extend(inside)
    assert sorted(found) == sorted(times)


def test_what_no_database_row_names_is_removed(tmp_path: Path) -> None:
    with Writer(tmp_path) as writer:
        writer.add(batch_of("flows", [{"first_seen": START, "last_seen": START}]))
        (kept,) = writer.finish()
    (tmp_path / "flows" / "2026-01-01-x-0000.parquet").write_bytes(b"orphan")
    (tmp_path / "dns").mkdir()
    (tmp_path / "dns" / "2026-01-01-x-0001.parquet.partial").write_bytes(b"half")
    (tmp_path / "dns" / "day=2026-01-01").mkdir()
    (tmp_path / "dns" / "day=2026-01-01" / "x-0001.parquet").write_bytes(b"orphan")
    assert remove_unrecorded(tmp_path, [kept.path]) == 3
    assert not (tmp_path / "dns" / "day=2026-01-01").exists()
    assert list(files_on_disk(tmp_path)) == [kept.path]


def test_an_exception_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), Writer(tmp_path, rows_per_file=1) as writer:
        writer.add(batch_of("flows", [{"first_seen": START, "last_seen": START}]))
        raise KeyboardInterrupt
    assert list(files_on_disk(tmp_path)) == []


def test_a_value_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match=r"flows\.destination_port"):
        batch_of("flows", [{"destination_port": 70000}])
    with pytest.raises(ValueError, match="'nothing' is no column"):
        batch_of("flows", [{"nothing": 1}])
