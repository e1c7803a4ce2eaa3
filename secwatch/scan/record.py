"""A scan on record: its alerts and its row in one transaction, again and again while it goes on.

A scan of hours that is killed keeps what it had found: the row stays without an end.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from secwatch.core.model import Finding
from secwatch.scan.findings import Scene, findings_of, path_bytes, provenance, shown_path
from secwatch.scan.rule import Rule
from secwatch.scan.rulebook import Rulebook
from secwatch.scan.suppressions import Judgement
from secwatch.scan.verdicts import Examined, Tally
from secwatch.store import alerts, scans
from secwatch.store.packs import Pack
from secwatch.system.database import Database

# What a kill may lose: matches of so many seconds, which the next scan finds again.
FLUSH_SECONDS = 5.0


@dataclass(frozen=True)
class Match:
    """A rule that matched a file, with the number of its alert once that is recorded."""

    path: str
    rule: Rule
    sha256: str
    organisation: str | None
    alert: int | None = None
    pack: Pack | None = None

    def as_data(self) -> dict[str, Any]:
        """Return it as the JSON contract has it."""
        data: dict[str, Any] = {
            "path": shown_path(self.path),
            "rule": self.rule.name,
            "rule_file": self.rule.namespace,
            "severity": int(self.rule.severity),
            "organisation": self.organisation,
            "alert": self.alert,
            "sha256": self.sha256,
            "title": self.rule.title.zh,
            "title_english": self.rule.title.en,
            "reference": self.rule.text("reference") or None,
            **{name: text or None for name, text in provenance(self.rule, self.pack).items()},
        }
        encoded = path_bytes(self.path)
        return data | {"path_base64": encoded} if encoded else data


@dataclass(frozen=True)
class Silenced:
    """A rule that matched a file, and that was held back: no match, no alert, but counted and named."""

    path: str
    judgement: Judgement

    def as_data(self) -> dict[str, Any]:
        """Return it as the JSON contract has it."""
        rule = self.judgement.rule
        return {
            "path": shown_path(self.path),
            "rule": rule.name,
            "rule_file": rule.namespace,
            "suppression": self.judgement.suppression,
            "reason": self.judgement.reason.en,
        }


@dataclass
class Record:
    """Collects the matches of a scan and keeps them; without a database it only collects."""

    rulebook: Rulebook
    scene: Scene
    database: Database | None
    tally: Tally = field(default_factory=Tally)
    matches: list[Match] = field(default_factory=list)
    silenced: list[Silenced] = field(default_factory=list)
    _pending: list[tuple[int, Finding]] = field(default_factory=list)
    _identifier: int | None = None
    _ended: bool = False
    _started: float = field(default_factory=time.monotonic)
    _flushed: float = field(default_factory=time.monotonic)

    def begin(self, paths: Sequence[str]) -> None:
        """Note the beginning."""
        if self.database is not None:
            digest = self.rulebook.contents.digest
            self._identifier = scans.begin(self.database, self.scene.moment, paths, digest)

    def add(self, results: Sequence[Examined]) -> None:
        """Take in what was found; every few seconds it is written."""
        for examined in results:
            for judgement, finding in findings_of(examined, self.rulebook, self.scene) if examined.hits else ():
                if judgement.silenced:
                    self.silenced.append(Silenced(examined.path, judgement))
                    continue
                self._pending.append((len(self.matches), finding))
                owner, digest = finding.organisation, examined.sha256 or ""
                self.matches.append(
                    Match(examined.path, judgement.rule, digest, owner, pack=self.scene.pack_of(judgement.rule))
                )
        if time.monotonic() - self._flushed >= FLUSH_SECONDS:
            self.flush()

    def flush(self, ended_at: datetime | None = None) -> None:
        """Write the alerts of what was found since the last time, and how far the scan is.

        While the scan goes on, a database that another process holds is tried again later.
        """
        database, identifier, self._flushed = self.database, self._identifier, time.monotonic()
        self._ended = ended_at is not None
        if database is None or identifier is None:
            return

        def write() -> None:
            alerts.record(database, [finding for _, finding in self._pending], self.scene.moment)
            scans.update(database, identifier, self.summary(), ended_at)

        if ended_at is None:
            if not scans.attempt(database, write):
                return
        else:
            with database.atomic():
                write()
        for position, finding in self._pending:
            alert = alerts.find_for(database, finding)
            self.matches[position] = replace(self.matches[position], alert=alert.id if alert else None)
        self._pending.clear()

    @property
    def complete(self) -> bool:
        """Whether the scan has ended and everything was read to its end, with every rule file there is."""
        return self._ended and self.tally.complete and not self.rulebook.contents.broken

    @property
    def seconds(self) -> float:
        """How long the scan has taken so far."""
        return time.monotonic() - self._started

    def pace(self) -> str:
        """Return how fast it goes, for a line of progress."""
        seconds = max(self.seconds, 0.001)
        return (
            f"{self.tally.files} files, {self.tally.files / seconds:.0f}/s, {self.tally.bytes / seconds / 1e6:.0f} MB/s"
        )

    def summary(self) -> Mapping[str, Any]:
        """Return the counts of the scan as the JSON contract has them."""
        contents = self.rulebook.contents
        return {
            "scan": self._identifier,
            "files": self.tally.files,
            "bytes": self.tally.bytes,
            "directories": self.tally.directories,
            "matched": len(self.matches),
            "suppressed": len(self.silenced),
            "verdicts": self.tally.as_verdicts(),
            "reasons": {reason.value: number for reason, number in sorted(self.tally.reasons.items())},
            "complete": self.complete,
            "seconds": round(self.seconds, 3),
            "engine": contents.engine,
            "rules": len(contents.rules),
            "broken_rule_files": len(contents.broken),
            "ruleset": contents.digest,
        }
