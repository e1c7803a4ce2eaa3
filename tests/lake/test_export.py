"""An answer becomes a Parquet file that any tool reads; the process that runs the SQL writes no file."""

# ruff: noqa: S608 -- the texts here are the tests' own

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

from secwatch.core.errors import SecwatchError
from secwatch.lake.export import export
from secwatch.lake.protocol import File
from secwatch.lake.rows import batch_of
from secwatch.lake.write import Writer
from secwatch.system.settings import Detect

START = 1_790_000_000_000_000
BOUNDS = Detect(memory_megabytes=300, timeout="30s")


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, list[File]]]:
    """A lake of 3,000 flows."""
    place = tmp_path_factory.mktemp("lake")
    with Writer(place) as writer:
        writer.add(batch_of("flows", [{"last_seen": START + n, "destination_port": n} for n in range(3000)]))
        (item,) = writer.finish()
    return place, {"flows": [File(item.path, item.first_time, item.last_time)]}


def rows_of(path: Path, what: str = "*") -> list[tuple[Any, ...]]:
    with duckdb.connect() as connection:
        return connection.execute(f"SELECT {what} FROM read_parquet('{path}')").fetchall()


def test_all_rows_keep_types_order_and_names(lake: tuple[Path, dict[str, list[File]]], tmp_path: Path) -> None:
    target = tmp_path / "it's all.parquet"
    sql = "SELECT destination_port, last_seen, last_seen AS last_seen, [1] AS l FROM flows ORDER BY 1 DESC; -- the; end"
    done = export(*lake, sql, target, limit=None, bounds=BOUNDS)
    assert (done.rows, done.bytes, len(set(done.names))) == (3000, target.stat().st_size, 4)
    with duckdb.connect() as connection:
        found = connection.read_parquet(str(target))
        assert [str(kind) for kind in found.types] == ["USMALLINT", "TIMESTAMP", "TIMESTAMP", "INTEGER[]"]
        assert [row[0] for row in found.project("destination_port").fetchall()] == list(range(2999, -1, -1))
    assert export(*lake, sql, target, limit=7, bounds=BOUNDS).rows == 7
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT nothing FROM flows",
        "SELECT 1) TO '{0}/planted.parquet' --",
        "SELECT 1) AS x TO '{0}/planted.parquet'; SELECT (1",
        "COPY flows TO '{0}/planted.parquet'",
        "SELECT error('stop') FROM flows",
        "SELECT length(repeat('x', 3000000000))",
    ],
)
def test_a_refused_query_leaves_what_was_there(
    lake: tuple[Path, dict[str, list[File]]], tmp_path: Path, sql: str
) -> None:
    target = tmp_path / "result.parquet"
    target.write_bytes(b"before")
    with pytest.raises(SecwatchError):
        export(*lake, sql.format(tmp_path), target, limit=None, bounds=BOUNDS)
    assert target.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [target]


def test_a_full_disk_is_said(lake: tuple[Path, dict[str, list[File]]]) -> None:
    sql = "SELECT hash(a.last_seen) AS h, hash(b.last_seen) AS i FROM flows a, flows b LIMIT 1000000"
    with pytest.raises(SecwatchError, match=r"cannot write /dev/full: No space left"):
        export(*lake, sql, Path("/dev/full"), limit=None, bounds=BOUNDS)
