"""Asking the lake from the command line: as a table, as JSON, as CSV that no spreadsheet runs."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from secwatch.core.tables import TABLES
from tests.conftest import Run
from tests.pipeline.captures import write_scan

Secwatch = Callable[..., Run]


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory, secwatch: Secwatch) -> Path:
    """A workspace with 12 flows."""
    directory = tmp_path_factory.mktemp("flows")
    assert secwatch("init", directory / "city").code == 0
    capture = write_scan(directory / "scan.pcap", packets=12)
    assert secwatch("-w", directory / "city", "sense", "read", capture).code == 0
    return directory / "city"


def test_json_and_the_limit(city: Path, secwatch: Secwatch) -> None:
    sql = "SELECT destination_port AS port FROM flows ORDER BY 1"
    answer = secwatch("-w", city, "flows", "query", sql, "--json", "--limit", "2", "--lang", "en")
    assert answer.json == {"schema": 1, "items": [{"port": 1}, {"port": 2}], "truncated": True}
    assert "these are the first 2 rows, there are 10 more" in answer.stderr
    chinese = secwatch("-w", city, "flows", "query", sql, "--limit", "2")
    assert "以上是前 2 行，还有 10 行：见 --limit" in chinese.stderr
    assert secwatch("-w", city, "flows", "query", "-", "--json", stdin=sql.encode()).json["truncated"] is False


def test_hostile_text_stays_text(city: Path, secwatch: Secwatch, tmp_path: Path) -> None:
    sql = "SELECT '=cmd|x' AS a, chr(27) || '[31mred' AS b, -5 AS c, ['x', 'y'] AS d, NULL AS e"
    for arguments in ((), ("-o", tmp_path / "out.csv")):
        answer = secwatch("-w", city, "flows", "query", sql, "--csv", *arguments)
        assert answer.code == 0, answer.stderr
    assert (tmp_path / "out.csv").read_text() == secwatch("-w", city, "flows", "query", sql, "--csv").stdout
    rows = list(csv.reader((tmp_path / "out.csv").read_text().splitlines()))
    assert rows == [["a", "b", "c", "d", "e"], ["'=cmd|x", "\\x1b[31mred", "-5", "x, y", ""]]
    assert "\x1b" not in secwatch("-w", city, "flows", "query", sql).stdout


def test_a_hostile_heading_stays_text(city: Path, secwatch: Secwatch) -> None:
    answer = secwatch("-w", city, "flows", "query", 'SELECT 1 AS "e\x1b[31mvil\u202e\nline [red]x[/red]"')
    assert answer.code == 0, answer.stderr
    assert "\x1b[31m" not in answer.stdout and "\u202e" not in answer.stdout
    assert "[red]x[/red]" in answer.stdout


def test_rows_that_are_not_all_counted_are_told_in_a_round_number(city: Path, secwatch: Secwatch) -> None:
    sql = "SELECT * FROM range(10000000000)"
    answer = secwatch("-w", city, "flows", "query", sql, "--limit", "5", "--lang", "en")
    assert re.search(r"there are more than [1-9](,000|0,000|00,000)+ more: see --limit", answer.stderr), answer.stderr


def test_a_refused_query_is_an_error(city: Path, secwatch: Secwatch) -> None:
    answer = secwatch("-w", city, "flows", "query", "DELETE FROM flows")
    assert answer.code == 1
    assert "only SELECT is allowed, not DELETE" in answer.stderr
    assert secwatch("-w", city, "flows", "query", "SELECT 1", "--csv", "--json").code == 2


def test_tables_name_every_column(city: Path, secwatch: Secwatch) -> None:
    tables = secwatch("-w", city, "flows", "tables", "--json").json
    assert [item["table"] for item in tables["items"]] == list(TABLES)
    assert all(column["meaning"] for item in tables["items"] for column in item["columns"])
    assert "registered_domain(name)" in {item["signature"] for item in tables["functions"]}
