"""Matches that are held back: by rule, tag, path and hash, until a day, and never without being counted."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from secwatch.core.errors import UsageProblem
from secwatch.core.model import Severity
from secwatch.scan.rule import Rule, slow_rules
from secwatch.scan.rulebook import Rulebook
from secwatch.scan.suppressions import Suppressions, refuse_mistaken
from secwatch.store import suppressions as store
from secwatch.store.suppressions import Suppression
from tests.conftest import Run
from tests.findings import city_database
from tests.scan.conftest import MARKER, RULE

Secwatch = Callable[..., Run]
Make = Callable[..., Rulebook]
NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)
SHA256 = hashlib.sha256(MARKER).hexdigest()


def _rule(name: str = "marker", tags: tuple[str, ...] = ("hunting",), **meta: str | int | bool) -> Rule:
    return Rule(name, "own/a.yar", "/rules/a.yar", tags, meta, Severity.HIGH)


def _suppression(**given: Any) -> Suppression:
    return Suppression("tested", "ann", NOW, NOW + timedelta(days=given.pop("days", 30)), **given)


@pytest.mark.parametrize(
    ("selectors", "silenced"),
    [
        ({"rule": "marker"}, True),
        ({"rule": "own/a.yar:marker"}, True),
        ({"rule": "own/b.yar:marker"}, False),
        ({"rule": "mark"}, False),
        ({"tag": "hunting"}, True),
        ({"tag": "hunt"}, False),
        ({"path": "/srv/lab"}, True),
        ({"path": "/srv/lab/"}, True),
        ({"path": "/srv/la"}, False),
        ({"path": "*.php"}, True),
        ({"path": "lab"}, True),
        ({"path": "**/deep/*.php"}, True),
        ({"path": "/srv/*.php"}, False),
        ({"sha256": SHA256}, True),
        ({"sha256": "0" * 64}, False),
        ({"rule": "marker", "path": "/srv/lab", "sha256": SHA256, "tag": "hunting"}, True),
        ({"rule": "marker", "path": "/srv/other"}, False),
        ({"rule": "other", "path": "/srv/lab"}, False),
    ],
)
def test_all_that_is_given_must_hold(selectors: dict[str, str], silenced: bool) -> None:
    judged = Suppressions([_suppression(**selectors)]).judge(_rule(), "/srv/lab/deep/a.php", SHA256)
    assert judged.silenced is silenced
    assert (judged.reason.en == "tested") is silenced


def test_silencing_goes_before_lowering_and_the_lowest_holds_and_none_raises() -> None:
    to_low, to_medium, to_high = (_suppression(lowered_to=level, rule="marker") for level in (1, 2, 3))
    assert Suppressions([to_medium, to_low]).judge(_rule(), "/a", None).rule.severity is Severity.LOW
    assert Suppressions([to_low, _suppression(tag="hunting")]).judge(_rule(), "/a", None).silenced
    unchanged = Suppressions([to_high]).judge(_rule(), "/a", None)
    assert (unchanged.rule.severity, unchanged.reason.en) == (Severity.HIGH, "")


def test_a_rule_may_silence_itself_by_tag_or_meta_and_be_switched_off() -> None:
    nothing = Suppressions()
    assert nothing.judge(_rule(tags=("silenced",)), "/a", None).silenced
    assert nothing.judge(_rule(silenced=True), "/a", None).silenced
    assert nothing.judge(_rule(silenced="TRUE"), "/a", None).silenced
    assert not nothing.judge(_rule(silenced="no"), "/a", None).silenced
    assert Suppressions((), [("", "marker")]).judge(_rule(), "/a", None).silenced
    assert Suppressions((), [("own/a.yar", "marker")]).judge(_rule(), "/a", None).silenced
    assert not Suppressions((), [("own/b.yar", "marker")]).judge(_rule(), "/a", None).silenced


def test_a_tag_or_meta_lowers_a_rule_and_flags_are_known(book: Make) -> None:
    text = (
        'rule tagged : lowered { meta: severity = "high" condition: true }\n'
        'rule stated { meta: severity = "low" lowered = true condition: true }\n'
        "private rule hidden { condition: true }\n"
        "global rule everywhere { condition: true }\n"
        "rule slow {\n strings:\n  $a = { 01 ?? }\n condition: $a }\n"
    )
    rules = {rule.name: rule for rule in book(flags=text).contents.rules}
    assert (rules["tagged"].severity, rules["stated"].severity) == (Severity.MEDIUM, Severity.LOW)
    assert {name: rule.flags for name, rule in rules.items() if rule.flags} == {
        "hidden": ("private",),
        "everywhere": ("global",),
        "slow": ("slow",),
    }


def test_a_warning_is_that_of_the_last_rule_that_begins_before_its_line() -> None:
    text = "rule a {\n}\nrule\n b {\n $x\n}"
    assert slow_rules(text, ['line 5: string "$x" may slow down scanning']) == {"b"}
    assert slow_rules(text, ['line 5: string "$x" is fine', "odd"]) == frozenset()
    assert slow_rules("", ['line 5: string "$x" may slow down scanning']) == frozenset()


@pytest.mark.parametrize(
    ("selectors", "days", "word"),
    [
        ({}, 1, "which matches"),
        ({"path": "/"}, 1, "every file"),
        ({"path": "*"}, 1, "every file"),
        ({"path": "**"}, 1, "every file"),
        ({"path": "**/*"}, 1, "every file"),
        ({"path": "./a"}, 1, "relative"),
        ({"sha256": "abc"}, 1, "SHA-256"),
        ({"rule": "marker"}, 401, "at most"),
    ],
)
def test_what_cannot_be_meant_is_refused(selectors: dict[str, str], days: float, word: str) -> None:
    with pytest.raises(UsageProblem, match=word):
        refuse_mistaken(_suppression(**selectors), days)


def test_a_suppression_ends_by_itself_or_by_hand_and_its_number_stays(tmp_path: Path) -> None:
    database = city_database(tmp_path)
    first = store.add(database, _suppression(days=1, rule="a"))
    second = store.add(database, _suppression(days=2, path="/srv", lowered_to=2))
    assert [item.id for item in store.in_force(database, NOW)] == [first, second]
    (left,) = store.in_force(database, NOW + timedelta(days=1))
    assert (left.id, left.path, left.lowered_to, left.created_at) == (second, "/srv", 2, NOW)
    assert store.end(database, second, NOW) is not None
    assert store.end(database, second, NOW) is None
    assert store.end(database, 99, NOW) is None
    assert len(store.every(database)) == 2


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A rule, and two files that it matches."""
    (tmp_path / "marker.yar").write_text(RULE)
    for name in ("lab", "web"):
        (tmp_path / "files" / name).mkdir(parents=True)
        (tmp_path / "files" / name / "page.php").write_bytes(MARKER)
    return tmp_path


