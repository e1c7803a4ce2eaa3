"""Weeks, counts, gaps, the rating and the outlook: missing data is said, never taken for zero."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlite_utils import Database

from secwatch.bulletin.document import Bulletin, Section
from secwatch.bulletin.gather import days_observed
from secwatch.bulletin.material import Backups
from secwatch.bulletin.rating import METRICS, Formula, load_formula, metrics_of, rate
from secwatch.bulletin.sections.situation import change, key_figures
from secwatch.bulletin.week import named_week, week_holding
from secwatch.core.errors import ConfigurationInvalid, UsageProblem
from secwatch.core.model import Origin
from secwatch.system.paths import shipped
from tests.bulletin.conftest import BACKUPS, MONDAY_AFTER, ZONE, full_city, job, material_of, observe, scanned
from tests.findings import NOW, finding, record

Composed = Callable[..., Bulletin]


def section(bulletin: Bulletin, key: str) -> Section:
    """Return the section of that key."""
    return next(item for item in bulletin.sections if item.key == key)


def test_a_week_is_the_citys() -> None:
    """In Shanghai it begins at 16:00 UTC on Sunday."""
    week = named_week("2026-W47", NOW, ZONE)
    assert (week.monday, week.sunday) == (date(2026, 11, 16), date(2026, 11, 22))
    assert week.start == datetime(2026, 11, 15, 16, tzinfo=UTC)
    assert named_week("this", NOW, ZONE) == week
    assert named_week("last", MONDAY_AFTER, ZONE) == week
    assert named_week("2026w47", NOW, ZONE).name == "2026-W47"
    assert week.before(47, ZONE).name == "2025-W52"


@pytest.mark.parametrize(
    "name", ["", "2026-W54", "2025-W53", "2026-W0", "W47", "2026-47", "next", "9999-W60", "２０２６-W01"]
)
def test_what_is_no_week_is_refused(name: str) -> None:
    """With a hint how to name one."""
    with pytest.raises(UsageProblem) as caught:
        named_week(name, NOW, ZONE)
    assert "2026-W47" in (caught.value.hint or "")


@given(st.dates(date(1971, 1, 1), date(2100, 1, 1)), st.sampled_from(["Asia/Shanghai", "Europe/Berlin", "UTC"]))
def test_weeks_follow_each_other_without_gap(day: date, name: str) -> None:
    """Also where clocks change: the days of a week fill it exactly."""
    zone = ZoneInfo(name)
    week = week_holding(day, zone)
    assert week.before(1, zone).end == week.start
    days = week.days(zone)
    assert (days[0][0], days[-1][1]) == (week.start, week.end)
    assert all(one[1] == other[0] for one, other in pairwise(days))


def test_days_observed_counts_days_not_captures() -> None:
    """Two captures of one day are one day; one over midnight is two."""
    week = named_week("2026-W47", NOW, ZONE)
    hour = timedelta(hours=1)
    assert days_observed(week, ZONE, []) == 0
    assert days_observed(week, ZONE, [(week.start, week.start), (week.start + hour, week.start + 2 * hour)]) == 1
    assert days_observed(week, ZONE, [(week.start + 23 * hour, week.start + 25 * hour)]) == 2
    assert days_observed(week, ZONE, [(week.start - hour, week.end)]) == 7
    assert days_observed(week, ZONE, [(week.end, week.end + hour), (week.start - 2 * hour, week.start - hour)]) == 0


def test_an_alert_counts_in_the_week_it_began(database: Database) -> None:
    """On both sides of the city's midnight between Sunday and Monday."""
    week = named_week("2026-W47", NOW, ZONE)
    moment = timedelta(microseconds=1)
    for seen in (week.start - moment, week.start, week.end - moment, week.end):
        record(database, finding(first_seen=seen, last_seen=seen, key={"at": str(seen)}))
    material = material_of(database)
    assert material.current.network_alerts == 2
    assert material.history[0].network_alerts == 1


def test_no_data_is_not_zero(database: Database, composed: Composed) -> None:
    """An empty database gives 缺报 everywhere, says so, and no good rating."""
    bulletin = composed(backups=Backups())
    assert all(figure.current is None for figure in bulletin.figures)
    table = section(bulletin, "situation").tables[0]
    assert {row[1].text.zh for row in table.rows} == {"缺报"}
    assert {row[3].text.zh for row in table.rows} == {"不可比"}
    assert "不能判断" in section(bulletin, "attacks").paragraphs[0].zh
    assert bulletin.rating.key == "fair" and bulletin.rating.metric == "network_blind"


