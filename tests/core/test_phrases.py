"""Sentences with gaps: filled in both languages, never by what the facts say themselves."""

from __future__ import annotations

import pytest

from secwatch.core.model import Text
from secwatch.core.phrases import fill, gaps, in_words, is_whole

SENTENCE = Text("{ports} 个端口，其中有 {first}", "{ports} ports, among them {first}")


def test_both_languages_are_filled() -> None:
    said = fill(SENTENCE, {"ports": 2, "first": [22, 80], "more": 1})
    assert said == Text("2 个端口，其中有 22、80", "2 ports, among them 22, 80")


def test_without_one_of_its_facts_there_is_no_sentence() -> None:
    assert fill(SENTENCE, {"ports": 2}) is None
    assert fill(Text("{a}", "plain"), {}) is None


def test_a_fact_is_never_a_gap_of_its_own() -> None:
    """Names come from the wire: `{ports}` in one is what it is."""
    said = fill(SENTENCE, {"ports": "{first}", "first": "{ports} {0.__class__} \\1"})
    assert said is not None
    assert said.en == "{first} ports, among them {ports} {0.__class__} \\1"


@pytest.mark.parametrize(
    ("value", "zh", "en"),
    [
        (841.0, "841", "841"),
        (4.3068534, "4.307", "4.307"),
        (-0.5, "-0.5", "-0.5"),
        (1e300, "1e+300", "1e+300"),
        (float("nan"), "nan", "nan"),
        (8443, "8443", "8443"),
        (None, "无", "none"),
        ([], "无", "none"),
        (True, "是", "yes"),
        (False, "否", "no"),
        (["a", ["b", None]], "a、b、无", "a, b, none"),
        ({"now": 1, "median": 40.0}, "now 1、median 40", "now 1, median 40"),
        ("x" * 400, "x" * 299 + "…", "x" * 299 + "…"),
    ],
)
def test_a_fact_in_words(value: object, zh: str, en: str) -> None:
    assert (in_words(value, "zh"), in_words(value, "en")) == (zh, en)


@pytest.mark.parametrize("sentence", ["{", "}", "{ports", "{Ports}", "{a.b}", "{a:5}", "{0}", "{{ports}}", "{}"])
def test_a_brace_around_anything_else_is_seen(sentence: str) -> None:
    assert not is_whole(sentence)


def test_gaps_are_known() -> None:
    assert is_whole(SENTENCE.zh)
    assert gaps(SENTENCE.zh) == gaps(SENTENCE.en) == {"ports", "first"}
