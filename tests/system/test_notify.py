"""What a service tells systemd, over a real socket."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from secwatch.system.notify import Service


@pytest.fixture(params=["file", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """A service manager that listens, under both kinds of address."""
    name = str(tmp_path / "notify") if request.param == "file" else f"@secwatch-{os.getpid()}-{time.monotonic_ns()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind("\0" + name[1:] if name.startswith("@") else name)
        listening.settimeout(1)
        monkeypatch.setenv("NOTIFY_SOCKET", name)
        yield listening


def test_lines_arrive_and_children_are_not_told(manager: socket.socket) -> None:
    service = Service()
    service.tell("READY=1", "STATUS=capturing")
    assert manager.recv(100) == b"READY=1\nSTATUS=capturing"
    assert "NOTIFY_SOCKET" not in os.environ


def test_the_watchdog_is_told_twice_in_its_time(manager: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "200000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    service = Service()
    began, told = time.monotonic(), 0
    while time.monotonic() < began + 0.45:
        service.alive()
        time.sleep(0.005)
    manager.settimeout(0)
    try:
        while manager.recv(100) == b"WATCHDOG=1":
            told += 1
    except BlockingIOError:
        pass
    assert 4 <= told <= 5


def test_a_watchdog_of_another_process_is_not_ours(manager: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "1000")
    monkeypatch.setenv("WATCHDOG_PID", "1")
    Service().alive()
    manager.settimeout(0)
    with pytest.raises(BlockingIOError):
        manager.recv(100)


@pytest.mark.parametrize("name", ["", "relative", "/nowhere/at/all"])
def test_nobody_listening_is_no_error(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", name)
    monkeypatch.setenv("WATCHDOG_USEC", "rubbish")
    service = Service()
    service.tell("READY=1")
    service.alive()


def test_a_manager_that_does_not_listen_holds_nobody_up(
    manager: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its queue is full: nothing waits, nothing spins, and the watchdog is told as soon as there is room."""
    monkeypatch.setenv("WATCHDOG_USEC", "200000")
    service = Service()
    while service.tell("STATUS=much to say"):
        pass
    began = time.monotonic()
    for _ in range(20):
        assert not service.tell("STATUS=more")
        service.alive()
    assert time.monotonic() - began < 1
    before = time.process_time()
    assert not service.tell("READY=1", patience=0.5)
    assert time.process_time() - before < 0.25, "it waits, and does not spin"
    manager.recv(100)
    time.sleep(0.3)
    service.alive()
    manager.settimeout(0)
    heard = []
    with pytest.raises(BlockingIOError):
        while True:
            heard.append(manager.recv(100))
    assert heard[-1] == b"WATCHDOG=1"