def test_weeks_are_compared_only_if_both_are_complete(database: Database) -> None:
    """升, 降 and 平 in words; one missing day makes them incomparable."""
    week = named_week("2026-W47", NOW, ZONE)
    before = week.before(1, ZONE)
    observe(database, week.start, week.end)
    observe(database, before.start, before.end - timedelta(days=1, microseconds=1))
    record(database, finding())
    figures = {figure.key: figure for figure in key_figures(material_of(database))}
    assert (figures["network_alerts"].current, figures["network_alerts"].previous) == (1, 0)
    assert change(figures["network_alerts"]).zh == "不可比"
    assert (change(figures["good_runs"]).zh, change(figures["bad_runs"]).zh) == ("降 2", "升 2")
    observe(database, before.end - timedelta(days=1), before.end - timedelta(seconds=1))
    figures = {figure.key: figure for figure in key_figures(material_of(database))}
    assert change(figures["network_alerts"]).zh == "升 1"
    running = {figure.key: figure for figure in key_figures(material_of(database, now=NOW))}
    assert change(running["network_alerts"]).en == "not comparable"


def test_scans_without_findings_are_zero_not_missing(database: Database, composed: Composed) -> None:
    """A scan that found nothing is data."""
    scanned(database, NOW)
    figures = {figure.key: figure for figure in composed().figures}
    assert (figures["scan_alerts"].current, figures["scan_alerts"].previous) == (0, None)
    record(database, finding(origin=Origin.SCAN, source=None, target="/srv/x"))
    assert {figure.key: figure for figure in composed().figures}["scan_alerts"].current == 1


def test_too_few_weeks_give_a_range_and_no_forecast(database: Database, composed: Composed) -> None:
    """Nine complete weeks before this one: the samples are counted and the range is of eight."""
    full_city(database)
    outlook = section(composed(), "outlook")
    assert "样本不足：有完整监测数据的周共 9 个" in outlook.paragraphs[0].zh
    assert "8 个完整周，每周 3 至 5 条" in outlook.paragraphs[1].zh
    assert "Too few samples" in outlook.paragraphs[0].en


def test_with_half_a_year_the_samples_suffice(database: Database, composed: Composed) -> None:
    """26 complete weeks are enough samples; still nothing is invented."""
    week = named_week("2026-W47", NOW, ZONE)
    observe(database, week.before(26, ZONE).start, week.end)
    assert "26" in section(composed(), "outlook").paragraphs[0].zh
    assert "样本不足" not in section(composed(), "outlook").paragraphs[0].zh
    assert "不含预测区间" in section(composed(), "outlook").paragraphs[0].zh


def test_every_rating_can_be_reached(formula: Formula) -> None:
    """Each rule alone drives the rating that it names, and says its number."""
    calm: dict[str, int | None] = dict.fromkeys(METRICS, 0)
    assert rate(calm, formula).key == "excellent"
    for rule in formula.rule:
        rating = rate({**calm, rule.metric: rule.at_least}, formula)
        assert (rating.key, rating.metric) == (rule.rating, rule.metric)
        assert "$" not in rating.reason.zh + rating.reason.en
    assert {rule.rating for rule in formula.rule} | {formula.otherwise.rating} == set(formula.scale)


def test_what_is_not_known_drives_nothing(formula: Formula) -> None:
    """None is neither good nor bad; that it is missing is a rule of its own."""
    assert rate(dict.fromkeys(METRICS), formula).metric == ""


def test_the_worst_rule_comes_first(formula: Formula) -> None:
    """A better rating never hides a worse one."""
    order = list(formula.scale)
    positions = [order.index(rule.rating) for rule in formula.rule]
    assert positions == sorted(positions)


def test_metrics_are_those_that_rules_may_name(database: Database) -> None:
    """And a quiet, observed, proven week is excellent."""
    week = named_week("2026-W47", NOW, ZONE)
    observe(database, week.start, week.end)
    scanned(database, NOW)
    material = material_of(database, backups=replace(BACKUPS, jobs=(job(),)))
    assert set(metrics_of(material)) == METRICS
    assert rate(metrics_of(material), load_formula(shipped("rules") / "rating.toml")).key == "excellent"


def test_more_alerts_than_in_any_recent_week(database: Database) -> None:
    """The range alarm needs four complete weeks and says by how much it is exceeded."""
    full_city(database)
    calm = material_of(database)
    assert metrics_of(calm)["network_above_range"] == 1  # 3 scans and 3 other attacks against 5
    few = replace(calm, history=calm.history[:3])
    assert metrics_of(few)["network_above_range"] is None


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('metric = "warnings_red"', 'metric = "weather"', "weather"),
        ('rating = "critical"', 'rating = "awful"', "awful"),
        ('poor = { zh = "差", en = "poor" }', "", "poor"),
        ("schema = 1", "schema = 2", "schema"),
    ],
)
def test_a_slip_in_the_rules_is_told(tmp_path: Path, old: str, new: str, told: str) -> None:
    """By file and value."""
    text = (shipped("rules") / "rating.toml").read_text(encoding="utf-8")
    path = tmp_path / "rating.toml"
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(ConfigurationInvalid) as caught:
        load_formula(path)
    assert str(path) in caught.value.message
    assert told in caught.value.message or told == "schema"
