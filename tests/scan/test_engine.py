"""The two engines behave alike where their libraries by themselves do not."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secwatch.core.errors import UsageProblem
from secwatch.scan.engine import BOREAL, ENGINES, YARA, RuleMistake, ScanTimeout, engine_named, identifiers_in

ENDLESS = "rule endless { condition: for all i in (1..1000000000) : (for all j in (1..1000000000) : (i + j > 0)) }"


def test_counts_beyond_a_thousand_matches(engine_name: str) -> None:
    """boreal counts to 1,000 unless it is told otherwise, and then this rule would not hold."""
    compiled = ENGINES[engine_name].compile({"a": 'rule many { strings: $a = "AB" condition: #a > 5000 }'})
    assert compiled.match(b"AB" * 6000, {}, 10).hits


def test_too_many_matches_are_said(engine_name: str, recwarn: pytest.WarningsRecorder) -> None:
    compiled = ENGINES[engine_name].compile({"a": 'rule crowd { strings: $a = "AB" condition: #a > 3000000 }'})
    matched = compiled.match(b"AB" * 1_000_100, {}, 30)
    assert not matched.hits
    assert not matched.complete
    assert not recwarn.list


def test_console_prints_nothing(engine_name: str, capfd: pytest.CaptureFixture[str]) -> None:
    source = 'import "console" rule loud { condition: console.log("hello") }'
    assert ENGINES[engine_name].compile({"a": source}).match(b"x", {}, 10).hits
    assert capfd.readouterr() == ("", "")


def test_time_is_bounded(engine_name: str) -> None:
    compiled = ENGINES[engine_name].compile({"a": ENDLESS})
    started = time.monotonic()
    with pytest.raises(ScanTimeout):
        compiled.match(b"x", {}, 1)
    assert time.monotonic() - started < 10


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("rule a\n{\n condition: nosuch\n}", 3),
        ('include "/etc/passwd"\nrule a { condition: true }', 1),
        ("rule a { condition: true }\nrule a { condition: true }", 2),
        ('import "cuckoo"\nrule a { condition: true }', 1),
    ],
)
def test_mistakes_carry_their_line(engine_name: str, source: str, line: int) -> None:
    with pytest.raises(RuleMistake) as caught:
        ENGINES[engine_name].compile({"a": source})
    assert caught.value.line == line
    assert caught.value.message
    assert "\n" not in caught.value.message


def test_snippets_are_named_alike_and_bounded(engine_name: str) -> None:
    source = "rule long { strings: $all = /x{10,4000}/ condition: $all }"
    (hit,) = ENGINES[engine_name].compile({"space/a.yar": source}).match(b"..." + b"x" * 900, {}, 10).hits
    assert hit.namespace == "space/a.yar"
    assert hit.snippets[0].identifier == "$all"
    assert hit.snippets[0].offset == 3
    assert len(hit.snippets[0].content) == 64


def test_externals_can_be_asked_for(engine_name: str) -> None:
    compiled = ENGINES[engine_name].compile({"a": 'rule by_name { condition: filename == "页面.php" }'})
    assert compiled.match(b"", {"filename": "页面.php"}, 10).hits
    assert not compiled.match(b"", {"filename": "other"}, 10).hits


def test_only_externals_in_conditions_count() -> None:
    source = 'rule a { meta: md5 = "d41d8" owner = "x" strings: $f = "filename" condition: $f and extension == ".php" }'
    assert identifiers_in({"a": source}) == ["extension"]
    assert identifiers_in({"a": 'import "hash" rule a { condition: hash.md5(0, 1) == "x" }'}) == []


def test_unknown_engine_is_a_usage_mistake() -> None:
    with pytest.raises(UsageProblem, match="no engine"):
        engine_named("clam")


def test_only_the_reference_engine_keeps_a_compiled_form() -> None:
    compiled = YARA.compile({"a": "rule a { condition: filesize == 3 }"})
    saved = compiled.save()
    assert saved
    assert YARA.load(saved).match(b"abc", {}, 10).hits
    if BOREAL is not None:
        assert BOREAL.compile({"a": "rule a { condition: true }"}).save() is None


@pytest.mark.parametrize("data", [b"", b"YARA", b"\x00" * 100])
def test_what_is_no_compiled_form_is_refused(data: bytes) -> None:
    with pytest.raises(RuleMistake):
        YARA.load(data)


_WORD = st.sampled_from([b"alpha", b"ALPHA", b"beta", b"\x00b\x00e\x00t\x00a", b"YmV0YQ", b"12345", b" ", b"\xff"])
_RULES = """
rule plain { strings: $a = "alpha" condition: $a }
rule without_case { strings: $a = "alpha" nocase condition: #a >= 2 }
rule wide_word { strings: $b = "beta" wide condition: $b }
rule encoded { strings: $b = "beta" base64 condition: $b }
rule expression { strings: $r = /al(pha|PHA)?\\s?[0-9]{3,5}/ nocase condition: $r }
rule bytes { strings: $h = { 61 6C ?? 68 [0-6] 62 } condition: $h }
rule places { strings: $a = "alpha" condition: for any i in (1..#a) : (@a[i] > 5 and @a[i] < filesize - 6) }
"""


@settings(max_examples=60, deadline=None)
@given(st.lists(_WORD, max_size=12).map(b"".join))
def test_engines_agree_on_any_content(content: bytes) -> None:
    found = [
        {(hit.rule, hit.snippets) for hit in compiled.match(content, {}, 10).hits}
        for compiled in _compiled_everywhere()
    ]
    assert all(each == found[0] for each in found)


_KEPT: list[object] = []


def _compiled_everywhere() -> list:  # type: ignore[type-arg]
    if not _KEPT:
        _KEPT.extend(engine.compile({"a": _RULES}) for engine in ENGINES.values())
    return _KEPT
