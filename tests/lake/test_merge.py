"""Merged files hold the same rows, in an order that takes less room, and still tell the rows of their inputs apart."""

# ruff: noqa: S608 -- the texts here are the tests' own

from __future__ import annotations

import itertools
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import pytest

from secwatch.core.columns import Kind
from secwatch.core.errors import SecwatchError
from secwatch.core.tables import TABLES
from secwatch.lake.layout import DAY
from secwatch.lake.merge import Source, merge
from secwatch.lake.rows import batch_of
from secwatch.lake.write import Segment, Writer

START = 1_789_948_800_000_000  # 2026-09-21


def written(lake: Path, table: str, rows: list[dict[str, Any]]) -> Segment:
    with Writer(lake) as writer:
        writer.add(batch_of(table, rows))
        (segment,) = writer.finish()
    return segment


def source(segment: Segment, parts: Mapping[int, int], **changes: Any) -> Source:
    known = {"divided": False, "whole": True, "rows": segment.rows, **changes}
    return Source(segment.path, first_time=segment.first_time, last_time=segment.last_time, parts=parts, **known)


def rows_of(paths: list[Path], what: str = "*") -> list[tuple[Any, ...]]:
    with duckdb.connect() as connection:
        return connection.execute(
            f"SELECT {what} FROM read_parquet({[str(path) for path in paths]}, hive_partitioning = false)"
        ).fetchall()


def example(kind: Kind, number: int) -> Any:
    texts = {Kind.TEXT: f"text {number % 3}", Kind.TEXTS: [f"a{number}", "b"], Kind.NUMBERS: [number, 7]}
    return texts.get(kind, bool(number % 2) if kind is Kind.BOOLEAN else number % 200)


@pytest.mark.parametrize("name", sorted(TABLES))
def test_every_table_keeps_every_value(tmp_path: Path, name: str) -> None:
    table = TABLES[name]

    def row(number: int) -> dict[str, Any]:
        values = {column.name: example(column.kind, number) for column in table.stored}
        return {**values, table.time_column: START + (number * 7919 % 40) * 1_000_000}

    segments = [written(tmp_path, name, [row(number) for number in range(at, at + 10)]) for at in (0, 10, 20)]
    work = tmp_path / "work"
    work.mkdir()
    (made,) = merge(tmp_path, name, [source(segment, {0: 0}) for segment in segments], work)
    before = rows_of([tmp_path / segment.path for segment in segments])
    after = rows_of([made.made])
    assert sorted(map(repr, after)) == sorted(map(repr, before))
    order = rows_of([made.made], f'destination_address, source_address, epoch_us("{table.time_column}")')
    assert order == sorted(order)
    times = [row[2] for row in order]
    assert (made.segment.first_time, made.segment.last_time, made.rows) == (min(times), max(times), {0: 30})
    assert made.segment.path.startswith(f"{name}/day=2026-09-21/")


def test_parts_stay_apart_and_lost_ones_are_left_out(tmp_path: Path) -> None:
    first = written(tmp_path, "flows", [{"last_seen": START + n, "destination_port": 1} for n in range(5)])
    second = written(tmp_path, "flows", [{"last_seen": START + n, "destination_port": 2} for n in range(7)])
    work = tmp_path / "one"
    work.mkdir()
    (merged,) = merge(tmp_path, "flows", [source(first, {0: 0}), source(second, {0: 1})], work)
    assert merged.rows == {0: 5, 1: 7}
    assert sorted(set(rows_of([merged.made], "lake_part, destination_port"))) == [(0, 1), (1, 2)]
    place = tmp_path / merged.segment.path
    merged.made.rename(place)
    third = written(tmp_path, "flows", [{"last_seen": START + 9, "destination_port": 3}])
    again = tmp_path / "two"
    again.mkdir()
    left = source(merged.segment, {1: 0}, divided=True, whole=False, rows=7)
    (made,) = merge(tmp_path, "flows", [left, source(third, {0: 1})], again)
    assert sorted(set(rows_of([made.made], "lake_part, destination_port"))) == [(0, 2), (1, 3)]
    alone = tmp_path / "three"
    alone.mkdir()
    (single,) = merge(tmp_path, "flows", [left], alone)
    assert sorted(set(rows_of([single.made], "destination_port"))) == [(2,)]
    assert "lake_part" not in {row[0] for row in rows_of([single.made], "unnest(list(DISTINCT COLUMNS(*)::VARCHAR))")}


