"""Files of the lake are merged, replaced, dropped and watched over: the rows that should be there always are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from secwatch.core.errors import Refused
from secwatch.core.model import Severity
from secwatch.detect.recorded import files_by_table
from secwatch.lake import query
from secwatch.lake.layout import files_on_disk
from secwatch.lake.rows import batch_of
from secwatch.lake.write import Writer
from secwatch.pipeline.compact import compact
from secwatch.pipeline.prune import prune
from secwatch.pipeline.retention import Fullness, finding, measure, quota_bytes, watch
from secwatch.pipeline.tidy import reading, tidy
from secwatch.sensor import segments
from secwatch.store import alerts
from secwatch.store import lake as store
from secwatch.store.lake_files import held
from secwatch.store.migrations import MIGRATIONS
from secwatch.system.database import Database, open_database
from secwatch.system.paths import Place, workspace_at
from secwatch.system.settings import Detect, Lake, Settings

NOW = datetime(2026, 11, 23, 14, 30, tzinfo=UTC)
YESTERDAY = NOW - timedelta(days=1)
START = int(datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp()) * 1_000_000
MINUTE = 60_000_000


@dataclass(frozen=True)
class City:
    """A workspace without traffic."""

    place: Place
    database: Database

    def take_in(
        self, times: Sequence[int], port: int = 0, *, read_at: datetime = YESTERDAY, lasting: bool = False
    ) -> int:
        """Record flows of these times as one input; return its number."""
        rows = [{"last_seen": time, "first_seen": time, "destination_port": port} for time in times]
        with Writer(self.place.lake) as writer:
            writer.add(batch_of("flows", rows))
            segments = [store.RecordedFile(**asdict(segment)) for segment in writer.finish()]
        read = store.ReadInput(f"i{port}-{times[0]}", "", "x", read_at, times[0], times[-1], {}, lasting=lasting)
        with self.database.atomic():
            return store.add_input(self.database, read, segments)

    def ask(self, sql: str) -> tuple[Any, ...]:
        """Return the first row of an answer."""
        files = files_by_table(store.files(self.database))
        return query.query(self.place.lake, files, sql, limit=10, bounds=Detect(timeout="60s")).rows[0]

    def files(self) -> list[str]:
        """Return the recorded files, after checking that they are those on the disk."""
        recorded = sorted(store.recorded_paths(self.database))
        assert recorded == sorted(files_on_disk(self.place.lake))
        return recorded


@pytest.fixture
def city(tmp_path: Path) -> Iterator[City]:
    """A workspace without traffic."""
    place = workspace_at(tmp_path)
    database = open_database(place.database, (MIGRATIONS,))
    yield City(place, database)
    database.close()


PORTS = "SELECT count(*), count(DISTINCT destination_port), min(destination_port) FROM flows"


def test_small_files_of_a_past_day_become_one(city: City) -> None:
    for minute in range(12):
        city.take_in([START + minute * MINUTE + second for second in range(5)], minute, lasting=True)
    done = compact(city.place, city.database, NOW)
    assert (done.files_before, done.files_after, done.rows, done.problems) == (12, 1, 60, ())
    (path,) = city.files()
    assert path.startswith("flows/day=2026-11-22/")
    assert city.ask(PORTS) == (60, 12, 0)
    (file,) = held(city.database)
    assert [part.rows for part in file.parts] == [60]  # what cannot be read again need not be told apart
    assert compact(city.place, city.database, NOW).groups == 0


def test_what_was_just_read_is_left_alone(city: City) -> None:
    for minute in range(3):
        city.take_in([START + minute], minute, read_at=NOW)
    assert compact(city.place, city.database, NOW).groups == 0
    assert compact(city.place, city.database, NOW + timedelta(hours=1)).files_before == 3


def test_an_input_can_be_replaced_after_it_was_merged(city: City) -> None:
    numbers = [city.take_in([START + second for second in range(4)], port) for port in range(3)]
    assert compact(city.place, city.database, NOW).files_after == 1
    with city.database.atomic():
        store.remove_inputs(city.database, [numbers[0]])
    assert city.ask(PORTS) == (8, 2, 1)
    city.take_in([START + second for second in range(6)], 0)
    assert city.ask(PORTS) == (14, 3, 0)
    done = compact(city.place, city.database, NOW)
    assert (done.files_before, done.files_after, done.rows) == (2, 1, 14)
    assert city.ask(PORTS) == (14, 3, 0)
    with city.database.atomic():
        store.remove_inputs(city.database, [numbers[1], numbers[2]])
    assert city.ask(PORTS) == (6, 1, 0)
    compact(city.place, city.database, NOW)  # alone, but with rows that do not count any more
    (file,) = held(city.database)
    assert (file.written, file.rows) == (1, 6)
    assert city.ask(PORTS) == (6, 1, 0)


def test_files_of_the_old_layout_move_to_their_days(city: City) -> None:
    midnight = int(datetime(2026, 11, 22, tzinfo=UTC).timestamp()) * 1_000_000
    for number, times in enumerate([[midnight + 1, midnight + 2], [midnight - 1, midnight]]):
        city.take_in(times, number)
    for number, file in enumerate(held(city.database)):
        old = f"flows/2026-11-21-{number}.parquet"
        (city.place.lake / file.path).rename(city.place.lake / old)
        city.database.execute("PRAGMA foreign_keys = OFF")
        city.database.execute("UPDATE lake_files SET path = ? WHERE path = ?", [old, file.path])
        city.database.execute("UPDATE lake_parts SET path = ? WHERE path = ?", [old, file.path])
        city.database.execute("PRAGMA foreign_keys = ON")
    assert city.ask(PORTS) == (4, 2, 0)
    compact(city.place, city.database, NOW)
    assert {path.rpartition("/")[0] for path in city.files()} == {"flows/day=2026-11-21", "flows/day=2026-11-22"}
    assert city.ask(PORTS) == (4, 2, 0)


def test_a_damaged_file_stops_only_its_own_group(city: City) -> None:
    for table_day in (0, 1):
        for number in range(2):
            city.take_in([START - table_day * 86_400_000_000], number)
    broken = next(file for file in held(city.database) if "day=2026-11-21" in file.path)
    (city.place.lake / broken.path).write_bytes(b"PAR1 not really")
    done = compact(city.place, city.database, NOW)
    assert (done.groups, len(done.problems)) == (1, 1)
    assert broken.path in city.files()


def test_files_stay_while_somebody_reads(city: City) -> None:
    city.take_in([START], 1)
    with reading(city.place):
        before = city.files()
        with city.database.atomic():
            store.remove_inputs(city.database, [1])
        assert tidy(city.place, city.database) == 0
        assert list(files_on_disk(city.place.lake)) == before
    assert tidy(city.place, city.database) == 1
    assert city.files() == []


def test_what_is_past_its_time_goes_and_nothing_before(city: City) -> None:
    ages = {1: 400, 2: 185, 3: 184, 4: 10}
    for port, days in ages.items():
        city.take_in([START], port, read_at=NOW - timedelta(days=days))
    dry = prune(city.place, city.database, Lake(), NOW, dry_run=True)
    assert (len(dry.files), len(city.files())) == (2, 4)
    done = prune(city.place, city.database, Lake(), NOW)
    assert (len(done.by_age), done.removed, done.inputs) == (2, 2, 2)
    assert city.ask(PORTS) == (2, 2, 3)
    with pytest.raises(Refused, match="six months"):
        prune(city.place, city.database, Lake(), NOW, older_than_days=5)
    assert city.ask(PORTS) == (2, 2, 3)
    prune(city.place, city.database, Lake(), NOW, older_than_days=5, force=True)
    assert city.files() == []


def test_the_quota_drops_only_when_told_and_only_what_the_law_releases(city: City) -> None:
    for port, days in enumerate([183, 182, 100, 1]):
        city.take_in([START + second for second in range(500)], port, read_at=NOW - timedelta(days=days))
    size = held(city.database)[0].bytes
    tight = f"{size // 1024}K"
    kept = prune(city.place, city.database, Lake(quota=tight), NOW)
    assert (len(kept.files), kept.still_beyond > 2 * size) == (0, True)
    done = prune(city.place, city.database, Lake(quota=tight, drop_beyond_quota=True), NOW)
    assert (len(done.by_quota), done.still_beyond > 0) == (2, True)
    assert city.ask(PORTS)[1:] == (2, 2)


def test_a_lake_that_fills_up_is_an_alert_before_anything_goes(city: City) -> None:
    city.take_in([START + n * n * 7919 % 60_000_000 for n in range(8000)], 1, read_at=NOW - timedelta(days=2))
    size = measure(city.place, city.database, Lake(), NOW).used
    assert size > 20_000  # so that a KiB more or less makes no difference
    assert watch(city.place, city.database, Settings(), NOW) == ()
    (number,) = watch(city.place, city.database, Settings(lake=Lake(quota=f"{size // 870 + 1}K")), NOW)
    alert = alerts.find(city.database, number)
    assert alert is not None
    assert (alert.finding.detection, alert.finding.severity) == ("lake_quota", Severity.MEDIUM)
    assert "数据湖" in alert.finding.title.zh
    assert watch(city.place, city.database, Settings(lake=Lake(quota=f"{size // 1024}K")), NOW) == (number,)
    worse = alerts.find(city.database, number)
    assert worse is not None and worse.finding.severity is Severity.CRITICAL
    assert len(alerts.select(city.database)) == 1


def test_evidence_that_fills_the_disk_is_room_of_the_lake(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    """Live capture drops evidence when the lake needs its room, so the lake is not full because of it."""
    city.take_in([START], 1)
    usage = SimpleNamespace(total=1 << 40, free=5)
    monkeypatch.setattr("secwatch.pipeline.retention.shutil.disk_usage", lambda _: usage)
    before = measure(city.place, city.database, Lake(), NOW)
    assert (before.limit, before.severity) == (before.used + 5, Severity.HIGH)
    city.place.evidence.mkdir()
    with (city.place.evidence / segments.name_of(START, 1)).open("wb") as segment:
        segment.truncate(64 << 20)
    after = measure(city.place, city.database, Lake(), NOW)
    assert (after.limit, after.severity) == (after.used + 5 + (64 << 20), None)


@pytest.mark.parametrize(
    ("used", "per_day", "severity", "days_left"),
    [
        (10, 0.5, None, None),  # 184 days take 92 of 100
        (10, 1.0, None, 90),
        (80, 1.0, Severity.MEDIUM, 20),
        (90, 1.0, Severity.HIGH, 10),
        (100, 1.0, Severity.CRITICAL, 0),
        (79, None, None, None),
    ],
)
def test_the_forecast(used: int, per_day: float | None, severity: Severity | None, days_left: int | None) -> None:
    fullness = Fullness(used, 120, 100, 184, 0.8, per_day, NOW)
    assert fullness.severity is severity
    assert (None if fullness.full_at is None else (fullness.full_at - NOW).days) == days_left
    assert (finding(fullness, Lake()) is None) is (severity is None)


def test_quotas_in_bytes() -> None:
    assert (quota_bytes("80%", 1000), quota_bytes("3K", 1), quota_bytes("2T", 1)) == (800, 3072, 2 << 40)
