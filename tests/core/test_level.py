"""The level of a warning: every cell of the matrix, every point, rising at once and falling slowly."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secwatch.core.level import (
    Inputs,
    LevelTable,
    Standing,
    assess,
    issued_level,
    settle,
    standing_reasons,
)
from secwatch.core.model import Level
from secwatch.system.paths import shipped
from secwatch.warn.levels import load_levels
from tests.findings import NOW

TABLE = load_levels(shipped("rules") / "levels.toml")
CALM = Inputs(severity=2, importance=2, spread_organisations=1, spread_threshold=3, affected_assets=1)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("importance", "levels"),
    [
        (3, ["blue", "yellow", "orange", "red"]),
        (2, ["notice", "blue", "yellow", "orange"]),
        (1, ["notice", "notice", "blue", "yellow"]),
    ],
)
def test_the_shipped_matrix_gives_the_published_levels(importance: int, levels: list[str]) -> None:
    """Severity alone is the damage when nothing adds to it."""
    found = [assess(replace(CALM, severity=severity, importance=importance), TABLE).level for severity in (1, 2, 3, 4)]
    assert found == levels


@pytest.mark.parametrize(
    ("change", "damage"),
    [
        ({}, 2),
        ({"exploited_and_exposed": True}, 3),
        ({"exploited_and_exposed": False}, 2),
        ({"spread_organisations": 3}, 3),
        ({"spread_organisations": 2}, 2),
        ({"affected_assets": 10}, 3),
        ({"affected_assets": 10, "spread_organisations": 5}, 3),
        ({"outbreak": 0.995}, 3),
        ({"outbreak": 0.99}, 2),
        ({"important_data": True}, 3),
        ({"mitigated": True}, 1),
        ({"severity": 1, "mitigated": True}, 1),
        ({"severity": 4, "important_data": True, "exploited_and_exposed": True}, 4),
    ],
)
def test_points(change: dict[str, object], damage: int) -> None:
    """Spread counts once however it shows; the sum stays within 1 and 4."""
    assert assess(replace(CALM, **change), TABLE).damage == damage  # type: ignore[arg-type]


inputs = st.builds(
    Inputs,
    severity=st.integers(1, 4),
    importance=st.integers(1, 3),
    spread_organisations=st.integers(0, 400),
    spread_threshold=st.integers(1, 10),
    affected_assets=st.integers(0, 1000),
    exploited_and_exposed=st.none() | st.booleans(),
    outbreak=st.none() | st.floats(0, 1),
    important_data=st.none() | st.booleans(),
    mitigated=st.none() | st.booleans(),
)


@given(inputs)
def test_every_calculation_says_why_in_both_languages(given_inputs: Inputs) -> None:
    """Four points at most, then damage, importance and the matrix: nothing is left unsaid."""
    assessment = assess(given_inputs, TABLE)
    assert len(assessment.reasons) == 8
    assert all(reason.zh and reason.en for reason in assessment.reasons)
    assert assessment.level.label.zh in assessment.reasons[-1].zh
    assert assessment.level.label.en in assessment.reasons[-1].en


@given(inputs)
def test_worse_is_never_lower(given_inputs: Inputs) -> None:
    """More severity, importance or spread never lowers a level."""
    level = assess(given_inputs, TABLE).level.rank
    for name, most in (("severity", 4), ("importance", 3), ("spread_organisations", 999)):
        worse = replace(given_inputs, **{name: max(most, getattr(given_inputs, name))})
        assert assess(worse, TABLE).level.rank >= level


def test_out_of_range_is_refused() -> None:
    """A registry or detection that says nonsense does not become a level."""
    with pytest.raises(ValueError, match="importance"):
        assess(replace(CALM, importance=4), TABLE)
    with pytest.raises(ValueError):
        assess(replace(CALM, severity=5), TABLE)


def test_red_is_capped_and_recommends_to_report() -> None:
    """A city issues orange at most."""
    assert issued_level(Level.RED, TABLE) is Level.ORANGE
    assert issued_level(Level.BLUE, TABLE) is Level.BLUE
    (reason,) = standing_reasons(Level.RED, Standing(Level.RED, 0, NOW), TABLE)
    assert "建议上报" in reason.zh and "report upward" in reason.en


def test_a_level_rises_at_once_and_falls_after_two_clean_evaluations() -> None:
    """The second clean evaluation an hour later lowers it, not the first."""
    standing = settle(None, Level.BLUE, NOW, TABLE)
    standing = settle(standing, Level.ORANGE, NOW, TABLE)
    assert standing == Standing(Level.ORANGE, 0, NOW)
    standing = settle(standing, Level.BLUE, NOW + HOUR, TABLE)
    assert (standing.level, standing.clean) == (Level.ORANGE, 1)
    assert "暂保持橙色" in standing_reasons(Level.BLUE, standing, TABLE)[0].zh
    standing = settle(standing, Level.BLUE, NOW + 2 * HOUR, TABLE)
    assert standing == Standing(Level.BLUE, 0, NOW + 2 * HOUR)


def test_a_bad_evaluation_starts_the_count_again() -> None:
    """Clean evaluations count in a row."""
    standing = Standing(Level.ORANGE, 1, NOW)
    standing = settle(standing, Level.ORANGE, NOW + HOUR, TABLE)
    assert standing.clean == 0
    assert settle(standing, Level.BLUE, NOW + 2 * HOUR, TABLE).level is Level.ORANGE


@given(st.sampled_from(list(Level)), st.sampled_from(list(Level)), st.integers(0, 1), st.integers(0, 7200))
def test_evaluating_twice_at_once_changes_nothing(before: Level, computed: Level, clean: int, seconds: int) -> None:
    """However often it runs within the spacing, one evaluation counts."""
    now = NOW + timedelta(seconds=seconds)
    once = settle(Standing(before, clean, NOW), computed, now, TABLE)
    assert settle(once, computed, now, TABLE) == once


def test_the_table_is_data() -> None:
    """Another matrix gives another level."""
    softer: LevelTable = replace(TABLE, matrix={**TABLE.matrix, 2: dict.fromkeys((1, 2, 3, 4), Level.NOTICE)})
    assert assess(replace(CALM, severity=4), softer).level is Level.NOTICE
