"""Directories of rotated captures: one sequence, whatever is cut where, killed when, written meanwhile."""

from __future__ import annotations

import gzip
import os
import random
import signal
import sqlite3
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlite_utils import Database

from secwatch.core.ownership import Ownership
from secwatch.pipeline import follow as following
from secwatch.pipeline.follow import Steering, read_directory
from secwatch.pipeline.read import ReadSummary, read_inputs
from secwatch.sensor.rotation import Rotation
from secwatch.store.migrations import MIGRATIONS
from secwatch.system.database import open_database
from secwatch.system.paths import Place, workspace_at
from secwatch.system.settings import Sensor, Settings
from tests.conftest import ROOT, Run
from tests.pipeline.captures import write_scan
from tests.sensor.frames import ACK, FIN, SYN, datagram, dns, enhanced, interface, pcap, record, section, segment

Secwatch = Callable[..., Run]
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

    def read(self, directory: Path, *, follow: bool = False, again: bool = False) -> ReadSummary:
        """Read a directory."""
        steering = self.steering(follow)
        return read_directory(self.place, SETTINGS, self.database, Ownership(()), directory, steering, again=again)

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


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """What the same packets give in one file."""
    directory = tmp_path_factory.mktemp("whole")
    city = City(directory / "city")
    path = pcap(directory / "whole.pcap", FRAMES)
    read_inputs(
        city.place, SETTINGS, city.database, Ownership(()), [str(path)], now=lambda: datetime(2026, 11, 23, tzinfo=UTC)
    )
    flows, lookups = city.everything()
    assert (len(flows), len(lookups)) == (52, 40)
    return flows, lookups