def test_large_days_are_cut_at_minutes_and_other_days_apart(tmp_path: Path) -> None:
    rows = [{"last_seen": START + n * 1_000_000} for n in range(600)]
    (first, second) = (written(tmp_path, "flows", rows), written(tmp_path, "flows", rows))
    late = written(tmp_path, "flows", [{"last_seen": START + DAY}])
    work = tmp_path / "work"
    work.mkdir()
    sources = [source(segment, {0: 0}) for segment in (first, second, late)]
    made = merge(tmp_path, "flows", sources, work, rows_per_file=500)
    assert [(item.segment.path[:20], item.segment.rows) for item in made] == [
        ("flows/day=2026-09-21", 480),
        ("flows/day=2026-09-21", 480),
        ("flows/day=2026-09-21", 240),
        ("flows/day=2026-09-22", 1),
    ]
    assert all(a.segment.last_time < b.segment.first_time for a, b in itertools.pairwise(made))


def test_a_window_opens_few_row_groups_of_a_merged_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Row groups follow each other in time, and within one the rows between the same addresses are together."""
    monkeypatch.setattr("secwatch.lake.merge.ROWS_PER_GROUP", 1000)
    rows = [
        {
            "last_seen": START + n * 900_000,
            "source_address": f"192.0.2.{n * 37 % 50}",
            "destination_address": "192.0.2.1",
        }
        for n in range(4000)
    ]
    segment = written(tmp_path, "flows", rows)
    work = tmp_path / "work"
    work.mkdir()
    (made,) = merge(tmp_path, "flows", [source(segment, {0: 0})], work)
    found = rows_of([made.made], "epoch_us(last_seen), source_address")
    stretch = 60 * 60_000_000 * 1000 // 4000
    parts = [(time - START) // stretch for time, _ in found]
    assert parts == sorted(parts)
    assert len(set(parts)) == 4
    for part in set(parts):
        inside = [row[1] for row, number in zip(found, parts, strict=True) if number == part]
        assert len(inside) >= 900
        assert inside == sorted(inside)


@pytest.mark.parametrize("memory", ["90MB", "130MB"])
def test_rows_too_wide_to_be_sorted_in_memory_are_merged_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, memory: str
) -> None:
    """Without the smaller row groups, and the way without sorting, these run out of memory."""
    monkeypatch.setattr("secwatch.lake.merge.MERGING_MEMORY", memory)
    monkeypatch.setattr("secwatch.lake.merge.ROWS_PER_SMALL_GROUP", 2048)
    noise = random.Random(7)
    segments = [
        written(
            tmp_path,
            "http",
            [
                {"time": START + n, "uri": f"{at}-{n}", "response_body": noise.randbytes(1500).hex()}
                for n in range(3000)
            ],
        )
        for at in range(8)
    ]
    work = tmp_path / "work"
    work.mkdir()
    (made,) = merge(tmp_path, "http", [source(segment, {0: 0}) for segment in segments], work)
    assert made.rows == {0: 24_000}
    assert rows_of([made.made], "count(DISTINCT uri), min(length(response_body))") == [(24_000, 3000)]


def test_a_file_that_lost_rows_is_not_merged(tmp_path: Path) -> None:
    segment = written(tmp_path, "flows", [{"last_seen": START}])
    work = tmp_path / "work"
    work.mkdir()
    with pytest.raises(SecwatchError, match="1 rows instead of 2"):
        merge(tmp_path, "flows", [source(segment, {0: 0}, rows=2)], work)
    damaged = tmp_path / segment.path
    damaged.write_bytes(damaged.read_bytes()[:-20])
    again = tmp_path / "again"
    again.mkdir()
    with pytest.raises(SecwatchError, match="cannot"):
        merge(tmp_path, "flows", [source(segment, {0: 0})], again)


def test_columns_that_older_files_lack_are_null(tmp_path: Path) -> None:
    (tmp_path / "flows").mkdir()
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (SELECT make_timestamp({START}::BIGINT) AS last_seen, 9::USMALLINT AS destination_port)"
            f" TO '{tmp_path}/flows/old.parquet'"
        )
    new = written(tmp_path, "flows", [{"last_seen": START + 1, "service": "dns"}])
    old = Source("flows/old.parquet", 1, START, START, {0: 0}, divided=False, whole=True)
    work = tmp_path / "work"
    work.mkdir()
    (made,) = merge(tmp_path, "flows", [old, source(new, {0: 0})], work)
    assert rows_of([made.made], "destination_port, service") == [(9, None), (0, "dns")]
