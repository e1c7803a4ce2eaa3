"""The rules without a disk: what is due, which promises hold, what is strange, which jobs are meant."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backup import anomalies
from backup.compliance import Verdict, recovery_point, recovery_time, rpo_anomaly
from backup.jobs import choose, from_settings
from backup.model import FilesSource, Job, Outcome, Policy, Repository, Result, SnapshotRecord
from backup.plan import due, plan
from backup.sources import files
from backup.thresholds import thresholds
from secwatch.core.errors import ConfigurationInvalid, ExitCode, UsageProblem
from secwatch.system import settings as configuration

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
JOB = Job(
    name="finance-files",
    organisation="FIN",
    repository=Repository("finance", "/srv/centre/finance", password_file=Path("/etc/p")),
    sources=(FilesSource((Path("/srv/finance"),)),),
    policy=Policy(every_seconds=86_400, rpo_seconds=86_400, rto_seconds=3_600),
)
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(last=MOMENTS, now=MOMENTS)
def test_due_is_counted_from_the_last_success(last: datetime, now: datetime) -> None:
    """Due exactly when the interval has passed; a success from the future does not silence a job."""
    item = due(JOB, last, now)
    if last > now:
        assert item.now
    else:
        assert item.now == (now - last >= timedelta(days=1))
        assert item.at == last + timedelta(days=1)


def test_plan_puts_the_worst_first() -> None:
    """Never backed up first, then the most overdue."""
    jobs = [replace(JOB, name=name) for name in ("fresh", "never", "late", "later")]
    successes = {"fresh": NOW, "late": NOW - timedelta(days=2), "later": NOW - timedelta(days=9)}
    assert [item.job for item in plan(jobs, successes, NOW)] == ["never", "later", "late", "fresh"]


@given(seconds=st.integers(0, 10**7))
def test_recovery_point(seconds: int) -> None:
    """Met up to and including the target; the anomaly comes with the breach and stays one fact."""
    last = NOW - timedelta(seconds=seconds)
    promise = recovery_point(JOB, last, NOW)
    assert (promise.verdict is Verdict.MET) == (seconds <= 86_400)
    anomaly = rpo_anomaly(JOB, promise, last, NOW)
    assert (anomaly is None) == (promise.verdict is Verdict.MET)
    later = rpo_anomaly(JOB, recovery_point(JOB, last, NOW + timedelta(days=9)), last, NOW + timedelta(days=9))
    assert anomaly is None or (later is not None and later.fingerprint == anomaly.fingerprint)


def test_no_data_is_no_promise_kept() -> None:
    """Neither point nor time of recovery counts as met without a measurement."""
    assert recovery_point(JOB, None, NOW).verdict is Verdict.NO_DATA
    assert recovery_point(JOB, NOW + timedelta(minutes=5), NOW).verdict is Verdict.MET
    assert recovery_point(JOB, NOW + timedelta(minutes=6), NOW).verdict is Verdict.NO_DATA
    assert recovery_time(JOB, None).verdict is Verdict.NO_DATA
    assert recovery_time(JOB, 3_600).verdict is Verdict.MET
    assert recovery_time(JOB, 3_600.1).verdict is Verdict.BROKEN


def _snapshot(files_: int | None, size: int | None) -> SnapshotRecord:
    return SnapshotRecord("finance", "a" * 64, JOB.name, NOW, files=files_, bytes=size)


@pytest.mark.parametrize(
    ("now_is", "before", "strange"),
    [
        ((100, 100), [], False),
        ((51, 100), [(100, 100)] * 5, False),
        ((49, 100), [(100, 100)] * 5, True),
        ((49, 100), [(100, 100)] * 4, False),
        ((100, 49), [(100, 100)] * 5, True),
        ((0, 0), [(0, 0)] * 5, False),
        ((60, 60), [*[(100, 100)] * 4, (10_000, 10_000)], False),
        ((40, 100), [(None, None), *[(100, 100)] * 5], True),
    ],
)
def test_size_collapse(now_is: tuple[int, int], before: list[tuple[int | None, int | None]], strange: bool) -> None:
    """Below half of the median, which one outlier does not move."""
    found = anomalies.of_size(JOB, 1, _snapshot(*now_is), [_snapshot(*item) for item in before], thresholds(), NOW)
    assert bool(found) is strange


@pytest.mark.parametrize(
    ("result", "kinds"),
    [
        (Result.OK, []),
        (Result.LOCKED, []),
        (Result.INTERRUPTED, []),
        (Result.PARTIAL, ["source-unreadable"]),
        (Result.AUTH, ["run-failed"]),
        (Result.DAMAGED, ["repository-damaged"]),
        (Result.UNKNOWN, ["run-failed"]),
    ],
)
def test_which_runs_somebody_should_look_at(result: Result, kinds: list[str]) -> None:
    """Failures are facts, in both languages and with what to do; a held lock or a Ctrl-C is none."""
    outcome = Outcome(JOB.name, "FIN", "finance", result, 1.0, message="bad\x1b[31m name")
    found = anomalies.of_run(JOB, 7, outcome, NOW)
    assert [item.kind.value for item in found] == kinds
    for item in found:
        assert item.organisation == "FIN"
        assert item.title.zh
        assert item.response.en
        assert "\x1b" not in item.title.en + item.title.zh


def test_every_result_has_a_word_and_a_code() -> None:
    """In both languages; nothing but OK ends with 0."""
    for result in Result:
        assert result.label.zh
        assert result.label.en
        assert (result.exit_code is ExitCode.DONE) is (result is Result.OK)


def _settings(**job: Any) -> configuration.Backup:
    return configuration.Backup(
        repositories={
            "local": configuration.Repository(location="centre/a", password_file="p"),
            "remote": configuration.Repository(location="sftp:centre:/srv/a", password_command=("cat", "p")),
        },
        jobs={
            name: configuration.Job(
                organisation="FIN", repository=name, sources=(configuration.FilesSource(paths=("../data", "/x/../y")),)
            )
            for name in ("local", "remote")
        },
    )


def test_paths_of_the_configuration_become_absolute() -> None:
    """Relative ones start at the workspace; the location of a remote repository is left alone."""
    jobs = from_settings(_settings(), lambda path: Path("/city") / path)
    assert jobs["local"].repository.location == "/city/centre/a"
    assert jobs["local"].repository.password_file == Path("/city/p")
    assert jobs["local"].paths == (Path("/data"), Path("/y"))
    assert jobs["remote"].repository.location == "sftp:centre:/srv/a"
    assert jobs["remote"].repository.directory is None
    assert jobs["remote"].policy.every_seconds == 86_400


def test_choosing_jobs() -> None:
    """By name, each once, or all; never both, never none."""
    jobs = {"a": JOB, "b": replace(JOB, name="b")}
    assert choose(jobs, ["b", "b"], False) == (jobs["b"],)
    assert len(choose(jobs, [], True)) == 2
    for names, every in (([], False), (["a"], True), (["c"], False)):
        with pytest.raises(UsageProblem):
            choose(jobs, names, every)


def test_sources_of_one_snapshot() -> None:
    """Nested paths are walked once; excludes stay with their source; one_file_system must agree."""
    first = FilesSource((Path("/a"), Path("/a/b")), ("*.tmp", "/a/cache"))
    second = FilesSource((Path("/[c]"),), ("x",), one_file_system=False)
    assert files.roots([first, second]) == (Path("/[c]"), Path("/a"))
    assert files.exclude_patterns([first, second]) == (
        "/a/**/*.tmp",
        "/a/b/**/*.tmp",
        "/a/cache",
        "/\\[c\\]/**/x",
    )
    with pytest.raises(ConfigurationInvalid):
        files.one_file_system([first, second], "job")