@pytest.mark.parametrize(("pieces", "cut"), [(1, plain), (6, plain), (4, packed)])
def test_many_files_give_what_one_gives(tmp_path: Path, whole: Any, pieces: int, cut: Cut) -> None:
    rotate(tmp_path / "captures", pieces, cut)
    city = City(tmp_path / "city")
    summary = city.read(tmp_path / "captures")
    assert [item.result for item in summary.inputs] == ["read"] * pieces
    assert summary.total("packets") == len(FRAMES)
    assert summary.total("flows") == 52
    assert not summary.incomplete
    assert city.everything() == whole
    again = city.read(tmp_path / "captures")
    assert again.total("packets") in (0, len(FRAMES) // pieces, summary.inputs[-1].packets)
    assert city.everything() == whole
    assert {item.name for item in city.place.follow.iterdir()} == {
        row["snapshot"] for row in city.database.query("SELECT snapshot FROM follows")
    }
    city.read(tmp_path / "captures", again=True)
    assert city.everything() == whole


def test_files_that_come_between_runs_are_read_with_what_was_left_open(tmp_path: Path, whole: Any) -> None:
    """Runs without --follow let go of open flows at their end: sums stay right, nothing is there twice."""
    rotate(tmp_path / "all", 4)
    directory = tmp_path / "captures"
    directory.mkdir()
    city = City(tmp_path / "city")
    for path in Rotation(tmp_path / "all").files():
        (directory / Path(path.path).name).write_bytes(Path(path.path).read_bytes())
        city.read(directory)
    flows, lookups = city.everything()
    assert sum(row[7] + row[9] for row in flows) == sum(row[7] + row[9] for row in whole[0])
    assert len(lookups) >= 40


def test_killed_anywhere_nothing_is_lost_and_nothing_double(tmp_path: Path, whole: Any) -> None:
    """SIGKILL at random moments, again and again, while files grow and rotate; then one run to the end."""
    source = random.Random(7)
    directory = tmp_path / "captures"
    directory.mkdir()
    City(tmp_path / "city")
    program = (
        "import sys; from pathlib import Path; from tests.pipeline.test_follow import *\n"
        "following.POLL_SECONDS = 0.01\n"
        "city = City(Path(sys.argv[1]))\n"
        "print('ready', flush=True)\n"
        "city.read(Path(sys.argv[2]), follow=True)\n"
    )
    content = b"".join(
        struct.pack("<IIII", int(t), round(t % 1 * 1e6), len(frame), len(frame)) + frame for t, frame in FRAMES
    )
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1)
    ends = [0]
    for _, frame in FRAMES:
        ends.append(ends[-1] + 16 + len(frame))
    rounds, written, number = 5, 0, 0
    for turn in range(rounds):
        command = [sys.executable, "-c", program, str(tmp_path / "city"), str(directory)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
            until = len(FRAMES) * (turn + 1) // rounds
            while written < until:
                upto = min(until, written + source.randrange(20, 90))
                path = directory / f"x.pcap{number or ''}"
                with path.open("ab", buffering=0) as file:
                    if not file.tell():
                        file.write(head)
                    cut = ends[upto] - source.randrange(15)  # in the middle of a packet, most of the time
                    file.write(content[ends[written] : cut])
                    time.sleep(source.uniform(0.0, 0.1))
                    file.write(content[cut : ends[upto]])
                written = upto
                if source.random() < 0.4:
                    number += 1
                time.sleep(source.uniform(0.0, 0.15))
            child.send_signal(signal.SIGKILL)
    city = City(tmp_path / "city")
    summary = city.read(directory)
    assert not summary.incomplete, summary.problems
    assert city.everything() == whole
    counted = city.database.query("SELECT sum(json_extract(counters, '$.packets')) AS packets FROM inputs")
    assert next(counted)["packets"] == len(FRAMES)


def test_following_sees_a_growing_file_and_ends_when_asked(
    tmp_path: Path, whole: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is in the newest file is in the lake before it ends; the reader never starts it again."""
    monkeypatch.setattr(following, "POLL_SECONDS", 0.01)
    directory = tmp_path / "captures"
    rotate(tmp_path / "all", 3)
    directory.mkdir()
    files = [Path(item.path) for item in Rotation(tmp_path / "all").files()]
    city = City(tmp_path / "city")

    def packets() -> int:
        watcher = sqlite3.connect(city.place.database)
        try:
            (found,) = watcher.execute("SELECT sum(json_extract(counters, '$.packets')) FROM inputs").fetchone()
        finally:
            watcher.close()
        return int(found or 0)

    def write() -> None:
        try:
            for file in files:
                content = file.read_bytes()
                with (directory / file.name).open("wb", buffering=0) as out:
                    for part in range(0, len(content), 9000):
                        out.write(content[part : part + 9000])
                        time.sleep(0.02)
                        assert sum(path.is_file() for path in directory.iterdir()) <= 3
            deadline = time.monotonic() + 30
            while packets() < len(FRAMES) and time.monotonic() < deadline:
                time.sleep(0.02)
            seen.append(packets())
        finally:
            city.stopped = True

    seen: list[int] = []
    writer = threading.Thread(target=write)
    writer.start()
    summary = city.read(directory, follow=True)
    writer.join()
    assert seen == [len(FRAMES)]
    assert [item.result for item in summary.inputs] == ["read"] * 3
    assert summary.total("packets") == len(FRAMES)
    assert city.everything() == whole
    assert city.database.execute("SELECT count(*) FROM inputs").fetchone()[0] == 3


def test_order_is_that_of_the_packets(tmp_path: Path) -> None:
    """Whatever the names and times of files say; numbers in names count where the packets do not decide."""
    for name, second in (("b.pcap", 0), ("a.pcap", 10), ("z.pcap10", 20), ("z.pcap9", 20)):
        write_scan(tmp_path / name, packets=3, first_second=second)
        os.utime(tmp_path / name, (1, 1))
    (tmp_path / "empty.pcap").write_bytes(b"")
    (tmp_path / ".hidden.pcap").write_bytes(b"x")
    (tmp_path / "folder.pcap").mkdir()
    rotation = Rotation(tmp_path)
    assert [Path(item.path).name for item in rotation.files()] == ["b.pcap", "a.pcap", "z.pcap9", "z.pcap10"]
    assert (rotation.strangers, rotation.unreadable) == ({}, {})
    write_scan(tmp_path / "b.pcap", packets=3, first_second=30)  # a ring of files writes over its oldest
    assert [Path(item.path).name for item in rotation.files()][-1] == "b.pcap"


def test_bad_files_stop_no_other(tmp_path: Path, workspace: Path, secwatch: Secwatch) -> None:
    directory = tmp_path / "captures"
    rotate(directory, 4)
    (directory / "notes.txt").write_text("nothing for a sensor\n")
    (directory / "x.pcap9").write_bytes((directory / "x.pcap1").read_bytes()[:22])
    shown = secwatch("--lang", "en", "sense", "read", directory, "--json", directory=workspace)
    assert shown.code == 3
    assert [item["result"] for item in shown.json["inputs"]].count("read") == 4
    assert shown.json["packets"] == len(FRAMES)
    assert "x.pcap9 ends within the file header" in shown.stderr
    assert shown.stderr.count("notes.txt is not a capture") == 1
    (directory / "x.pcap9").unlink()
    again = secwatch("sense", "read", directory, "--json", directory=workspace)
    assert again.code == 0, again.stderr
    member = secwatch("sense", "read", directory / "x.pcap1", "--again", directory=workspace)
    assert member.code == 2
    assert f"secwatch sense read {directory} --again" in member.stderr
    assert secwatch("sense", "read", directory, directory / "x.pcap1", "--follow", directory=workspace).code == 2


def test_files_may_vanish_between_the_list_and_the_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: Any
) -> None:
    rotate(tmp_path / "captures", 5)
    city = City(tmp_path / "city")
    read = following._Follower._read

    def vanish(self: Any, item: Any, newer: bool) -> None:
        if item.path.endswith("pcap2"):
            Path(item.path).unlink()
        read(self, item, newer)

    monkeypatch.setattr(following._Follower, "_read", vanish)
    summary = city.read(tmp_path / "captures")
    assert [item.result for item in summary.inputs].count("read") == 4
    assert [item.error for item in summary.inputs if item.error] == [
        f"{tmp_path}/captures/x.pcap2 cannot be opened: no such file or directory"
    ]


def test_a_file_that_grows_after_its_successor_is_said(tmp_path: Path) -> None:
    rotate(tmp_path / "captures", 3)
    city = City(tmp_path / "city")
    city.read(tmp_path / "captures")
    first = tmp_path / "captures" / "x.pcap"
    first.write_bytes(first.read_bytes() + first.read_bytes()[24:])
    summary = city.read(tmp_path / "captures")
    assert "has grown since it was read" in "".join(item.error or "" for item in summary.inputs)


def test_open_flows_that_cannot_be_taken_up_are_said(tmp_path: Path) -> None:
    """A file of open flows that was changed is not trusted: kernels follow the numbers in it."""
    rotate(tmp_path / "captures", 2)
    city = City(tmp_path / "city")
    (tmp_path / "captures" / "x.pcap1").rename(tmp_path / "later")
    city.read(tmp_path / "captures")
    city.database.execute("UPDATE follows SET done = 1, open_flows = 12")
    city.database.conn.commit()
    (kept,) = city.place.follow.iterdir()
    kept.write_bytes(kept.read_bytes()[:-1] + b"x")
    (tmp_path / "later").rename(tmp_path / "captures" / "x.pcap1")
    summary = city.read(tmp_path / "captures")
    assert "12 flows that were open" in "".join(item.error or "" for item in summary.inputs)
    assert summary.incomplete


def test_the_command_follows_until_it_is_told_to_stop(tmp_path: Path, workspace: Path) -> None:
    directory = tmp_path / "captures"
    rotate(directory, 2)
    command = [
        sys.executable,
        str(ROOT / "cli.py"),
        "--lang",
        "en",
        "sense",
        "read",
        str(directory),
        "--follow",
        "--json",
    ]
    with subprocess.Popen(command, cwd=workspace, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        deadline = time.monotonic() + 60
        database = open_database(workspace / "state" / "secwatch.db", (MIGRATIONS,))
        while time.monotonic() < deadline:
            rows = list(database.query("SELECT path FROM follows"))
            if rows:
                break
            time.sleep(0.1)
        child.send_signal(signal.SIGTERM)
        out, err = child.communicate(timeout=60)
    assert child.returncode == 0, err
    assert f'"packets":{len(FRAMES)}' in out
