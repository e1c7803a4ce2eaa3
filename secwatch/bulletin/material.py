"""What a bulletin is made of: plain typed rows, gathered before a word is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from secwatch.bulletin.week import Week
from secwatch.core.model import EarlyWarning, Origin, Text, WarningState
from secwatch.store.weekly import DetectionCount, OrganisationCount


@dataclass(frozen=True)
class JobState:
    """How one backup job stands when the bulletin is composed. Times are UTC, None for never.

    rpo_met is whether the newest good snapshot is young enough; verified_at and drilled_at are the
    last verification and restore drill that passed, drill_seconds how long that restore took.
    """

    job: str
    organisation: str | None
    last_success: datetime | None
    rpo_seconds: int
    rpo_met: bool
    verified_at: datetime | None
    drilled_at: datetime | None
    drill_seconds: float | None
    rto_seconds: int


@dataclass(frozen=True)
class Backups:
    """The jobs of the city, and how many runs of the week and of the week before went well or did not."""

    jobs: tuple[JobState, ...] = ()
    good_runs: int = 0
    bad_runs: int = 0
    previous_good_runs: int = 0
    previous_bad_runs: int = 0


@dataclass(frozen=True)
class WeekCounts:
    """What one week held. days_observed counts the days (0-7) of which there are packets."""

    week: Week
    days_observed: int
    scans: int
    network_alerts: int
    network_sources: int
    scan_alerts: int
    backup_alerts: int
    severe_alerts: int
    organisations: int
    new_warnings: int

    @property
    def network_known(self) -> bool:
        """Whether anything looked at the network: packets of a day, or alerts that came another way."""
        return bool(self.days_observed or self.network_alerts)

    @property
    def scans_known(self) -> bool:
        """Whether files were scanned."""
        return bool(self.scans or self.scan_alerts)

    @property
    def known(self) -> bool:
        """Whether anything at all looked at the city in that week."""
        return self.network_known or self.scans_known or bool(self.backup_alerts)


@dataclass(frozen=True)
class Material:
    """Everything that compose needs. history holds the weeks before, the newest first."""

    week: Week
    now: datetime
    zone: ZoneInfo
    current: WeekCounts
    history: tuple[WeekCounts, ...]
    complete_weeks: int
    detections: tuple[DetectionCount, ...]
    organisations: tuple[OrganisationCount, ...]
    warnings: tuple[EarlyWarning, ...]
    names: Mapping[str, Text]
    backups: Backups
    inputs: int

    @property
    def over(self) -> bool:
        """Whether the week has ended."""
        return self.now >= self.week.end

    @property
    def days_due(self) -> int:
        """How many days of the week have begun: a week that still runs lacks none of its future."""
        return sum(1 for start, _ in self.week.days(self.zone) if start <= self.now)

    @property
    def counted(self) -> tuple[EarlyWarning, ...]:
        """The warnings that count for the week: all but lifted ones. One that merely ran out still counts."""
        return tuple(warning for warning in self.warnings if warning.state is not WarningState.LIFTED)

    @property
    def standing(self) -> tuple[EarlyWarning, ...]:
        """Those of them that are open when the bulletin is composed."""
        return tuple(warning for warning in self.counted if warning.is_open(self.now))

    def of_origin(self, origin: Origin) -> tuple[DetectionCount, ...]:
        """Return the detections of one origin."""
        return tuple(row for row in self.detections if row.origin is origin)

    @property
    def orphans(self) -> int:
        """How many of the week's alerts nobody owns."""
        return sum(row.alerts for row in self.organisations if row.organisation is None)

    def name(self, code: str | None) -> Text:
        """Return an organisation's name, or that nobody owns it."""
        return Text("未归属", "unowned") if code is None else self.names.get(code, Text(code, code))
