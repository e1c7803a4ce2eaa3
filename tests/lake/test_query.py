"""The query engine reads the recorded files and nothing else, and ends when it should."""

# ruff: noqa: S608 -- the texts here are the tests' own

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from secwatch.core.errors import SecwatchError
from secwatch.lake import query as lake_query
from secwatch.lake.protocol import File, Statement
from secwatch.lake.query import Result, inspect
from secwatch.lake.rows import batch_of
from secwatch.lake.write import Segment, Writer
from secwatch.system.settings import Detect

START = 1_790_000_000_000_000
BOUNDS = Detect(memory_megabytes=300, timeout="30s")
Ask = Callable[..., Result]


def files_of(segments: Sequence[Segment]) -> Mapping[str, list[File]]:
    found: dict[str, list[File]] = {}
    for item in segments:
        found.setdefault(item.table, []).append(File(item.path, item.first_time, item.last_time))
    return found


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[Segment, ...]]:
    """A lake of 20 flows."""
    place = tmp_path_factory.mktemp("it's a lake")  # a name that must be quoted
    rows = [
        {"first_seen": START, "last_seen": START + second * 1_000_000, "destination_port": second}
        for second in range(20)
    ]
    with Writer(place) as writer:
        writer.add(batch_of("flows", rows))
        return place, writer.finish()


@pytest.fixture(scope="module")
def ask(lake: tuple[Path, tuple[Segment, ...]]) -> Ask:
    """Ask the lake one question."""

    def question(sql: str, *, limit: int = 100, bounds: Detect = BOUNDS) -> Result:
        return lake_query.query(lake[0], files_of(lake[1]), sql, limit=limit, bounds=bounds)

    return question


def test_rows_come_back_as_json_values(ask: Ask) -> None:
    result = ask("SELECT last_seen, destination_port, 1.5 AS price FROM flows ORDER BY destination_port LIMIT 1")
    assert result.names == ("last_seen", "destination_port", "price")
    assert result.rows == (("2026-09-21T14:13:20.000000Z", 0, 1.5),)


def test_every_table_is_there_without_a_file(ask: Ask) -> None:
    assert ask("SELECT query FROM dns UNION ALL SELECT ja4 FROM tls UNION ALL SELECT uri FROM http").rows == ()


def test_the_limit_says_that_it_cut(ask: Ask) -> None:
    assert ask("SELECT * FROM flows", limit=20).truncated is False
    cut = ask("SELECT * FROM flows", limit=19)
    assert (len(cut.rows), cut.truncated) == (19, True)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1; SELECT 2",
        "",
        "-- nothing",
        "CREATE TABLE x AS SELECT 1",
        "DROP VIEW flows",
        "SET threads = 8",
        "PRAGMA database_list",
        "INSERT INTO flows SELECT * FROM flows",
        "ATTACH 'x.db'",
        "INSTALL httpfs",
        "EXPLAIN ANALYZE SELECT 1",
        "CALL pragma_version()",
        "selec",
    ],
)
def test_only_one_select_is_run(ask: Ask, sql: str) -> None:
    with pytest.raises(SecwatchError, match="refused"):
        ask(sql)


def test_the_lake_cannot_be_overwritten(ask: Ask, lake: tuple[Path, tuple[Segment, ...]]) -> None:
    file = lake[0] / lake[1][0].path
    before = file.read_bytes()
    quoted = str(file).replace("'", "''")
    for sql in (f"COPY (SELECT 1) TO '{quoted}'", "SELECT * FROM query('COPY (SELECT 1) TO ''x''')"):
        with pytest.raises(SecwatchError):
            ask(sql)
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    "source",
    ["read_text('/etc/hostname')", "glob('/*')", "read_csv('/etc/passwd')", "'/etc/passwd'", "read_blob('/dev/zero')"],
)
def test_no_other_file_is_read(ask: Ask, source: str) -> None:
    with pytest.raises(SecwatchError, match=r"permission|configuration|not exist"):
        ask(f"SELECT * FROM {source}")


