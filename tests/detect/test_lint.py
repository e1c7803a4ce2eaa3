"""Every mistake in a detection is named with its file and line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from secwatch.detect.catalogue import load_path
from secwatch.detect.lint import lint
from secwatch.system.settings import Detect
from tests.conftest import Run

GOOD = """/*
id = "mine"
title.zh = "标题"
title.en = "Title"
description.zh = "说明"
description.en = "Description"
attack = ["T1046"]
aspect = "network"
severity = 2
confidence = 0.5
consumes = ["flows"]
window_seconds = 300
every_seconds = 60
key = ["source"]
suppress_seconds = 600
false_positives.zh = "无"
false_positives.en = "None known."
response.zh = "查看"
response.en = "Look."
evidence.zh = "{n} 条网络流"
evidence.en = "{n} flows"
reference = ["https://example.org/"]
[params.most]
value = 3
unit = "flows"
source = "a guess"
*/
SELECT source_address AS source, min(destination_address) AS target, min(first_seen) AS first_seen,
       max(last_seen) AS last_seen, count(*) AS count, count(*) FILTER (WHERE fresh) AS new_count,
       1.0 AS score, {n: count(*)} AS evidence
FROM flows
GROUP BY 1
HAVING count(*) > $most
"""


def mistakes(tmp_path: Path, text: str, name: str = "mine") -> list[tuple[int, str]]:
    path = tmp_path / f"{name}.sql"
    path.write_text(text, encoding="utf-8")
    found = load_path(path)
    return [(item.line, item.message) for item in (*found.mistakes, *lint(found.definitions, Detect()))]


def test_a_good_one_has_none(tmp_path: Path) -> None:
    assert mistakes(tmp_path, GOOD) == []


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ('id = "mine"', 'id = "other"', 2, "must be the file's name"),
        ('attack = ["T1046"]', 'attack = ["T46"]', 7, "attack"),
        ("severity = 2", "severity = 9", 9, "severity"),
        ("severity = 2\n", "", 1, "missing required field 'severity'"),
        ("severity = 2", "severity = 2\nsilly = 1", 10, "unknown field 'silly'"),
        ("severity = 2", "severity = = 2", 9, "not TOML"),
        ('title.en = "Title"\n', "", 3, "en"),
        ('consumes = ["flows"]', 'consumes = ["flow"]', 11, "consumes"),
        ('consumes = ["flows"]', 'consumes = ["dns"]', 31, "table flows is not in consumes"),
        ('consumes = ["flows"]', 'consumes = ["flows", "dns"]', 1, "consumes names dns"),
        ("$most", "$least", 33, "$least is not in [params]"),
        ("> $most", "> 3", 1, "most is never used"),
        ("every_seconds = 60", "every_seconds = 600", 1, "longer than window_seconds"),
        ('key = ["source"]', 'key = ["source", "port"]', 28, "output column port is missing"),
        ("1.0 AS score,", "", 28, "output column score is missing"),
        ("count(*) AS count", "'x' AS count", 28, "count is VARCHAR"),
        ("{n: count(*)}", "'x'", 28, "must be a struct"),
        ("1.0 AS score", "1.0 AS score, 2 AS more", 28, "more is not used"),
        ("FILTER (WHERE fresh)", "", 28, "WHERE fresh"),
        ("FROM flows", "FROM nowhere", 31, "nowhere"),
        ("min(destination_address)", "min(nothing)", 28, "nothing"),
        ("GROUP BY 1", "GROUP BY 1; SELECT 2 --", 28, "exactly one statement"),
        ("SELECT source_address AS source", "COPY (SELECT 1) TO 'x' --", 28, ""),
        ('unit = "flows"\n', "", 23, "unit"),
        ("/*\n", "", 1, "must begin with a header"),
        ("{n} 条", "{m} 条", 20, "evidence.zh: {m} is no column of the evidence"),
        ("{n} 条", "若干条", 20, "evidence.zh: {n} is not said"),
        ("{n} flows", "some flows", 21, "evidence.en: {n} is not said"),
        ("{n} flows", "{n} {N} flows", 21, "evidence.en: a brace stands only around a name"),
        ("{n: count(*)}", "{n: count(*), deep: {a: 1, b: [1]}, last: 2}", 21, "evidence.en: {last} is not said"),
        ('evidence.en = "{n} flows"\n', "", 20, "en"),
    ],
)
def test_every_mistake_has_its_line(tmp_path: Path, old: str, new: str, line: int, words: str) -> None:
    assert old in GOOD
    found = mistakes(tmp_path, GOOD.replace(old, new, 1))
    assert any(number == line and words in message for number, message in found), found


def test_without_sentences_there_is_no_mistake_in_them(tmp_path: Path) -> None:
    """Detections of their own, written before there were any, go on as they are."""
    bare = GOOD.replace('evidence.zh = "{n} 条网络流"\nevidence.en = "{n} flows"\n', "")
    assert "evidence." not in bare
    assert mistakes(tmp_path, bare) == []


def test_names_that_need_quotes_are_columns_like_others(tmp_path: Path) -> None:
    """No sentence can name them, so they are told to be renamed by being unsaid."""
    ((_, zh), (_, en)) = mistakes(tmp_path, GOOD.replace("{n: count(*)}", "{n: count(*), 'a, (b': 1}"))
    assert "{a, (b} is not said" in zh
    assert "{a, (b} is not said" in en


def test_a_list_that_is_nowhere(tmp_path: Path) -> None:
    found = mistakes(tmp_path, GOOD.replace("*/", '[lists]\nfriends = "friends.txt"\n*/', 1))
    assert found[0][0] == 28
    assert "friends.txt is in none of" in found[0][1]


def test_a_header_nested_without_end(tmp_path: Path) -> None:
    nested = "[" * 20_000
    ((_, message),) = mistakes(tmp_path, GOOD.replace("severity = 2", f"severity = {nested}", 1))
    assert "nested too deeply" in message
    ((_, message),) = mistakes(tmp_path, GOOD.replace("severity = 2", f"severity = {'9' * 9000}", 1))
    assert "not TOML" in message


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "mine.sql").write_bytes(b"\xff\xfe")
    assert "not UTF-8" in load_path(tmp_path / "mine.sql").mistakes[0].message


def test_an_own_detection_replaces_a_shipped_one_and_a_broken_one_is_told(
    workspace: Path, secwatch: Callable[..., Run]
) -> None:
    (workspace / "detections" / "mine.sql").write_text(GOOD, encoding="utf-8")
    (workspace / "detections" / "port_scan.sql").write_text(GOOD.replace('"mine"', '"port_scan"'), encoding="utf-8")
    (workspace / "detections" / "broken.sql").write_text("SELECT 1", encoding="utf-8")
    listed = secwatch("-w", workspace, "detect", "list", "--json")
    assert listed.code == 0
    assert {item["id"]: item["shipped"] for item in listed.json["items"]} == {
        "beacon": True,
        "dns_tunnel": True,
        "mine": False,
        "port_scan": False,
        "ssh_guessing": True,
    }
    assert "broken.sql:1: it must begin with a header" in listed.stderr
    checked = secwatch("-w", workspace, "detect", "lint")
    assert checked.code == 1
    assert "broken.sql:1" in checked.stdout
    tested = secwatch("-w", workspace, "detect", "test", "mine", "--json")
    assert tested.code == 1
    assert len(tested.json["problems"]) == 2
    shown = secwatch("-w", workspace, "detect", "show", "mine", "--lang", "en")
    assert "a guess" in shown.stdout
