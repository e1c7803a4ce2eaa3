"""Files of other days are not opened: they may even be missing. And the answers are those of all files."""

# ruff: noqa: S608 -- the texts here are the tests' own

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secwatch.core.errors import SecwatchError
from secwatch.lake import engine, pruning
from secwatch.lake import query as lake_query
from secwatch.lake.layout import DAY
from secwatch.lake.protocol import File
from secwatch.lake.rows import batch_of
from secwatch.lake.write import Segment, Writer
from secwatch.system.settings import Detect

FIRST = 1_789_948_800_000_000  # 2026-09-21
DAYS = 5
BOUNDS = Detect(memory_megabytes=300, timeout="30s")
Lake = tuple[Path, Mapping[str, Sequence[File]]]


def files_of(segments: Sequence[Segment]) -> dict[str, list[File]]:
    found: dict[str, list[File]] = {}
    for item in segments:
        found.setdefault(item.table, []).append(File(item.path, item.first_time, item.last_time))
    return found


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Five days with ten flows and ten names each, hours apart."""
    place = tmp_path_factory.mktemp("lake")
    moments = [FIRST + day * DAY + hour * 7_200_000_000 for day in range(DAYS) for hour in range(10)]
    with Writer(place) as writer:
        writer.add(batch_of("flows", [{"last_seen": at, "destination_port": at // 10**9 % 50} for at in moments]))
        writer.add(batch_of("dns", [{"time": at, "query": f"q{at // 10**9 % 7}"} for at in moments]))
        return place, files_of(writer.finish())


def days_needed(lake: Lake, sql: str) -> dict[str, list[str]]:
    def connect() -> duckdb.DuckDBPyConnection:
        return engine.bare(300)

    with connect() as parser:
        statement = engine.accept(parser, sql)
    found = pruning.needed(connect, lake[1], statement)
    return {name: sorted(file.path.split("/")[1][-2:] for file in files) for name, files in found.items() if files}


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT count(*) FROM flows WHERE last_seen >= '2026-09-24'", {"flows": ["24", "25"]}),
        (
            "SELECT * FROM flows WHERE last_seen BETWEEN '2026-09-22 01:00' AND TIMESTAMP '2026-09-22 09:00'",
            {"flows": ["22"]},
        ),
        ("SELECT * FROM flows WHERE last_seen::DATE = '2026-09-23'", {"flows": ["23"]}),
        # Not proven to be empty, so looked at: too many rather than too few.
        (
            "SELECT * FROM flows WHERE last_seen < '2026-09-22' OR last_seen >= '2026-09-25'",
            {"flows": ["21", "22", "23", "24", "25"]},
        ),
        ("SELECT * FROM flows WHERE last_seen >= '2026-09-24' LIMIT 0", {}),
        ("SELECT max(last_seen), count(*) FROM flows", {"flows": ["21", "22", "23", "24", "25"]}),
        (
            "SELECT * FROM flows f JOIN dns d ON d.time < f.last_seen"
            " WHERE f.last_seen >= '2026-09-25' AND d.time < '2026-09-22'",
            {"flows": ["25"], "dns": ["21"]},
        ),
        (
            "WITH late AS (SELECT * FROM flows WHERE last_seen >= '2026-09-25')"
            " SELECT * FROM late WHERE destination_port IN (SELECT destination_port FROM flows"
            " WHERE last_seen < '2026-09-22')",
            {"flows": ["21", "25"]},
        ),
        ("SELECT * FROM dns WHERE query = 'q1'", {"dns": ["21", "22", "23", "24", "25"]}),
        ("SELECT 1", {}),
    ],
)
def test_days_outside_the_time_asked_for_are_not_needed(lake: Lake, sql: str, expected: dict[str, list[str]]) -> None:
    assert days_needed(lake, sql) == expected


def test_files_of_other_days_are_not_opened(lake: Lake, tmp_path: Path) -> None:
    """The files of the other days are not even there."""
    place, files = lake
    (wanted,) = [file for file in files["flows"] if "day=2026-09-23" in file.path]
    (tmp_path / wanted.path).parent.mkdir(parents=True)
    (tmp_path / wanted.path).write_bytes((place / wanted.path).read_bytes())
    sql = "SELECT count(*) FROM flows WHERE last_seen >= '2026-09-23' AND last_seen < '2026-09-24'"
    found = lake_query.query(tmp_path, files, sql, limit=9, bounds=BOUNDS)
    assert (found.rows, found.opened) == (((10,),), 1)
    with pytest.raises(SecwatchError):
        lake_query.query(tmp_path, files, "SELECT count(*) FROM flows", limit=9, bounds=BOUNDS)


MOMENTS = st.integers(FIRST - DAY, FIRST + (DAYS + 1) * DAY).map(lambda at: f"make_timestamp({at}::BIGINT)")
CONDITIONS = st.one_of(
    st.tuples(st.sampled_from(["<", "<=", ">", ">=", "=", "<>"]), MOMENTS).map(lambda item: f"@T {item[0]} {item[1]}"),
    st.tuples(MOMENTS, MOMENTS).map(lambda item: f"@T BETWEEN {item[0]} AND {item[1]}"),
    st.tuples(MOMENTS).map(lambda item: f"date_trunc('day', @T) = date_trunc('day', {item[0]})"),
    st.just("@P > 20"),
    st.just("@T > (SELECT max(time) FROM dns) - INTERVAL 1 DAY"),
)
BOOLEANS = st.recursive(
    CONDITIONS,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["AND", "OR"]), inner).map(lambda item: f"({' '.join(item)})"),
        inner.map(lambda item: f"NOT ({item})"),
    ),
    max_leaves=4,
)
SHAPES = st.sampled_from(
    [
        "SELECT count(*), min(last_seen), max(last_seen) FROM flows WHERE {0}",
        "SELECT count(*) FROM (SELECT *, row_number() OVER (ORDER BY last_seen) AS n FROM flows) AS flows WHERE {0}",
        "SELECT count(*), count(d.time) FROM flows LEFT JOIN (SELECT time FROM dns) d"
        " ON d.time = last_seen AND {1} WHERE {0}",
        "SELECT count(*), count(last_seen) FROM dns FULL JOIN flows ON time = last_seen WHERE {0} OR time IS NOT NULL",
        "WITH a AS MATERIALIZED (SELECT * FROM flows WHERE {0}), b AS (SELECT * FROM flows WHERE {1})"
        " SELECT count(*) FROM a, b WHERE a.last_seen = b.last_seen",
        "SELECT count(*) FROM dns WHERE NOT EXISTS (SELECT 1 FROM flows WHERE last_seen = time AND {0})",
        "SELECT (SELECT count(*) FROM flows WHERE {0}), (SELECT count(*) FROM flows WHERE {1})",
        "SELECT count(*) FROM (SELECT last_seen AS t, destination_port FROM flows WHERE {0} UNION ALL"
        " SELECT time, 1 FROM dns EXCEPT SELECT last_seen, destination_port FROM flows WHERE {1})",
        "SELECT sum(n) FROM (SELECT count(*) AS n FROM flows WHERE {0} GROUP BY destination_port HAVING count(*) > 1)",
    ]
)


@given(SHAPES, BOOLEANS, BOOLEANS)
@settings(max_examples=25, deadline=None)
def test_the_answer_is_that_of_all_files(lake: Lake, shape: str, first: str, second: str) -> None:
    conditions = [text.replace("@T", "last_seen").replace("@P", "flows.destination_port") for text in (first, second)]
    sql = shape.format(*conditions)
    place, files = lake

    def answer(of: Mapping[str, Sequence[File]]) -> list[tuple[object, ...]]:
        with engine.connect(str(place), of, 300) as connection:
            engine.show_tables(connection)
            engine.run(connection, engine.accept(connection, sql), {})
            return connection.fetchall()

    with engine.bare(300) as parser:
        statement = engine.accept(parser, sql)
    assert answer(pruning.needed(lambda: engine.bare(300), files, statement)) == answer(files)


def test_rows_of_inputs_that_are_gone_do_not_count(tmp_path: Path) -> None:
    (tmp_path / "flows").mkdir()
    with duckdb.connect() as connection:
        connection.execute(
            "COPY (SELECT make_timestamp(1789948800000000 + i) AS last_seen, (i % 4)::USMALLINT AS lake_part,"
            f" i::USMALLINT AS destination_port FROM range(40) t(i)) TO '{tmp_path}/flows/merged.parquet'"
        )
    file = File("flows/merged.parquet", FIRST, FIRST + 39, parts=(1, 3))
    found = lake_query.query(
        tmp_path, {"flows": [file]}, "SELECT count(*), bool_and(destination_port % 2 = 1) FROM flows", limit=9,
        bounds=BOUNDS,
    )  # fmt: skip
    assert found.rows == ((20, True),)


def test_a_year_of_days_is_narrowed_down_to_one() -> None:
    files = {
        name: [File(f"{name}/{day}", FIRST + day * DAY, FIRST + (day + 1) * DAY - 1) for day in range(365)]
        for name in ("flows", "dns")
    }

    def days_of(sql: str) -> dict[str, int]:
        with engine.bare(300) as parser:
            statement = engine.accept(parser, sql)
        found = pruning.needed(lambda: engine.bare(300), files, statement)
        return {name: len(of) for name, of in found.items()}

    assert days_of("SELECT * FROM flows WHERE last_seen::DATE = '2026-12-24'") == {"flows": 1}
    assert days_of("SELECT * FROM flows, dns WHERE time < '2026-09-23'") == {"flows": 365, "dns": 2}
