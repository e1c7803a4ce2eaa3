"""How the live sensor stands: whether it runs, what it could not take, where packets are missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from secwatch.core.durations import in_words, seconds
from secwatch.core.model import Text
from secwatch.core.moments import to_text

if TYPE_CHECKING:
    from secwatch.store.live import Absence, LiveRun, Received
    from secwatch.system.database import Database
    from secwatch.system.paths import Place
    from secwatch.system.settings import Sensor

# Losses and gaps older than these no longer say how the sensor stands.
RECENT_LOSSES = timedelta(hours=24)
RECENT_GAPS = timedelta(days=7)
# Above this part of the packets the sensor is called blind: Zeek's CaptureLoss::too_much_loss.
TOO_MUCH_LOSS = 0.1
# A run records every window; it is called dead after so many windows, and the time that detections may take ([detect]
# timeout is 10 min by default).
_WINDOWS_OF_PATIENCE = 3
_PATIENCE = timedelta(minutes=10)


@dataclass(frozen=True)
class Sensing:
    """The live sensor at one moment; `latest` is None if there never was one in this place.

    `held` says whether a process has the lock of live runs: a run that has not ended and holds no lock is dead,
    one that holds it and records nothing for dead_after is called so. without_evidence are the runs that have
    captured packets in 24 hours which they did not keep as evidence.
    """

    now: datetime
    latest: LiveRun | None
    received: Received
    gaps: Sequence[LiveRun]
    without_evidence: Sequence[LiveRun]
    dead_after: timedelta
    held: bool = True

    @property
    def _is_open(self) -> bool:
        run = self.latest
        return run is not None and run.ended_at is None and run.missing_until is None

    @property
    def is_dead(self) -> bool:
        """Whether a run neither ended well nor records any more."""
        run = self.latest
        late = run is not None and self.now - run.recorded_to > self.dead_after
        return self._is_open and (late or not self.held)

    @property
    def is_running(self) -> bool:
        """Whether a run is under way."""
        return self._is_open and not self.is_dead

    @property
    def _absent(self) -> Sequence[Absence]:
        return self.latest.absent if self.latest is not None and self.is_running else ()

    def reasons(self) -> Sequence[tuple[bool, Text]]:
        """Everything that is not good, and whether it is urgent."""
        found: list[tuple[bool, Text]] = []
        if self.latest is not None and self.is_dead:
            age = in_words(max((self.now - self.latest.recorded_to).total_seconds(), 0))
            zh = f"实时探针（{self.latest.interfaces}）已 {age} 没有记录，且未正常结束"
            en = f"the live sensor ({self.latest.interfaces}) has recorded nothing for {age} and did not end well"
            found.append((True, Text(zh, en)))
        for item in self._absent:
            name, since = item.interface, to_text(item.since)
            zh = f"实时探针的接口 {name} 自 {since} 起{'断开' if item.condition == 'down' else '消失'}，其报文看不到"
            en = f"interface {name} of the live sensor has been {item.condition} since {since}: it is blind there"
            found.append((True, Text(zh, en)))
        if dropped := self.received.dropped:
            part = dropped / (dropped + self.received.packets)
            zh = f"实时探针近 24 小时丢失 {dropped:,} 个报文（{part:.2%}）"
            en = f"the live sensor dropped {dropped:,} packets in 24 hours ({part:.2%})"
            found.append((part > TOO_MUCH_LOSS, Text(zh, en)))
        for lossy in self.without_evidence:
            names, count, at = lossy.interfaces, f"{lossy.left_out:,}", to_text(lossy.left_out_at or lossy.recorded_to)
            zh = f"实时探针（{names}）有 {count} 个报文已抓取但未留存为证据，最近一次约在 {at}"
            en = f"the live sensor ({names}) did not keep {count} captured packets as evidence, last about {at}"
            found.append((False, Text(zh, en)))
        if self.gaps:
            last = self.gaps[-1]
            since, until = to_text(last.recorded_to), to_text(last.missing_until or last.recorded_to)
            zh = f"实时探针近 7 天异常中断 {len(self.gaps)} 次，最近一次缺失 {since} 至 {until}"
            en = f"the live sensor was killed {len(self.gaps)} times in 7 days, last missing {since} to {until}"
            found.append((False, Text(zh, en)))
        return found

    def as_data(self) -> dict[str, Any]:
        """Return it as JSON shows it."""
        run = self.latest
        return {
            "interfaces": run.interfaces if run else None,
            "running": self.is_running,
            "absent": [
                {"interface": item.interface, "condition": item.condition, "since": to_text(item.since)}
                for item in self._absent
            ],
            "recorded_to": to_text(run.recorded_to) if run else None,
            "packets_24h": self.received.packets,
            "dropped_24h": self.received.dropped,
            "left_out": run.left_out if run else 0,
            "left_out_at": to_text(run.left_out_at) if run and run.left_out_at else None,
            "gaps": [
                {"from": to_text(gap.recorded_to), "to": to_text(gap.missing_until)}
                for gap in self.gaps
                if gap.missing_until
            ],
        }


def gather(place: Place, database: Database, settings: Sensor, now: datetime) -> Sensing:
    """Return how the live sensor stands."""
    from secwatch.pipeline.turns import live_runs
    from secwatch.store import live

    latest, held = live.latest(database), live_runs(place)
    if not held:
        # It may have ended well since the database was asked, or the next one have begun since the lock was.
        again = live.latest(database)
        held = again is not None and (latest is None or again.id != latest.id)
        latest = again
    return Sensing(
        now,
        latest,
        live.received(database, now - RECENT_LOSSES),
        live.gaps(database, now - RECENT_GAPS),
        live.without_evidence(database, now - RECENT_LOSSES),
        _WINDOWS_OF_PATIENCE * timedelta(seconds=seconds(settings.window)) + _PATIENCE,
        held,
    )
