"""A network of one's own for tests of live capture: a namespace with veth pairs, and `secwatch sense live` in it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest

from tests.conftest import ROOT, Run


def skip_unless_networks_can_be_made() -> None:
    """Skip a test, visibly, where no namespace can be made."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("needs root and iproute2 for a network of its own")
    probe = f"secwatch-{os.getpid()}-probe"
    if subprocess.run(["ip", "netns", "add", probe], capture_output=True, check=False).returncode:
        pytest.skip("network namespaces cannot be made here")
    subprocess.run(["ip", "netns", "delete", probe], check=True)


class Wires:
    """A namespace with the pairs a0–a1 and b0–b1; what is sent on a0 arrives at a1."""

    def __init__(self, name: str):
        self.name = name
        self.started: list[subprocess.Popen[bytes]] = []

    def ip(self, *arguments: str) -> None:
        """Run ip within the namespace."""
        subprocess.run(["ip", "-n", self.name, *arguments], check=True)

    def number(self, interface: str) -> int:
        """Return the number of an interface."""
        return int(self.run(["ip", "-o", "link", "show", interface]).split(":")[0])

    def pair(self, letter: str, numbers: tuple[int, int] | None = None) -> None:
        """Make a pair of interfaces, with these numbers if any are given, and set them up."""
        first, second = (("index", str(number)) for number in numbers) if numbers else ((), ())
        self.ip("link", "add", f"{letter}0", *first, "type", "veth", "peer", "name", f"{letter}1", *second)
        for end in "01":
            # Nothing but what the tests send: no neighbour discovery of IPv6.
            self.run(["sh", "-c", f"echo 1 > /proc/sys/net/ipv6/conf/{letter}{end}/disable_ipv6"])
            self.ip("link", "set", f"{letter}{end}", "up")

    def command(self, arguments: Sequence[str | Path]) -> list[str]:
        """Return a command that runs within the namespace."""
        return ["ip", "netns", "exec", self.name, *map(str, arguments)]

    def run(self, arguments: Sequence[str | Path]) -> str:
        """Run a command within the namespace and return what it printed."""
        done = subprocess.run(self.command(arguments), cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
        return done.stdout

    def send(self, path: Path, interface: str = "a0", rate: float = 20_000) -> int:
        """Send the packets of a file and return how many there were."""
        return int(self.run([sys.executable, "-m", "tests.pipeline.sending", path, interface, str(rate)]))

    def start_sending(self, path: Path, interface: str = "a0", rate: float = 200) -> subprocess.Popen[bytes]:
        """Send in the background."""
        arguments: list[str | Path] = [sys.executable, "-m", "tests.pipeline.sending", path, interface, str(rate)]
        self.started.append(subprocess.Popen(self.command(arguments), cwd=ROOT, stdout=subprocess.DEVNULL))
        return self.started[-1]


@contextmanager
def wires() -> Iterator[Wires]:
    """Make a namespace, and remove it with all that is in it."""
    name = f"secwatch-{os.getpid()}-{time.monotonic_ns() % 10**9}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    made = Wires(name)
    try:
        made.ip("link", "set", "lo", "up")
        made.pair("a")
        made.pair("b")
        yield made
    finally:
        for process in made.started:
            if process.poll() is None:
                process.kill()
                process.wait()
            for stream in (process.stdout, process.stderr):
                if stream is not None:
                    stream.close()
        subprocess.run(["ip", "netns", "delete", name], check=False)


class Live:
    """A running `secwatch sense live`, told apart from others by the socket it notifies."""

    def __init__(
        self,
        wires: Wires,
        workspace: Path,
        *arguments: str,
        watchdog: float = 0,
        before: str = "",
        errors: int = subprocess.PIPE,
        **variables: str,
    ):
        self._directory = tempfile.TemporaryDirectory()
        address = Path(self._directory.name) / "notify"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(address))
        address.chmod(0o777)
        Path(self._directory.name).chmod(0o755)
        self._socket.settimeout(30)
        self.messages: list[str] = []
        clean = {name: value for name, value in os.environ.items() if not name.startswith("SECWATCH_W")}
        clean |= {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error", "NOTIFY_SOCKET": str(address), **variables}
        if watchdog:
            clean["WATCHDOG_USEC"] = str(int(watchdog * 1e6))
        # `before` is Python that the process runs first: to turn a clock, or to have less patience than in earnest.
        begin = ["-c", f"{before}\nfrom cli import main\nmain()"] if before else [ROOT / "cli.py"]
        command: list[str | Path] = [
            sys.executable,
            *begin,
            "--lang",
            "en",
            "-w",
            workspace,
            "sense",
            "live",
            *arguments,
        ]
        self.process = subprocess.Popen(
            wires.command(command),
            env=clean,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
        )
        wires.started.append(self.process)

    def wait_for(self, message: str, seconds: float = 30) -> None:
        """Wait until it has told its service manager so; fail if it ends before."""
        deadline = time.monotonic() + seconds
        self._socket.settimeout(0.2)
        while not any(message in item for item in self.messages):
            try:
                self.messages += self._socket.recv(4096).decode().split("\n")
            except TimeoutError:
                assert time.monotonic() < deadline, f"no {message} among {self.messages}"
                if self.process.poll() is not None:
                    raise AssertionError(self.end(None).stderr) from None

    def ready(self) -> Live:
        """Wait until it captures."""
        self.wait_for("READY=1")
        return self

    def tell(self, number: int) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def end(self, number: int | None = signal.SIGTERM, seconds: float = 60) -> Run:
        """Send the signal, wait for the end, and return how it ended."""
        if number is not None:
            self.process.send_signal(number)
        out, said = self.process.communicate(timeout=seconds)
        self._socket.settimeout(0)
        try:
            while True:
                self.messages += self._socket.recv(4096).decode().split("\n")
        except BlockingIOError:
            pass
        self._socket.close()
        self._directory.cleanup()
        return Run(self.process.returncode, out.decode(), (said or b"").decode())

    def kill(self) -> None:
        """End it at once, as a crash would, and wait until it is gone."""
        self.end(signal.SIGKILL)


def rows(workspace: Path, table: str, select: str = "*") -> list[dict[str, object]]:
    """Return the rows of a table of the lake: all of it, or what `select` (with what follows FROM) says."""
    files = sorted(map(str, (workspace / "state" / "lake" / table).rglob("*.parquet")))
    if not files:
        return []
    what, _, rest = select.partition(" FROM ")
    with duckdb.connect() as connection:
        found = connection.execute(f"SELECT {what} FROM read_parquet(?) {rest}", [files])  # noqa: S608 -- the test's own
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]
