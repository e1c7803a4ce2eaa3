"""`secwatch warn` as people use it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from secwatch.core.model import Severity, Text
from tests.conftest import Run
from tests.findings import city_database, finding, record

Secwatch = Callable[..., Run]


@pytest.fixture
def city(workspace: Path) -> Path:
    """A workspace with a red, a yellow and an unowned group of alerts, one of them hostile."""
    now = datetime.now(UTC)
    times = {"first_seen": now - timedelta(hours=2), "last_seen": now - timedelta(hours=1)}
    database = city_database(workspace / "state")
    record(
        database,
        finding(**times, severity=Severity.CRITICAL, detection="tunnel", title=Text("DNS 隧道", "DNS tunnel")),
        finding(**times, target="192.0.2.70", organisation="HEALTH", severity=Severity.HIGH, count=77),
        finding(
            **times,
            target="203.0.113.9\x1b[31m\u202e",
            organisation=None,
            detection="beacon",
            title=Text("[red]外联[/red]\x07", "[red]beacon[/red]\x07"),
            response=Text("第一步\x1b]0;x\x07", "first\x1b]0;x\x07"),
        ),
        now=now,
    )
    database.close()
    return workspace


def test_draft_then_list_then_show(secwatch: Secwatch, city: Path) -> None:
    """The whole way from alerts to one warning in words."""
    drafted = secwatch("-w", city, "warn", "draft")
    assert drafted.code == 0, drafted.stderr
    assert "新增预警 3 项" in drafted.stdout
    assert "1 条告警未归属" in drafted.stderr
    listed = secwatch("-w", city, "warn", "list")
    lines = [line for line in listed.stdout.splitlines() if "2026" in line or "20" in line]
    assert "[橙色]" in lines[0] and "建议上报" in lines[0] and "市财政局" in lines[0]
    assert any("未归属" in line for line in lines)
    number = secwatch("-w", city, "warn", "list", "--json", "--level", "red").json["items"][0]["number"]
    shown = secwatch("-w", city, "warn", "show", number).stdout
    for part in ("[橙色] DNS 隧道", "198.51.100.7", "192.0.2.10", "120", "在边界封堵扫描源。", "到期", "红色"):
        assert part in shown


def test_english_after_the_verb(secwatch: Secwatch, city: Path) -> None:
    """--lang en works where people type it."""
    secwatch("-w", city, "warn", "draft", "-q")
    shown = secwatch("-w", city, "warn", "list", "--lang", "en").stdout
    assert "[orange]" in shown and "report upward" in shown and "unowned" in shown
    assert not any("\u4e00" <= letter <= "\u9fff" for letter in shown)


def test_json_contract(secwatch: Secwatch, city: Path) -> None:
    """The fields that programs rely on."""
    drafted = secwatch("-w", city, "warn", "draft", "--json").json
    assert (drafted["schema"], len(drafted["drafted"]), drafted["alerts"], drafted["orphans"]) == (1, 3, 3, 1)
    items = secwatch("-w", city, "warn", "list", "--json").json["items"]
    assert all({"id", "number", "level", "state", "organisation", "title", "alerts"} <= set(item) for item in items)
    assert [item["level"] for item in items] == ["orange", "yellow", "notice"]
    assert [item["state"] for item in items] == ["report-upward", "draft", "draft"]
    assert [item["organisation"] for item in items] == ["FIN", "HEALTH", None]
    again = secwatch("-w", city, "warn", "draft", "--json").json
    assert (again["drafted"], again["updated"], again["alerts"]) == ([], [], 0)
    one = secwatch("-w", city, "warn", "show", str(items[1]["id"]), "--json").json
    assert [entry["count"] for entry in one["evidence"]] == [77]
    why = secwatch("-w", city, "warn", "explain", items[0]["number"], "--json").json
    assert why["inputs"]["damage"] == 4 and why["computed_level"] == "red"


def test_filters_and_exit_codes(secwatch: Secwatch, city: Path) -> None:
    """--fail-on looks at what is listed, by the calculated level."""
    secwatch("-w", city, "warn", "draft", "-q")

    def listed(*options: str) -> Run:
        return secwatch("-w", city, "warn", "list", "--json", *options)

    assert len(listed("--level", "yellow").json["items"]) == 2
    assert len(listed("--state", "draft").json["items"]) == 2
    assert len(listed("--organisation", "HEALTH").json["items"]) == 1
    assert len(listed("--unowned").json["items"]) == 1
    assert listed("--fail-on", "red").code == 4
    assert listed("--fail-on", "orange", "--organisation", "HEALTH").code == 0
    missing = secwatch("-w", city, "warn", "show", "2026-9999")
    assert missing.code == 2 and "there is no warning '2026-9999'" in missing.stderr


def test_a_dry_run_changes_nothing(secwatch: Secwatch, city: Path) -> None:
    """It shows what would be drafted and takes it back."""
    dry = secwatch("-w", city, "warn", "draft", "--dry-run", "--json").json
    assert len(dry["drafted"]) == 3
    assert secwatch("-w", city, "warn", "list", "--json").json["items"] == []


def test_silent_when_there_is_nothing_to_do(secwatch: Secwatch, city: Path) -> None:
    """For cron: the second run says nothing on standard output, and with -q nothing at all."""
    secwatch("-w", city, "warn", "draft")
    assert secwatch("-w", city, "warn", "draft").stdout == ""
    quiet = secwatch("-w", city, "warn", "draft", "-q")
    assert (quiet.stdout, quiet.stderr) == ("", "")


def test_hostile_words_are_harmless(secwatch: Secwatch, city: Path) -> None:
    """Escape sequences, bells, overrides and markup are shown, not obeyed."""
    secwatch("-w", city, "warn", "draft", "-q")
    number = secwatch("-w", city, "warn", "list", "--unowned", "--json").json["items"][0]["number"]
    for run in (secwatch("-w", city, "warn", "show", number), secwatch("-w", city, "warn", "list")):
        assert not set(run.stdout) & {"\x1b", "\x07", "\u202e"}
        assert "[red]" in run.stdout
    assert "\\x1b]0;x\\x07" in secwatch("-w", city, "warn", "show", number).stdout


def test_an_own_level_table_is_used(secwatch: Secwatch, city: Path) -> None:
    """levels.toml beside the configuration replaces the shipped one, and its mistakes are told."""
    from secwatch.system.paths import shipped

    text = (shipped("rules") / "levels.toml").read_text(encoding="utf-8")
    (city / "levels.toml").write_text(text.replace('drafted_from = "notice"', 'drafted_from = "orange"'))
    assert secwatch("-w", city, "warn", "draft", "--json").json["below"] == 2
    (city / "levels.toml").write_text("schema = 1\n")
    assert secwatch("-w", city, "warn", "draft").code == 13


def test_explain_names_every_input(secwatch: Secwatch, city: Path) -> None:
    """Also those of which nothing is known."""
    secwatch("-w", city, "warn", "draft", "-q")
    shown = secwatch("-w", city, "warn", "explain", "3", "--lang", "en").stdout
    for part in ("severity", "exploited", "spread", "data", "mitigation", "damage", "importance", "matrix", "Sources"):
        assert part in shown
