"""`secwatch sense read DIR --follow` as it runs: until it is told to stop, and while nothing comes."""

from __future__ import annotations

import json
import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from secwatch.sensor.continuing import ContinuingReader, Silence
from secwatch.sensor.kernels.state import FINISHED
from secwatch.sensor.reader import SensorSettings
from secwatch.store.migrations import MIGRATIONS
from secwatch.system.database import open_database
from tests.conftest import ROOT, Run
from tests.pipeline.rotated import FRAMES, START, rotate
from tests.sensor.frames import CLIENT, SYN, datagram, pcap, segment

Secwatch = Callable[..., Run]


@contextmanager
def following(directory: Path, workspace: Path, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """`sense read --follow` in a process of its own; it is killed if it has not ended."""
    command = [sys.executable, str(ROOT / "cli.py"), "--lang", "en", "sense", "read", str(directory)]
    with subprocess.Popen(
        [*command, "--follow", "--json"],
        cwd=workspace,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error", **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        try:
            yield child
        finally:
            if child.poll() is None:
                child.kill()


def wait_for(workspace: Path, question: str, seconds: float = 60) -> int:
    """Ask the database of a workspace until the answer is not zero; return the answer, zero if it stays so."""
    database = open_database(workspace / "state" / "secwatch.db", (MIGRATIONS,))
    deadline = time.monotonic() + seconds
    found = 0
    try:
        while not found and time.monotonic() < deadline:
            time.sleep(0.1)
            ((found,),) = database.execute(question).fetchall()
    finally:
        database.conn.close()
    return int(found)


def test_the_command_follows_until_it_is_told_to_stop(tmp_path: Path, workspace: Path) -> None:
    directory = tmp_path / "captures"
    rotate(directory, 2)
    with following(directory, workspace) as child:
        assert wait_for(workspace, "SELECT count(*) FROM follows")
        child.send_signal(signal.SIGTERM)
        out, err = child.communicate(timeout=60)
    assert child.returncode == 0, err
    assert f'"packets":{len(FRAMES)}' in out


def packets(frames: list[bytes], second: int) -> bytes:
    """Records of a pcap file, a hundredth of a second apart."""
    moments = [(second, number * 10_000) for number in range(len(frames))]
    return b"".join(struct.pack("<IIII", *m, len(f), len(f)) + f for m, f in zip(moments, frames, strict=True))


def test_a_scan_is_told_though_nothing_follows_it(tmp_path: Path, workspace: Path, secwatch: Secwatch) -> None:
    """The last thing a writer saw was a scan: our clock ends its attempts, whatever time the packets have."""
    directory = tmp_path / "captures"
    directory.mkdir()
    path = pcap(directory / "x.pcap", [(START, segment(SYN, port=50000))])
    quick = {"SECWATCH_SENSOR__WINDOW": "1s", "SECWATCH_SENSOR__ATTEMPT": "2s"}
    counted = "SELECT coalesce(sum(json_extract(counters, '$.{}')), 0) FROM inputs"
    with following(directory, workspace, **quick) as child:
        assert wait_for(workspace, counted.format("packets")) == 1
        with path.open("ab") as out:
            out.write(packets([segment(SYN, service=port) for port in range(1, 41)], START + 1))
        assert wait_for(workspace, "SELECT count(*) FROM alerts")
        assert child.poll() is None, "it goes on"
        open_or_told = wait_for(workspace, counted.format("flows"))
        assert open_or_told == 41
        child.send_signal(signal.SIGTERM)
        shown, err = child.communicate(timeout=60)
    assert child.returncode == 0, err
    assert "new alerts" in err
    assert json.loads(shown)["flows"] == 41
    (alert,) = secwatch("alerts", "list", "--json", directory=workspace).json["items"]
    assert alert["source"] == CLIENT


def test_only_a_file_that_grew_while_it_was_watched_has_a_clock() -> None:
    """What was whole when it was found may have been brought here: what its flows wait for is on its way."""
    silence = Silence()
    assert [silence.seconds(100, float(now)) for now in (0, 50, 500)] == [None] * 3
    assert [silence.seconds(200, float(now)) for now in (600, 650)] == [0.0, 50.0]
    assert silence.seconds(250, 700.0) == 0.0


def test_time_passes_only_between_packets_and_only_for_what_is_over(tmp_path: Path) -> None:
    """A file that ends within a packet says that its writer has more in its memory."""
    frames = packets([segment(SYN), datagram(b"?" * 20)], START)
    path = pcap(tmp_path / "x.pcap", [])
    path.write_bytes(path.read_bytes() + frames + b"\0" * 9)
    with ContinuingReader(str(path), settings=SensorSettings(), waits=True) as reader:
        read = reader.read_on()
        while not reader.at_end:
            next(read)
        assert not reader.between_packets
        for seconds, finished in ((0, 0), (19.9, 0), (20.1, 1), (60.1, 2), (299.0, 2)):
            assert not list(reader.pass_time(seconds))
            assert reader.state.control[FINISHED] == finished, seconds
