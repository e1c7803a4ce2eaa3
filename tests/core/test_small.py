"""Durations, moments, escaping, line breaking and the combination of exit codes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from itertools import permutations
from unicodedata import category, east_asian_width
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from wcwidth import wcswidth

from secwatch.core import durations, moments
from secwatch.core.errors import ExitCode, combine
from secwatch.core.escape import certain, unambiguous, visible
from secwatch.core.wrapping import cells, wrap

instants = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@pytest.mark.parametrize(
    ("text", "value"), [("90s", 90), ("15m", 900), ("24h", 86400), ("7d", 604800), ("4w", 2419200)]
)
def test_durations_are_read(text: str, value: int) -> None:
    """Each unit counts its seconds."""
    assert durations.seconds(text) == value


@pytest.mark.parametrize("text", ["", "1", "0s", "1 m", "-1h", "1y", "1m\n", "1h30m", "１h", "9999999s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(ValueError):
        durations.seconds(text)


@pytest.mark.parametrize(
    ("value", "words"),
    [(0.82, "0.8 s"), (45, "45 s"), (720, "12 min"), (12600, "3.5 h"), (50000, "14 h"), (181440, "2.1 d")],
)
def test_durations_in_words(value: float, words: str) -> None:
    """Short, with the unit that reads best."""
    assert durations.in_words(value) == words


@given(instants, instants)
def test_moments_sort_as_text_and_come_back(one: datetime, other: datetime) -> None:
    """The database compares texts."""
    assert (moments.to_text(one) < moments.to_text(other)) == (one < other)
    assert moments.from_text(moments.to_text(one)) == one
    assert moments.from_microseconds(moments.to_microseconds(one)) == one


def test_a_naive_moment_is_refused_and_a_zone_is_turned_to_utc() -> None:
    """A time without a zone means nothing."""
    with pytest.raises(ValueError):
        moments.to_text(datetime(2026, 1, 1))  # noqa: DTZ001
    east = datetime(2026, 1, 1, 8, tzinfo=timezone(timedelta(hours=8)))
    assert moments.to_text(east) == "2026-01-01T00:00:00.000000Z"
    assert moments.from_text("2026-01-01T08:00:00+08:00") == east
    assert moments.in_zone(east, ZoneInfo("Asia/Shanghai")) == "2026-01-01 08:00"


@given(st.dates(date(1971, 1, 1), date(2199, 1, 1)))
def test_weeks_run_from_monday_to_sunday(day: date) -> None:
    """ISO 8601."""
    monday, sunday = moments.week_of(day)
    assert monday <= day <= sunday
    assert (monday.isoweekday(), sunday.isoweekday()) == (1, 7)
    assert monday.isocalendar()[:2] == day.isocalendar()[:2]


@given(st.text(alphabet=st.characters(), max_size=200))
def test_escaped_text_hides_nothing(text: str) -> None:
    """No control, format, surrogate or unassigned character is left."""
    shown = visible(text)
    assert not {category(letter) for letter in shown} & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def test_escaping_examples() -> None:
    """Escape sequences, bidirectional overrides and bytes that were no text become readable."""
    assert visible("\x1b[31mred") == "\\x1b[31mred"
    assert visible("abc\u202egpj.exe") == "abc\\u202egpj.exe"
    assert visible("\udcff") == "\\xff"
    assert visible("名字🙂") == "名字🙂"
    assert visible("x" * 501) == "x" * 500 + "…"


@given(st.text(max_size=100))
def test_no_ambiguous_width_is_left(text: str) -> None:
    """What a Chinese terminal may draw wide is written in ASCII."""
    assert "A" not in {east_asian_width(letter) for letter in unambiguous(text)}


@given(st.text(alphabet=st.characters(), max_size=40))
def test_widths_that_are_shown_are_certain(text: str) -> None:
    """The library that lays tables out and the one that knows terminals count the same."""
    shown = certain(visible(text))
    assert wcswidth(shown) == cell_len(shown)
    assert certain("नमस्ते 🇨🇳 👍🏽") == "नमस\\u094dत\u0947 \\u1f1e8\\u1f1f3 👍\\u1f3fd"


@given(st.text(alphabet="中文，。（）“”ab1 -./", max_size=120), st.integers(2, 40))
def test_wrapping_keeps_every_letter_within_the_width(text: str, width: int) -> None:
    """Only blanks are lost, and no line is too wide."""
    lines = wrap(text, width)
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert all(cells(line) <= width for line in lines)


def test_wrapping_breaks_as_chinese_does() -> None:
    """Closing marks do not begin a line, opening ones do not end it, Latin words stay whole."""
    assert wrap("网络安全（第二十号）公告", 10) == ["网络安全", "（第二十", "号）公告"]
    assert wrap("已处置，无需上报。", 6) == ["已处", "置，无", "需上", "报。"]
    assert wrap("依据 GB/T 20986 标准", 12) == ["依据 GB/T", "20986 标准"]


@pytest.mark.parametrize(
    ("codes", "result"),
    [
        ((), 0),
        ((0, 0), 0),
        ((0, 3), 3),
        ((3, 4), 4),
        ((3, 4, 1), 1),
        ((0, 12), 12),
        ((0, 3, 12), 12),
        ((12, 1), 1),
        ((10, 12), 1),
        ((15, 15, 4), 15),
    ],
)
def test_exit_codes_combine_in_any_order(codes: tuple[int, ...], result: int) -> None:
    """1 before 4 before 3; a specific code stands if it is the only failure."""
    for order in permutations(codes):
        assert combine(*(ExitCode(code) for code in order)) == result
