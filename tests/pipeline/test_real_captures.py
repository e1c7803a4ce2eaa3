"""The real captures of other projects: every attack that a detection of ours is for is found, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from secwatch.core.ownership import Ownership
from secwatch.pipeline.read import read_inputs
from secwatch.store import alerts
from secwatch.store.migrations import MIGRATIONS
from secwatch.system.database import open_database
from secwatch.system.paths import workspace_at
from secwatch.system.settings import Settings

# What the manifest's labels mean here. The labels without a line have no detection yet.
DETECTIONS = {
    "port-scan-vertical": "port_scan",
    "stealth-scan": "port_scan",
    "udp-scan": "port_scan",
    "ssh-bruteforce": "ssh_guessing",
    "dns-tunnel": "dns_tunnel",
    "beacon": "beacon",
}


def alerts_of(capture: Path, directory: Path) -> set[str]:
    """Return the detections that alert on a capture, read in a place of its own: captures share addresses."""
    place = workspace_at(directory)
    database = open_database(place.database, (MIGRATIONS,))
    try:
        summary = read_inputs(place, Settings(), database, Ownership(()), [str(capture)], now=lambda: datetime.now(UTC))
        assert not summary.incomplete, summary
        return {alert.finding.detection for alert in alerts.select(database)}
    finally:
        database.close()


def test_every_capture(captures: Path, manifest: Sequence[Mapping[str, Any]], tmp_path: Path) -> None:
    assert len(manifest) >= 40
    wrong = []
    for number, entry in enumerate(manifest):
        found = alerts_of(captures / entry["file"], tmp_path / str(number))
        expected = {DETECTIONS[label] for label in entry["expected_detection"] if label in DETECTIONS}
        if found != expected:
            wrong.append((entry["file"], expected, found))
    assert wrong == []