def test_a_file_of_the_lake_that_is_not_recorded_is_not_read(ask: Ask, lake: tuple[Path, tuple[Segment, ...]]) -> None:
    orphan = lake[0] / "flows" / "orphan.parquet"
    orphan.write_bytes((lake[0] / lake[1][0].path).read_bytes())
    quoted = str(orphan).replace("'", "''")
    try:
        with pytest.raises(SecwatchError, match="permission"):
            ask(f"SELECT * FROM read_parquet('{quoted}')")
        assert ask("SELECT count(*) FROM flows").rows == ((20,),)
    finally:
        orphan.unlink()


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT length(repeat('x', 3000000000))",
        "SELECT max(length(repeat('x', 50000000 + i))) FROM range(100) t(i)",
        "SELECT list(i) FROM range(100000000) t(i)",
    ],
)
def test_memory_is_bounded(ask: Ask, sql: str) -> None:
    with pytest.raises(SecwatchError, match="memory"):
        ask(sql)


def test_a_query_ends_at_the_deadline(ask: Ask) -> None:
    with pytest.raises(SecwatchError, match="longer than 1s"):
        ask("SELECT count(*) FROM range(1000000000000) t(i) WHERE i % 7 = 3", bounds=Detect(timeout="1s"))


def test_a_huge_row_is_refused(ask: Ask) -> None:
    with pytest.raises(SecwatchError, match="larger than 1 MiB"):
        ask("SELECT repeat('x', 5000000)")


def test_a_huge_answer_is_refused(ask: Ask) -> None:
    with pytest.raises(SecwatchError, match="larger than 64 MiB: ask for less"):
        ask("SELECT repeat('x', 900000) FROM range(100)", bounds=Detect(memory_megabytes=1000, timeout="30s"))


def test_columns_of_one_name_are_numbered(ask: Ask) -> None:
    assert ask("SELECT 1 AS a, 2 AS a, 3 AS a_1, 4 AS a").names == ("a", "a_2", "a_1", "a_3")
    assert len(set(ask("SELECT count(*), count(*) FROM flows").names)) == 2


def test_moments_inside_lists_and_structs_look_like_others(ask: Ask) -> None:
    sql = "SELECT [t], {a: t, b: [t]}, MAP {t: t} FROM (SELECT min(last_seen) AS t FROM flows)"
    moment = "2026-09-21T14:13:20.000000Z"
    assert ask(sql).rows == (([moment], {"a": moment, "b": [moment]}, {moment: moment}),)


def test_a_damaged_file_is_an_error_in_words(tmp_path: Path) -> None:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "bad.parquet").write_bytes(b"not parquet at all")
    with pytest.raises(SecwatchError, match="refused"):
        lake_query.query(
            tmp_path, {"flows": [File("flows/bad.parquet", 0, 1)]}, "SELECT 1 FROM flows", limit=1, bounds=BOUNDS
        )


def test_statements_are_looked_at_without_being_run() -> None:
    found = inspect(
        [
            Statement(
                "good", "WITH a AS (SELECT * FROM flows) SELECT count(*) AS n FROM a, dns WHERE $p > 1", {"p": 1}
            ),
            Statement("bad", "SELECT 1,\n nothing FROM flows", {}),
        ],
        bounds=BOUNDS,
    )
    assert (found["good"].tables, found["good"].parameters, found["good"].names) == (["dns", "flows"], ["p"], ["n"])
    assert found["bad"].problem is not None
    assert found["bad"].line == 2


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.b.example.com", "example.com"),
        ("example.com", "example.com"),
        ("com", "com"),
        ("x.finance.example.gov.cn", "example.gov.cn"),
        ("a.example.co.uk", "example.co.uk"),
        ("gov.cn", "gov.cn"),
    ],
)
def test_the_registered_domain(ask: Ask, name: str, expected: str) -> None:
    assert ask(f"SELECT registered_domain('{name}')").rows == ((expected,),)