def test_a_scan_counts_and_names_what_is_silenced(secwatch: Secwatch, workspace: Path, tree: Path) -> None:
    def scan(*more: str) -> Run:
        return secwatch("-w", workspace, "scan", "files", tree / "files", "--rules", tree / "marker.yar", *more)

    lab = tree / "files" / "lab"
    made = secwatch("-w", workspace, "rules", "suppress", "marker", "--path", lab, "--reason", "the lab's", "--json")
    assert (made.code, made.json["id"]) == (0, 1)
    assert "no rule in use is called 'marker'" in made.stderr
    run = scan("--json")
    assert run.code == 4
    assert (run.json["matched"], run.json["suppressed"]) == (1, 1)
    (held,) = run.json["suppressed_matches"]
    assert (held["path"], held["reason"], held["suppression"]) == (str(lab / "page.php"), "the lab's", 1)
    assert len(secwatch("-w", workspace, "alerts", "list", "--json").json["items"]) == 1

    secwatch("-w", workspace, "rules", "suppress", "marker", "--lower", "1", "--reason", "known")
    run = scan("--json")
    assert (run.code, run.json["matches"][0]["severity"]) == (0, 1)
    text = scan("--lang", "en")
    assert "suppressed 1" in " ".join(text.stdout.split())
    assert "the lab's" in text.stdout

    assert secwatch("-w", workspace, "rules", "unsuppress", "1").code == 0
    assert secwatch("-w", workspace, "rules", "unsuppress", "1").code == 2
    assert scan("--json").json["suppressed"] == 0
    listed = secwatch("-w", workspace, "rules", "suppressions", "--all", "--json").json["items"]
    assert [item["in_force"] for item in listed] == [False, True]


def test_a_lowered_alert_says_what_the_rule_stated_and_why(secwatch: Secwatch, workspace: Path, tree: Path) -> None:
    secwatch("-w", workspace, "rules", "suppress", "marker", "--lower", "2", "--reason", "known tool")
    run = secwatch("-w", workspace, "scan", "files", tree / "files", "--rules", tree / "marker.yar", "--json")
    alert = secwatch("-w", workspace, "alerts", "show", run.json["matches"][0]["alert"], "--json").json
    assert alert["severity"] == 2
    assert alert["evidence"]["severity_stated"] == 3
    assert alert["evidence"]["suppression_reason"] == "known tool"


@pytest.mark.parametrize(
    "arguments",
    [("marker",), ("--reason", "none"), ("marker", "--reason", " "), ("marker", "--reason", "x", "--for", "2y")],
)
def test_a_suppression_without_reason_target_or_end_is_a_mistake(
    arguments: tuple[str, ...], secwatch: Secwatch, workspace: Path
) -> None:
    assert secwatch("-w", workspace, "rules", "suppress", *arguments).code == 2
