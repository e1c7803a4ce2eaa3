"""`secwatch sense live` in trouble: a full disk, a held database, a clock put back, a terminal closed or stopped."""

from __future__ import annotations

import os
import pty
import signal
import sqlite3
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from secwatch.pipeline.outages import Outages
from tests.conftest import Run
from tests.pipeline.captures import write_frames
from tests.pipeline.wires import Live, Wires, rows, skip_unless_networks_can_be_made, wires
from tests.sensor.frames import datagram

Secwatch = Callable[..., Run]

_HASTY = "import secwatch.system.database as d; d.BUSY_SECONDS = 0.2; import secwatch.pipeline.recorder as r; "


@contextmanager
def _held(workspace: Path) -> Iterator[None]:
    """Within the block another process could be writing into the database for long."""
    with closing(sqlite3.connect(workspace / "state" / "secwatch.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


def _fill(disk: Path) -> Path:
    """Take all the room that a disk has; return what takes it."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as stream:
        try:
            while stream.write(b"x" * 4096):
                pass
        except OSError:
            return filler
    raise AssertionError("the disk never got full")


def _fill_pipe(writing: int) -> None:
    os.set_blocking(writing, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writing, b"x" * 4096)
    os.set_blocking(writing, True)


def _stream(tmp_path: Path, packets: int) -> Path:
    return write_frames(tmp_path / "stream.pcap", [datagram(b"x", port=2000 + n, service=9) for n in range(packets)])


def test_a_database_that_is_held_is_waited_for_and_a_stop_is_heard(net: Wires, workspace: Path, tmp_path: Path) -> None:
    """With room for one window only the sensor soon waits for the recorder: a stop must be heard even then."""
    live = Live(net, workspace, "-i", "a1", "--json", before=f"{_HASTY}r.QUEUE_BYTES = 1", SECWATCH_SENSOR__WINDOW="1s",
                SECWATCH_SENSOR__OTHER_IDLE="1s").ready()  # fmt: skip
    with _held(workspace):
        sending = net.start_sending(_stream(tmp_path, 1400), rate=200)
        assert sending.wait(timeout=30) == 0
        assert live.process.poll() is None, live.end(None).stderr
        live.tell(signal.SIGTERM)
        live.wait_for("STOPPING=1", 3)
        time.sleep(1)
        assert live.process.poll() is None, "it waits until it can record"
    ended = live.end(None)
    assert ended.code == 0, ended.stderr
    assert (ended.json["packets"], ended.json["dropped"], ended.json["flows"]) == (1400, 0, 1400)
    assert rows(workspace, "flows", "sum(source_packets)::INT AS n") == [{"n": 1400}], "nothing lost, nothing twice"


def test_a_database_that_is_never_released_ends_without_noise(net: Wires, workspace: Path, tmp_path: Path) -> None:
    impatient = f"{_HASTY}r.LAST_PATIENCE_SECONDS = 1"
    live = Live(net, workspace, "-i", "a1", "--duration", "1s", before=impatient).ready()
    with _held(workspace):
        net.send(_stream(tmp_path, 10))
        ended = live.end(None)
    assert ended.code == 11, ended.stderr
    assert "held by another process" in ended.stderr
    assert "leaked" not in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_full_disk_is_waited_for_on_an_idle_link(
    net: Wires, secwatch: Secwatch, small_disk: Path, tmp_path: Path
) -> None:
    city = small_disk / "city"
    secwatch("init", city)
    live = Live(net, city, "-i", "a1", "--json", SECWATCH_SENSOR__WINDOW="1s").ready()
    time.sleep(0.5)
    filler = _fill(small_disk)
    time.sleep(4)
    assert live.process.poll() is None, live.end(None).stderr
    net.send(_stream(tmp_path, 50))
    time.sleep(1.5)
    live.tell(signal.SIGTERM)
    live.wait_for("STOPPING=1", 3)
    filler.unlink()
    ended = live.end(None)
    assert ended.code == 3, ended.stderr
    assert "no space left" in " ".join(ended.json["problems"])
    assert (ended.json["packets"], ended.json["flows"]) == (50, 50)
    assert rows(city, "flows", "count(*)::INT AS n") == [{"n": 50}]


def test_a_clock_that_is_put_back_holds_nothing_up(
    net: Wires, secwatch: Secwatch, workspace: Path, tmp_path: Path
) -> None:
    turned = tmp_path / "turned"
    clock = (
        "import os, time; real = time.time_ns\n"
        f"time.time_ns = lambda: real() - 3600 * 10**9 * os.path.exists({str(turned)!r})"
    )
    live = Live(net, workspace, "-i", "a1", before=clock, SECWATCH_SENSOR__WINDOW="1s",
                SECWATCH_SENSOR__OTHER_IDLE="1s").ready()  # fmt: skip
    time.sleep(1.2)
    turned.touch()
    net.send(_stream(tmp_path, 5))
    deadline = time.monotonic() + 10
    while not (found := rows(workspace, "flows", "export_reason, count(*)::INT AS n FROM GROUP BY 1")):
        assert time.monotonic() < deadline, "no window, no flows"
        time.sleep(0.2)
    assert found == [{"export_reason": "idle", "n": 5}]
    assert live.end().code == 0
    with closing(sqlite3.connect(workspace / "state" / "secwatch.db")) as database:
        ((forward,),) = database.execute("SELECT recorded_to >= started_at FROM live_runs").fetchall()
    assert forward == 1


@pytest.mark.parametrize("hangs_up", [False, True])
def test_a_terminal_that_closes_costs_nothing(net: Wires, workspace: Path, tmp_path: Path, hangs_up: bool) -> None:
    """Without a hang-up (a job that was disowned) the run goes on unheard; with it, it ends as Ctrl-C ends it."""
    master, slave = pty.openpty()
    try:
        live = Live(net, workspace, "-i", "a1", errors=slave).ready()
    finally:
        os.close(slave)
    net.send(_stream(tmp_path, 5))
    os.read(master, 1000)
    os.close(master)
    if hangs_up:
        live.tell(signal.SIGHUP)
        live.tell(signal.SIGHUP)
    else:
        time.sleep(2.5)
        assert live.process.poll() is None, "a note that nobody hears must not end the capture"
    ended = live.end(None if hangs_up else signal.SIGTERM)
    assert ended.code in (0, 120), "120 is Python's, for its own last words on a standard error that is gone"
    assert rows(workspace, "flows", "count(*)::INT AS n") == [{"n": 5}]
    with closing(sqlite3.connect(workspace / "state" / "secwatch.db")) as database:
        assert database.execute("SELECT ended_at IS NULL FROM live_runs").fetchall() == [(0,)]


def test_an_error_log_that_is_full_from_the_start_holds_nothing_up(net: Wires, workspace: Path, tmp_path: Path) -> None:
    reading, writing = os.pipe()
    _fill_pipe(writing)
    live = Live(net, workspace, "-i", "a1", "--json", errors=writing).ready()
    net.send(_stream(tmp_path, 5))
    ended = live.end()
    os.close(reading)
    os.close(writing)
    assert (ended.code, ended.json["packets"]) == (0, 5)


@pytest.mark.parametrize("terminal", [True, False])
def test_words_that_nobody_takes_do_not_hold_the_capture_up(
    net: Wires, workspace: Path, tmp_path: Path, terminal: bool
) -> None:
    """A terminal that was stopped with Ctrl-S, and a pipe whose reader sleeps."""
    reading, writing = pty.openpty() if terminal else os.pipe()
    live = Live(net, workspace, "-i", "a1", errors=writing).ready()
    if terminal:
        termios.tcflow(writing, termios.TCOOFF)
    else:
        _fill_pipe(writing)
        live.tell(signal.SIGHUP)  # it says that it has read the configuration
    time.sleep(2.5)  # a line of progress each second
    net.send(_stream(tmp_path, 5))
    ended = live.end()
    os.close(reading)
    os.close(writing)
    assert ended.code == 0, ended.stdout
    assert rows(workspace, "flows", "count(*)::INT AS n") == [{"n": 5}]


def test_an_interface_that_vanishes_is_told_of_while_it_lasts(secwatch: Secwatch, workspace: Path) -> None:
    """The other interface goes on; the run is no success all the same, and the sensor is red."""
    skip_unless_networks_can_be_made()
    with wires() as net:
        live = Live(net, workspace, "-i", "a1", "-i", "b1", "--json", SECWATCH_SENSOR__WINDOW="1s").ready()
        net.ip("link", "delete", "b0")
        deadline = time.monotonic() + 15
        absent: list[dict[str, str]] = []
        # While Linux takes it away, an interface is down for a moment.
        while [item["condition"] for item in absent] != ["gone"]:
            assert time.monotonic() < deadline, f"status never said so: {absent}"
            absent = secwatch("-w", workspace, "status", "--json").json["sensor"]["absent"]
        status = secwatch("-w", workspace, "status", "--json").json
        ended = live.end()
    assert absent[0]["interface"] == "b1"
    said = f"interface b1 of the live sensor has been gone since {absent[0]['since']}: it is blind there"
    assert {"grade": "urgent", "en": said} in [
        {"grade": reason["grade"], "en": reason["en"]} for reason in status["reasons"]
    ]
    assert status["sensor"]["running"]
    assert ended.code == 3, ended.stderr
    (problem,) = ended.json["problems"]
    assert problem.startswith(f"interface b1 was gone from {absent[0]['since']} to ")
    after = secwatch("-w", workspace, "status", "--json").json
    assert (after["sensor"]["running"], after["sensor"]["absent"]) == (False, [])


def test_a_killed_run_is_dead_at_once(net: Wires, secwatch: Secwatch, workspace: Path) -> None:
    live = Live(net, workspace, "-i", "a1").ready()
    assert secwatch("-w", workspace, "status", "--json").json["sensor"]["running"]
    live.kill()
    status = secwatch("-w", workspace, "status", "--json").json
    assert not status["sensor"]["running"]
    dead = [reason for reason in status["reasons"] if "did not end well" in reason["en"]]
    assert [reason["grade"] for reason in dead] == ["urgent"]


def test_interruptions_are_added_up_and_bounded() -> None:
    """Down and then gone is one interruption; going on under another name is none; months of them stay few lines."""
    seen, now = Outages(), datetime(2026, 11, 23, tzinfo=UTC)
    seen.take("b1", "down", now)
    seen.take("b1", "gone", now + timedelta(minutes=1))
    assert [(item.interface, item.condition, item.since) for item in seen.absent] == [("b1", "gone", now)]
    seen.take("b1", "renamed to c1", now + timedelta(minutes=2))
    assert seen.absent == ()
    assert [text.en for text in seen.sentences(now)] == [
        "interface b1 was gone from 2026-11-23T00:00:00.000000Z to 2026-11-23T00:02:00.000000Z"
    ]
    for _ in range(1000):
        seen.take("b1", "down", now)
        seen.take("b1", "up", now)
    assert len(seen.sentences(now)) < 100
    assert seen.sentences(now)[-1].en == "interfaces were gone 951 more times"
