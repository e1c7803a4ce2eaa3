"""One conversation cut into rotated captures in many ways, and a place that reads them without a process of its own."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from secwatch.core.ownership import Ownership
from secwatch.pipeline.follow import read_directory
from secwatch.pipeline.read import InputResult, ReadSummary, read_inputs
from secwatch.pipeline.steering import Steering
from secwatch.store.migrations import MIGRATIONS
from secwatch.system.database import open_database
from secwatch.system.paths import Place, workspace_at
from secwatch.system.settings import Sensor, Settings
from tests.sensor.frames import ACK, FIN, SYN, datagram, dns, enhanced, interface, pcap, record, section, segment

START = 1_790_000_000
SETTINGS = Settings(sensor=Sensor(max_flows=4096))
Timed = tuple[float, bytes]


def conversation() -> list[Timed]:
    """Twelve connections that live for most of five minutes, look-ups whose answers come later, short ones."""
    frames: list[Timed] = []
    for number in range(12):
        port = 41000 + number
        frames.append((number * 0.1, segment(SYN, port=port)))
        frames.append((number * 0.1 + 0.01, segment(SYN | ACK, port=port, answer=True)))
        for place in range(50):
            body = bytes([65 + place % 26]) * 20
            moment = 1 + number * 0.1 + place * 5.5
            frames.append((moment, segment(ACK, body, port=port, sequence=2 + place * 20)))
            frames.append((moment + 0.5, segment(ACK, b"ok", port=port, answer=True, sequence=2 + place * 2)))
        frames.append((280 + number * 0.1, segment(FIN | ACK, port=port, sequence=1002)))
    for number in range(40):
        answer = dns(number, answers=[record(1, bytes([192, 0, 2, 4]))], flags=0x8180)
        frames.append((number * 7.0, datagram(dns(number), port=50000 + number)))
        frames.append((number * 7.0 + 1.5, datagram(answer, port=50000 + number, answer=True)))
    return sorted((START + moment, frame) for moment, frame in frames)


FRAMES = conversation()
Cut = Callable[[Path, int, list[Timed]], None]


def plain(directory: Path, number: int, frames: list[Timed]) -> None:
    """A pcap named as tcpdump -C names it."""
    pcap(directory / f"x.pcap{number or ''}", frames)


def packed(directory: Path, number: int, frames: list[Timed]) -> None:
    """A pcap that was compressed after rotation; every third is a pcapng."""
    if number % 3:
        plain(directory, number, frames)
        path = directory / f"x.pcap{number}"
        path.with_name(f"x{number}.pcap.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    else:
        blocks = [enhanced(round(moment * 1e6), frame) for moment, frame in frames]
        (directory / f"x{number}.pcapng").write_bytes(section() + interface() + b"".join(blocks))


def rotate(directory: Path, pieces: int, cut: Cut = plain) -> None:
    """Write the frames as so many files."""
    directory.mkdir(exist_ok=True)
    size = -(-len(FRAMES) // pieces)
    for number in range(pieces):
        cut(directory, number, FRAMES[number * size : (number + 1) * size])


class City:
    """A place that reads without a process of its own."""

    def __init__(self, directory: Path):
        self.place: Place = workspace_at(directory)
        self.database: Database = open_database(self.place.database, (MIGRATIONS,))
        self.told: list[str] = []
        self.stopped = False

    def steering(self, follow: bool = False) -> Steering:
        """Stops when `stopped` is set; commits whenever there is something."""
        return Steering(
            follow=follow,
            stop=lambda: self.stopped,
            on_progress=lambda path, done, total: None,
            on_alerts=lambda numbers: None,
            on_problem=self.told.append,
            now=lambda: datetime(2026, 11, 23, tzinfo=UTC),
            window_seconds=0.0 if follow else 60.0,
        )

    def read(
        self, directory: Path, *, follow: bool = False, again: bool = False, flows_only: bool = False
    ) -> ReadSummary:
        """Read a directory."""
        where = (self.place, SETTINGS, self.database, Ownership(()), directory, self.steering(follow))
        return read_directory(*where, again=again, flows_only=flows_only)

    def read_file(self, path: Path, *, again: bool = False, flows_only: bool = False) -> InputResult:
        """Read a file by itself."""
        now = datetime(2026, 11, 23, tzinfo=UTC)
        where = (self.place, SETTINGS, self.database, Ownership(()), [str(path)])
        (result,) = read_inputs(*where, again=again, flows_only=flows_only, now=lambda: now).inputs
        return result

    def totals(self) -> tuple[int, int]:
        """How many packets are in flows, and how many look-ups there are."""
        flows, lookups = self.everything()
        return sum(row[7] + row[9] for row in flows), len(lookups)

    def rows(self, table: str) -> list[tuple[Any, ...]]:
        """What the lake holds of a table, as far as it does not depend on where files end."""
        import duckdb

        paths = [
            row["path"] for row in self.database.query("SELECT path FROM lake_files WHERE table_name = ?", [table])
        ]
        if not paths:
            return []
        names = [str(self.place.lake / path) for path in paths]
        chosen = {
            "flows": "first_seen, last_seen, source_address, source_port, destination_port, connection_state, history,"
            " source_packets, source_payload_bytes, destination_packets, destination_payload_bytes",
            "dns": "time, transaction_id, query, response_code, round_trip_seconds",
        }[table]
        connection = duckdb.connect()
        found = connection.execute(f"SELECT {chosen} FROM read_parquet(?)", [names])  # noqa: S608 - our own names
        return sorted(found.fetchall(), key=str)

    def everything(self) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
        """All flows and all look-ups."""
        return self.rows("flows"), self.rows("dns")
