"""`secwatch bulletin` as people use it, and editions that stay as they were composed."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from sqlite_utils import Database

from secwatch.bulletin.compose import compose, keep, read
from secwatch.bulletin.document import Bulletin, from_json, to_json
from secwatch.bulletin.rating import Formula
from secwatch.core.errors import SecwatchError
from secwatch.core.model import Severity, Text
from secwatch.store import bulletins
from secwatch.store.migrations import MIGRATIONS
from secwatch.system.database import open_database
from secwatch.system.settings import Settings
from tests.bulletin.conftest import MONDAY_AFTER, full_city, material_of
from tests.conftest import Run
from tests.findings import city_database, finding, record

Secwatch = Callable[..., Run]


@pytest.fixture
def city(workspace: Path) -> Path:
    """A workspace with an attack of this moment, drafted."""
    now = datetime.now(UTC)
    database = city_database(workspace / "state")
    times = {"first_seen": now - timedelta(seconds=20), "last_seen": now}
    record(
        database,
        finding(**times, severity=Severity.HIGH),
        finding(**times, target="192.0.2.70", organisation="HEALTH", title=Text("<b>扫描</b>", "<b>scan</b>\x1b[31m")),
        now=now,
    )
    database.close()
    return workspace


def test_compose_show_and_list(secwatch: Secwatch, city: Path) -> None:
    """Chinese by default on the terminal, HTML in both languages beside, English after the verb."""
    secwatch("-w", city, "warn", "draft", "-q")
    made = secwatch("-w", city, "bulletin", "compose", "--week", "this")
    assert made.code == 0, made.stderr
    assert "网络安全预警预报周报" in made.stdout and "[橙色]" in made.stdout and "总体评价  [差]" in made.stdout
    pages = sorted((city / "state" / "bulletins").iterdir())
    assert [page.suffixes[-2:] for page in pages] == [[".en", ".html"], [".zh", ".html"]]
    assert all(str(page) in made.stderr.replace("\n", "") for page in pages)
    text = pages[1].read_text(encoding="utf-8")
    assert "&lt;b&gt;扫描" in text and "<b>扫描" not in text
    english = secwatch("-w", city, "bulletin", "show", "--lang", "en").stdout
    assert "Overall rating  [poor]" in english and "<b>scan</b>\\x1b[31m" in english
    again = secwatch("-w", city, "bulletin", "compose", "--week", "this", "--json").json
    assert again["edition"] == 2
    assert sha256(to_json(_document(city, 2)).encode()).hexdigest() == again["sha256"]
    listed = secwatch("-w", city, "bulletin", "list", "--json").json["items"]
    assert [item["edition"] for item in listed] == [2, 1]
    assert secwatch("-w", city, "bulletin", "show", "--edition", "1", "--json").json["edition"] == 1


def _document(city: Path, edition: int) -> Bulletin:
    database = open_database(city / "state" / "secwatch.db", (MIGRATIONS,))
    stored = bulletins.find(database, edition=edition)
    assert stored is not None
    return read(stored)


def test_forms_go_to_a_file_or_to_standard_output(secwatch: Secwatch, city: Path) -> None:
    """The file is the whole result: nothing is cut at the width of a terminal."""
    secwatch("-w", city, "bulletin", "compose", "--week", "this", "-q")
    target = city / "bulletin.html"
    done = secwatch("-w", city, "bulletin", "show", "--format", "html", "-o", target)
    assert (done.code, done.stdout) == (0, "")
    shown = secwatch("-w", city, "bulletin", "show", "--format", "html").stdout
    assert target.read_text(encoding="utf-8") == shown
    assert shown.startswith("<!DOCTYPE html>") and shown.endswith("</html>\n")
    markdown = secwatch("-w", city, "bulletin", "show", "--format", "markdown").stdout
    assert markdown.startswith("# 示范市 网络安全预警预报周报\n")
    quiet = secwatch("-w", city, "bulletin", "compose", "--week", "this", "-q", "-o", city / "text.txt")
    assert (quiet.stdout, quiet.stderr) == ("", "")


def test_usage(secwatch: Secwatch, city: Path) -> None:
    """Each refusal names a command that helps."""
    none = secwatch("-w", city, "bulletin", "show")
    assert none.code == 2 and "secwatch bulletin compose" in none.stderr
    for arguments in (
        ("--week", "soon"),
        ("--week", "2999-W01"),
        ("--week", "this", "--date", "2026-11-18"),
        ("--date", "yesterday"),
    ):
        assert secwatch("-w", city, "bulletin", "compose", *arguments).code == 2
    empty = secwatch("-w", city, "bulletin", "compose")
    assert empty.code == 0 and "--week this" in empty.stderr
    assert secwatch("-w", city, "bulletin", "compose", "--date", "2026-01-01", "--json").json["name"] == "2026-W01"


def test_lines_fit_a_terminal_without_colour(secwatch: Secwatch, city: Path) -> None:
    """Through the real command: 80 columns, a terminal that draws ambiguous characters wide."""
    from wcwidth import wcswidth

    environment = {**os.environ, "COLUMNS": "80", "SECWATCH_AMBIGUOUS": "2"}
    made = secwatch("-w", city, "bulletin", "compose", "--week", "this", environment=environment)
    assert all(0 <= wcswidth(line, ambiguous_width=2) <= 80 for line in made.stdout.splitlines())


def test_recomposing_keeps_the_old_edition(database: Database, formula: Formula) -> None:
    """The first edition stays byte for byte when the week is composed anew."""
    material = material_of(database)
    first, _ = keep(database, compose(material, Settings(), formula), material)
    full_city(database)
    later = material_of(database, now=MONDAY_AFTER + timedelta(hours=1))
    second, document = keep(database, compose(later, Settings(), formula), later)
    assert (first.edition, second.edition) == (1, 2)
    assert document.number("zh") == "〔2026〕第47期（第2版）"
    assert bulletins.find(database, 2026, 47, 1) == first
    assert bulletins.find(database) == second
    assert bulletins.find(database, 2026, 46) is None


def test_the_body_is_canonical(database: Database, formula: Formula) -> None:
    """Reading and writing gives the same bytes, and the same material the same document."""
    full_city(database)
    one = compose(material_of(database), Settings(), formula)
    other = compose(material_of(database), Settings(), formula)
    assert to_json(one) == to_json(other) == to_json(from_json(to_json(one)))


def test_a_changed_body_is_not_shown(database: Database, formula: Formula) -> None:
    """Whoever edits a bulletin in the database is found out."""
    material = material_of(database)
    keep(database, compose(material, Settings(), formula), material)
    database.execute("UPDATE bulletins SET body = replace(body, '中', '优')")
    with pytest.raises(SecwatchError, match="not as it was composed"):
        bulletins.find(database)


def test_editions_of_two_at_once_get_different_numbers(tmp_path: Path, formula: Formula) -> None:
    """The number is given under the write lock."""
    city_database(tmp_path).close()
    failures: list[BaseException] = []

    def work() -> None:
        try:
            database = open_database(tmp_path / "secwatch.db", (MIGRATIONS,))
            material = material_of(database)
            keep(database, compose(material, Settings(), formula), material)
            database.close()
        except BaseException as error:  # noqa: BLE001 - what a thread raises must reach the test
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    database = open_database(tmp_path / "secwatch.db", (MIGRATIONS,))
    assert [stored.edition for stored in bulletins.every(database)] == [4, 3, 2, 1]
