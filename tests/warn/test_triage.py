"""From alerts to warnings: one for each organisation and kind, nothing twice, nothing of another's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlite_utils import Database

from secwatch.core.model import EarlyWarning, Finding, Level, Organisation, Severity, Text, WarningState
from secwatch.store import alerts, warnings
from secwatch.system.paths import shipped
from secwatch.system.settings import Settings, Warn
from secwatch.warn.levels import load_levels
from secwatch.warn.triage import Changes, draft
from tests.findings import CITY, NOW, city_database, finding, record

TABLE = load_levels(shipped("rules") / "levels.toml")
SETTINGS = Settings()
HOUR = timedelta(hours=1)


@pytest.fixture
def database(tmp_path: Path) -> Database:
    """A database that knows three organisations."""
    return city_database(tmp_path)


def run(database: Database, now: datetime = NOW, organisations: Sequence[Organisation] = CITY) -> Changes:
    """Draft with the shipped table and the default settings."""
    return draft(database, SETTINGS, organisations, now, TABLE)


def warning_of(database: Database, organisation: str | None, detection: str = "port-scan") -> EarlyWarning:
    """Return the newest warning of that group."""
    return next(
        item for item in warnings.select(database) if (item.organisation, item.detection) == (organisation, detection)
    )


def test_alerts_of_one_kind_in_one_organisation_make_one_warning(database: Database) -> None:
    """Title, response, times, level, owner and expiry come from the alerts and the table."""
    ids = record(database, finding(), finding(target="192.0.2.11", last_seen=NOW)).opened
    changes = run(database)
    assert (changes.drafted, changes.taken_in) == (("2026-0001",), 2)
    (warning,) = warnings.select(database)
    assert warning.alerts == ids
    assert (warning.organisation, warning.detection) == ("FIN", "port-scan")
    assert (warning.level, warning.state) == (Level.YELLOW, WarningState.DRAFT)
    assert warning.title == Text("端口扫描", "Port scan")
    assert (warning.first_seen, warning.last_seen) == (finding().first_seen, NOW)
    assert warning.expires_at == NOW + timedelta(days=3)
    assert warning.inputs["severity"] == 2 and warning.inputs["affected_assets"] == 2


def test_running_again_changes_nothing(database: Database) -> None:
    """Idempotent to the byte, at the same time and within the spacing of evaluations."""
    record(database, finding(), finding(detection="beacon", organisation=None, target="203.0.113.5"))
    run(database)
    before = list(database.query("SELECT * FROM warnings")), list(database.query("SELECT * FROM warning_alerts"))
    assert run(database) == Changes(orphans=1)
    assert run(database, NOW + HOUR / 2) == Changes(orphans=1)
    after = list(database.query("SELECT * FROM warnings")), list(database.query("SELECT * FROM warning_alerts"))
    assert after == before


def test_new_alerts_join_the_open_warning(database: Database) -> None:
    """Last seen moves, the level is calculated anew, and expiry starts again."""
    record(database, finding())
    run(database)
    later = NOW + HOUR
    record(database, finding(target="192.0.2.12", severity=Severity.HIGH, last_seen=later), now=later)
    changes = run(database, later)
    assert (changes.drafted, changes.updated) == ((), ("2026-0001",))
    (warning,) = warnings.select(database)
    assert (len(warning.alerts), warning.level, warning.last_seen) == (2, Level.ORANGE, later)
    assert warning.expires_at == later + timedelta(days=1)


def test_an_alert_that_goes_on_moves_its_warning(database: Database) -> None:
    """The same alert seen again is news to the warning, but no second alert of it."""
    record(database, finding())
    run(database)
    record(database, finding(last_seen=NOW, count=200, new_count=80))
    assert run(database, NOW + HOUR).updated == ("2026-0001",)
    (warning,) = warnings.select(database)
    assert (len(warning.alerts), warning.last_seen) == (1, NOW)


def test_an_alert_that_got_worse_raises_its_warning(database: Database) -> None:
    """A capture read late makes an alert worse without a later moment: its warning must notice."""
    record(database, finding(severity=Severity.MEDIUM))
    assert run(database).drafted
    [before] = warnings.select(database)
    record(database, finding(severity=Severity.CRITICAL, count=10, new_count=10))
    assert run(database, NOW + HOUR).updated
    [after] = warnings.select(database)
    assert after.level.rank > before.level.rank


def test_after_expiry_a_new_warning_is_drafted(database: Database) -> None:
    """Even for the very same alert, if it was seen again since; the old one stays as it was."""
    record(database, finding(suppress_seconds=10**7))
    run(database)
    later = NOW + timedelta(days=4)
    assert run(database, later) == Changes()
    record(database, finding(suppress_seconds=10**7, first_seen=later, last_seen=later), now=later)
    assert run(database, later).drafted == ("2026-0002",)
    assert [item.is_open(later) for item in warnings.select(database)] == [True, False]
    assert run(database, later) == Changes()


def test_a_lifted_warning_stays_lifted(database: Database) -> None:
    """What it took in is done with; a new sighting opens the next one."""
    record(database, finding())
    run(database)
    (warning,) = warnings.select(database)
    warnings.update(database, replace(warning, state=WarningState.LIFTED))
    assert run(database, NOW + HOUR) == Changes()
    record(database, finding(last_seen=NOW + HOUR, new_count=1))
    assert run(database, NOW + HOUR).drafted == ("2026-0002",)


def test_red_becomes_a_recommendation_to_report_upward(database: Database) -> None:
    """The computed level is kept; what the city acts on is orange."""
    record(database, finding(severity=Severity.CRITICAL))
    run(database)
    (warning,) = warnings.select(database)
    assert (warning.computed_level, warning.level) == (Level.RED, Level.ORANGE)
    assert warning.state is WarningState.REPORT_UPWARD
    assert warning.expires_at == NOW + timedelta(days=1)
    assert "建议上报" in warning.reasons[-1].zh


def test_alerts_without_an_owner_are_shown_and_counted(database: Database) -> None:
    """They make a warning that nobody owns, and say so first among its reasons."""
    record(database, finding(target="203.0.113.9", organisation=None, severity=Severity.HIGH))
    changes = run(database)
    assert changes.orphans == 1
    warning = warning_of(database, None)
    assert (warning.organisation, warning.level) == (None, Level.BLUE)
    assert "未归属" in warning.reasons[0].zh


def test_an_orphan_finds_its_owner_once_that_is_registered(database: Database) -> None:
    """The registry is often filled after the first captures were read."""
    record(database, finding(organisation=None))
    run(database, organisations=())
    assert warning_of(database, None).state is WarningState.DRAFT
    changes = run(database)
    assert (changes.adopted, changes.orphans, changes.drafted, changes.lifted) == (1, 0, ("2026-0002",), ("2026-0001",))
    assert warning_of(database, None).state is WarningState.LIFTED
    assert len(warning_of(database, "FIN").alerts) == 1


def test_an_orphan_between_two_organisations_is_nobodys(database: Database) -> None:
    """Which of them the alert concerns is not guessed: it stays unowned and counted."""
    record(database, finding(organisation=None, source="192.0.2.70", target="192.0.2.10"))
    changes = run(database)
    assert (changes.adopted, changes.orphans) == (0, 1)


def test_below_the_minimum_severity_nothing_is_drafted(database: Database) -> None:
    """settings.warn.minimum_severity is the threshold."""
    record(database, finding(severity=Severity.LOW))
    assert run(database) == Changes()
    low = msgspec.structs.replace(SETTINGS, warn=Warn(minimum_severity=1))
    assert draft(database, low, CITY, NOW, TABLE).drafted == ("2026-0001",)


def test_groups_below_the_level_of_the_table_are_counted_not_drafted(database: Database) -> None:
    """A city that wants no notices says so in levels.toml; nothing vanishes."""
    record(database, finding(target="192.0.2.130", organisation="CIVIL"))
    strict = replace(TABLE, drafted_from=Level.BLUE)
    assert draft(database, SETTINGS, CITY, NOW, strict) == Changes(below=1)
    assert draft(database, SETTINGS, CITY, NOW, TABLE).drafted == ("2026-0001",)


def test_spread_raises_the_others_too_and_leaves_slowly(database: Database) -> None:
    """The third organisation adds a point to all three; when it is over the level falls after two evaluations."""
    record(database, finding(), finding(target="192.0.2.70", organisation="HEALTH"))
    run(database)
    assert warning_of(database, "HEALTH").level is Level.BLUE
    record(database, finding(target="192.0.2.130", organisation="CIVIL"))
    assert len(run(database, NOW + HOUR).updated) == 2
    assert warning_of(database, "HEALTH").level is Level.YELLOW
    assert warning_of(database, "FIN").level is Level.ORANGE
    civil = warning_of(database, "CIVIL")
    warnings.update(database, replace(civil, state=WarningState.LIFTED))
    run(database, NOW + 2 * HOUR)
    held = warning_of(database, "HEALTH")
    assert (held.level, held.clean_evaluations) == (Level.YELLOW, 1)
    assert "暂保持黄色" in held.reasons[-1].zh
    run(database, NOW + 3 * HOUR)
    assert warning_of(database, "HEALTH").level is Level.BLUE


def test_numbers_follow_the_year_of_the_city(database: Database) -> None:
    """At 16:00 UTC on 31 December it is the new year in Asia/Shanghai."""
    eve = datetime.fromisoformat("2026-12-31T15:59:00+00:00")
    record(database, finding())
    assert run(database, eve).drafted == ("2026-0001",)
    record(database, finding(detection="beacon"))
    assert run(database, eve + timedelta(minutes=1)).drafted == ("2027-0001",)


SECRETS = {"FIN": "192.0.2.1{}", "HEALTH": "192.0.2.7{}", "CIVIL": "192.0.2.13{}", None: "203.0.113.{}"}

stated = st.lists(
    st.builds(
        lambda organisation, digit, detection, severity, minutes: finding(
            organisation=organisation,
            target=SECRETS[organisation].format(digit),
            source=f"198.51.100.{digit}",
            detection=detection,
            title=Text(f"{detection} 于 {organisation}", f"{detection} at {organisation}"),
            response=Text(f"{organisation} 处置", f"{organisation} responds"),
            severity=Severity(severity),
            last_seen=NOW + timedelta(minutes=minutes),
            suppress_seconds=60,
        ),
        st.sampled_from(list(SECRETS)),
        st.integers(0, 9),
        st.sampled_from(["port-scan", "beacon"]),
        st.integers(1, 4),
        st.integers(0, 600),
    ),
    max_size=12,
)


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(st.lists(stated, min_size=1, max_size=3))
def test_no_warning_holds_facts_of_another_organisation(
    tmp_path_factory: pytest.TempPathFactory, rounds: list[list[Finding]]
) -> None:
    """Over any sequence of findings: its alerts, its words and its ends are its own organisation's."""
    database = city_database(tmp_path_factory.mktemp("city"))
    for number, findings in enumerate(rounds):
        now = NOW + timedelta(hours=12 + number)
        record(database, *findings, now=now)
        run(database, now)
        assert not warnings.pending_groups(database, SETTINGS.warn.minimum_severity)
        for warning in warnings.select(database):
            own = list(warnings.alerts_of(database, warning))
            assert [alert.organisation for alert in own] == [warning.organisation] * len(own)
            assert warning.title.en.endswith(f" at {warning.organisation}")
            words = " ".join([*(reason.en for reason in warning.reasons), str(dict(warning.inputs))])
            for other in {"FIN", "HEALTH", "CIVIL"} - {warning.organisation}:
                assert other not in words
            assert "192.0.2." not in words


def test_an_alert_that_changes_hands_leaves_its_former_owners_warning(database: Database) -> None:
    """Nothing of it is shown there any more, even before the next draft."""
    ids = record(database, finding(), finding(target="192.0.2.11")).opened
    run(database)
    database.execute("UPDATE alerts SET organisation = 'HEALTH' WHERE id = ?", [ids[0]])
    assert [alert.id for alert in warnings.alerts_of(database, warning_of(database, "FIN"))] == [ids[1]]
    run(database, NOW + HOUR)
    assert warning_of(database, "FIN").alerts == (ids[1],)
    assert warning_of(database, "HEALTH").alerts == (ids[0],)


def test_a_failure_leaves_nothing_half_done(database: Database) -> None:
    """One transaction: a table that fails midway takes everything back."""
    record(database, finding(), finding(target="192.0.2.130", organisation="CIVIL"))
    broken = replace(TABLE, matrix={3: TABLE.matrix[3]})
    with pytest.raises(KeyError):
        draft(database, SETTINGS, CITY, NOW, broken)
    assert not warnings.select(database)
    assert len(alerts.select(database)) == 2
    assert len(run(database).drafted) == 2
