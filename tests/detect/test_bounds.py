"""A flood, a thin year, a slow detection: none of them blinds the rest, and what was not seen is said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from hypothesis import given

from secwatch.core.ownership import Ownership
from secwatch.detect.cases import run_cases
from secwatch.detect.catalogue import load_path
from secwatch.detect.definition import Definition
from secwatch.detect.evaluate import sweep as run_sweep
from secwatch.lake.protocol import Evaluated, File, Needs, Sweep, Watch
from secwatch.lake.query import evaluate
from secwatch.lake.rows import batch_of
from secwatch.lake.write import Writer
from secwatch.system.settings import Detect
from tests.detect.test_lint import GOOD, mistakes
from tests.detect.test_windows import ROWS, SLOW, START, City, Row

NEEDY = GOOD.replace("every_seconds = 60", 'every_seconds = 60\nneeds.rows = "most"\nneeds.same = ["source_address"]')

ALONE = NEEDY.replace("needs.same", "needs.alone = true\nneeds.same")
# How many sources there are depends on the rows of the others.
LYING = ALONE.replace("1.0 AS score", "(SELECT count(DISTINCT source_address) FROM flows) AS score")


def definition_of(directory: Path, text: str = GOOD, name: str = "mine") -> Definition:
    """Return a detection made of a text."""
    path = directory / f"{name}.sql"
    path.write_text(text.replace('"mine"', f'"{name}"'), encoding="utf-8")
    catalogue = load_path(path)
    assert not catalogue.mistakes
    return catalogue.definitions[0]


@SLOW
@given(rows=ROWS)
def test_what_a_window_needs_changes_no_finding(tmp_path_factory: pytest.TempPathFactory, rows: list[Row]) -> None:
    """Windows with too little are not evaluated; whatever the memory, all that state something are."""
    place = tmp_path_factory.mktemp("needs")
    plain, needy, alone = (definition_of(place, *more) for more in ((), (NEEDY, "needy"), (ALONE, "alone")))
    expected = City(place / "plain", plain).take(rows)
    for item, memory in ((needy, 100_000), (needy, 7), (alone, 100_000), (alone, 7), (alone, 0)):
        found = City(place / f"{item.id}{memory}", item, rows_in_memory=memory).take(rows)
        assert [replace(finding, detection="mine") for finding in found.findings] == list(expected.findings)
        assert found.evaluations[item.id].windows <= expected.evaluations["mine"].windows


def test_rows_that_matter_alone_are_those_that_the_statement_demands(tmp_path: Path) -> None:
    """Of a source with enough rows none is left out, and of the others none is shown."""
    sql = (
        "SELECT source_address AS source, count(*) AS count, (SELECT count(*) FROM flows WHERE source_address <> 'b')"
        " AS score FROM flows WHERE source_address <> 'b' GROUP BY 1"
    )
    rows = [*((at, "a") for at in range(5)), *((at, "b") for at in range(9)), *((at, f"c{at}") for at in range(9))]
    for alone, seen in ((True, {("a", 5, 5)}), (False, {("a", 5, 14), *((f"c{at}", 1, 14) for at in range(9))})):
        watch = Watch("w", sql, {}, ["flows"], 300, 60, needs=Needs(3, ["source_address"], alone))
        answers, (ended,) = sweep(tmp_path / str(alone), rows, [watch])
        stated = [answer.row for answer in answers if hasattr(answer, "row")]
        assert {(row["source"], row["count"], row["score"]) for row in stated} == seen
        assert (ended.problem, ended.windows) == (None, 1)


@pytest.mark.parametrize(("text", "truthful"), [(ALONE, True), (LYING, False)])
def test_a_case_finds_out_what_lies_about_its_needs(tmp_path: Path, text: str, truthful: bool) -> None:
    item = definition_of(tmp_path, text)
    item.tests.mkdir(parents=True)
    busy = '[[rows]]\ntable = "flows"\nvalues = { source_address = "192.0.2.1" }\nrepeat = 9\n'
    quiet = '[[rows]]\ntable = "flows"\nvalues = { source_address = "192.0.2.{n}" }\nrepeat = 9\n'
    expect = '[[expect]]\nsource = "192.0.2.1"\n'
    (item.tests / "busy.toml").write_text(f'about = "One source."\n{busy}{quiet}{expect}', encoding="utf-8")
    (verdict,) = run_cases(item, Detect())
    assert (verdict.problem is None) == truthful
    assert truthful or "needs changes what is found" in str(verdict.problem)


def test_no_time_for_a_part_leaves_it_to_the_next_run(tmp_path: Path) -> None:
    """What rows are held alone for is not forgotten when the time is up in the middle of it."""
    slow = STATE.replace("FROM flows", ", (SELECT count(*) FROM range(100000000) t(i) WHERE i % 7 = 3) AS n FROM flows")
    watch = Watch("w", slow, {}, ["flows"], 300, 60, needs=Needs(1, ["source_address"], True))
    _, (ended,) = sweep(tmp_path, [(at * 60, "x") for at in range(200)], [watch], seconds=1.5)
    assert ended.problem is None
    assert ended.windows + ended.waiting == 200
    assert ended.windows > 0
    assert ended.waiting > 0
    assert ended.resume_at == (START // 60 + ended.windows) * 60 * 10**6 + 1


def test_a_thin_year_is_hardly_looked_at(tmp_path: Path) -> None:
    city = City(tmp_path, definition_of(tmp_path, NEEDY))
    busy = [(10**7 + at, "192.0.2.9") for at in range(5)]
    outcome = city.take([*((at * 200, f"192.0.2.{at % 5}") for at in range(10_000)), *busy])
    assert outcome.evaluations["mine"].windows <= 5
    assert [fact[0] for fact in city.facts()] == ["192.0.2.9"]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"most"\nneeds', '"least"\nneeds', "least is not a parameter"),
        ("value = 3", "value = 2.5", "most is not a parameter that is a whole number"),
        ("value = 3", "value = 0", "whole number from 1"),
        ('needs.same = ["source_address"]', "needs.alone = true", "needs.same must say which rows belong together"),
        ('["source_address"]', '["nothing"]', "the table flows has no column nothing"),
    ],
)
def test_needs_that_are_mistaken(tmp_path: Path, old: str, new: str, words: str) -> None:
    ((line, message),) = mistakes(tmp_path, NEEDY.replace(old, new, 1))
    assert (line, words in message) == (14, True), message


def sweep(lake: Path, rows: list[Row], watches: list[Watch], **changes: object) -> tuple[list[object], list[Evaluated]]:
    """Return what watches state over rows, and how each ended."""
    content = [{"last_seen": (START + at) * 10**6, "source_address": source} for at, source in rows]
    with Writer(lake) as writer:
        writer.add(batch_of("flows", content))
        (segment,) = writer.finish()
    work = Sweep(watches, segment.first_time, segment.last_time, 100_000, 10, 60.0)
    answers: list[object] = []
    files = {"flows": [File(segment.path, segment.first_time, segment.last_time, new=True)]}
    evaluate(lake, files, msgspec.structs.replace(work, **changes), Detect(), answers.append)
    return answers, [answer for answer in answers if isinstance(answer, Evaluated)]


STATE = "SELECT source_address AS source, count(*) AS count, count(*) AS score FROM flows GROUP BY 1"


def test_of_a_flood_the_worst_are_kept_and_the_next_window_is_seen(tmp_path: Path) -> None:
    flood = [(at % 50, f"10.0.{at // 200}.{at % 200}") for at in range(5000)]
    worst = [(at, "203.0.113.66") for at in range(40)]
    later = [(1000 + at, "203.0.113.77") for at in range(5)]
    answers, (ended,) = sweep(tmp_path, [*flood, *worst, *later], [Watch("w", STATE, {}, ["flows"], 300, 60)])
    stated = [(answer.row["source"], answer.row["count"]) for answer in answers if hasattr(answer, "row")]
    assert ("203.0.113.66", 40) in stated
    assert ("203.0.113.77", 5) in stated
    watch = [Watch("w", STATE, {}, ["flows"], 300, 60)]
    everything, _ = sweep(tmp_path / "all", [*flood, *worst, *later], watch, rows_per_window=100_000)
    assert ended.problem is None
    assert 0 < ended.left_out == len(everything) - len(answers)
    assert ended.left_out + len(stated) == len(everything) - 2
    again, _ = sweep(tmp_path / "again", [*flood, *worst, *later], [Watch("w", STATE, {}, ["flows"], 300, 60)])
    assert sorted(map(str, answers[:-2])) == sorted(map(str, again[:-2]))


def test_the_flood_is_told(tmp_path: Path) -> None:
    item = definition_of(tmp_path)
    with Writer(tmp_path) as writer:
        rows = [{"last_seen": START * 10**6, "source_address": f"10.0.0.{at % 50}"} for at in range(500)]
        writer.add(batch_of("flows", rows))
        (segment,) = writer.finish()
    outcome = run_sweep(
        tmp_path,
        {"flows": [File(segment.path, segment.first_time, segment.last_time, new=True)]},
        [item],
        first_time=segment.first_time,
        last_time=segment.last_time,
        ownership=Ownership(()),
        settings=Detect(),
        rows_per_window=10,
    )
    assert len(outcome.findings) == 10
    assert outcome.problems == ("mine: 40 findings left out, the mildest, in 1 windows that state too many",)


def test_a_slow_watch_does_not_starve_the_others(tmp_path: Path) -> None:
    """One that would take for ever is interrupted, and the one after it is evaluated to its end."""
    endless = "SELECT (SELECT count(*) FROM range(1000000000000) t(i) WHERE i % 7 = 3) AS count FROM flows"
    slow = Watch("a", endless, {}, ["flows"], 300, 60)
    good = Watch("b", STATE, {}, ["flows"], 300, 60)
    _, ended = sweep(tmp_path, [(at * 60, "x") for at in range(20)], [slow, good], seconds=3.0)
    found = {item.id: item for item in ended}
    assert (found["b"].windows, found["b"].waiting, found["b"].problem) == (20, 0, None)
    assert found["a"].problem == "one window took longer than 1 s"
    assert found["a"].waiting > 0
    assert found["a"].resume_at > START * 10**6


def test_a_window_that_fails_does_not_blind_the_rest(tmp_path: Path) -> None:
    sql = "SELECT source_address AS source, CAST(min(source_address) AS INTEGER) AS count FROM flows GROUP BY 1"
    rows = [(0, "1"), (1000, "not a number"), (2000, "3")]
    answers, (ended,) = sweep(tmp_path, rows, [Watch("w", sql, {}, ["flows"], 300, 60, needs=Needs(1, []))])
    assert [answer.row["count"] for answer in answers if hasattr(answer, "row")] == [1, 3]
    assert (ended.windows, ended.failed) == (2, 1)
    assert ended.problem is not None
    assert "not a number" in ended.problem
