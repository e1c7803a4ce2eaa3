"""`sense live` beside tcpdump, pcapy-ng and scapy: tcpreplay sends over a veth pair on the same two cores. Needs root.

usage: python -m bench.live [--packets N] [--loops N] [--rounds N] [--pcapy PYTHON]

`--pcapy` names a Python that has pcapy-ng (a virtual environment of its own; it is no dependency of secwatch).
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.measure import machine
from bench.sensor import ROOT, synthetic

STEADY_RATE = 100_000
STEADY_SECONDS = 30
SETTLE_SECONDS = 1.5

SCAPY = (
    "import signal\n"
    "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})\n"
    "from scapy.sendrecv import AsyncSniffer\n"
    "seen = [0]\n"
    "def count(packet): seen[0] += 1\n"
    "sniffer = AsyncSniffer(iface='v1', store=False, prn=count); sniffer.start()\n"
    "signal.sigwait({signal.SIGINT}); sniffer.stop(); print(seen[0], 0)\n"
)
PCAPY = (
    "import pcapy, select, signal\n"
    "going = [True]\n"
    "signal.signal(signal.SIGINT, lambda *_: going.clear())\n"
    "r = pcapy.create('v1'); r.set_snaplen(262144); r.set_buffer_size(64 << 20); r.set_timeout(60); r.activate()\n"
    "r.setnonblock(1); p = select.poll(); p.register(r.getfd(), select.POLLIN)\n"
    "flows = {}; n = 0\n"
    "def take(head, data):\n"
    "    global n\n"
    "    n += 1; key = data[23:38]; flows[key] = flows.get(key, 0) + head.getlen()\n"
    "while True:\n"
    "    if not r.dispatch(-1, take):\n"
    "        if not going: break\n"
    "        p.poll(50)\n"
    "print(n, r.stats()[1])\n"
)


@dataclass(frozen=True)
class Sample:
    """One replay: packets sent and taken, drops as the program or the kernel counts them, seconds."""

    sent: int
    taken: int
    dropped: int
    sending: float
    processor: float

    @property
    def lost(self) -> int:
        """Packets sent that the program never saw, whoever dropped them."""
        return self.sent - self.taken


@dataclass
class Contender:
    """A program that captures on v1 until SIGINT."""

    name: str
    command: Sequence[str]
    remark: str
    samples: list[Sample] = field(default_factory=list)


class Network:
    """A namespace with the veth pair v0–v1."""

    def __init__(self) -> None:
        self.name = f"bench-live-{os.getpid()}"

    def run(self, *command: str) -> str:
        """Run a command within and return its output."""
        full = ["ip", "netns", "exec", self.name, *command]
        return subprocess.run(full, capture_output=True, text=True, check=True).stdout

    def replay(self, path: Path, *options: str) -> tuple[int, float]:
        """Send the file's packets; return how many, and the seconds it took."""
        out = self.run("tcpreplay", "-q", "-i", "v0", "--preload-pcap", *options, str(path))
        found = re.search(r"Actual: (\d+) packets .* sent in ([\d.]+) seconds", out)
        if found is None:
            sys.exit(f"tcpreplay said: {out}")
        return int(found[1]), float(found[2])


@contextmanager
def network() -> Iterator[Network]:
    """Make the namespace, and remove it."""
    made = Network()
    subprocess.run(["ip", "netns", "add", made.name], check=True)
    try:
        made.run("ip", "link", "add", "v0", "type", "veth", "peer", "name", "v1")
        for end in ("v0", "v1"):
            made.run("sh", "-c", f"echo 1 > /proc/sys/net/ipv6/conf/{end}/disable_ipv6")
            made.run("ip", "link", "set", end, "up")
        yield made
    finally:
        subprocess.run(["ip", "netns", "delete", made.name], check=False)


def measure(net: Network, contender: Contender, path: Path, *options: str) -> Sample:
    """Start the program, send, let it come to rest, stop it."""
    with tempfile.TemporaryDirectory() as directory, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.bind(f"{directory}/notify")
        told.settimeout(180)
        command = [part.replace("DIRECTORY", directory) for part in contender.command]
        if contender.name.startswith("secwatch"):
            init = [sys.executable, str(ROOT / "cli.py"), "init", f"{directory}/city"]
            subprocess.run(init, check=True, capture_output=True)
        process = subprocess.Popen(
            ["ip", "netns", "exec", net.name, *command],
            cwd=ROOT,
            env={**os.environ, "NOTIFY_SOCKET": f"{directory}/notify"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        if contender.name.startswith("secwatch"):
            while b"READY=1" not in told.recv(4096):
                pass
        else:
            time.sleep(4)
        before = _processor(process.pid)
        sent, sending = net.replay(path, *options)
        _known_children[0] = _children()  # the sender's time is not the program's
        time.sleep(SETTLE_SECONDS)
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate(timeout=300)
        processor = _children() - _known_children[0] - before
        _known_children[0] = _children()
        taken, dropped = _numbers(contender.name, out, errors)
    return Sample(sent, taken, dropped, sending, processor)


_known_children = [0.0]


def _children() -> float:
    usage = os.times()
    return usage.children_user + usage.children_system


def _processor(pid: int) -> float:
    """Processor seconds of a running process so far: its start is not measured."""
    _known_children[0] = _children()
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def _numbers(name: str, out: str, errors: str) -> tuple[int, int]:
    if name.startswith("secwatch"):
        result = json.loads(out)
        return result["packets"], result["dropped"]
    if name == "tcpdump":
        found = re.findall(r"(\d+) packets (captured|dropped by kernel)", errors)
        numbers = {word: int(number) for number, word in found}
        return numbers["captured"], numbers["dropped by kernel"]
    taken, dropped = map(int, out.split()[-2:])
    return taken, dropped


def contenders(pcapy: str | None) -> list[Contender]:
    """Return ours and the peers that are there."""
    ours = [sys.executable, str(ROOT / "cli.py"), "-w", "DIRECTORY/city", "sense", "live", "-i", "v1", "--json"]
    found = [
        Contender("secwatch sense live", ours, "flows, events, Parquet, detections, alerts"),
        Contender("tcpdump", ["tcpdump", "-i", "v1", "-s", "0", "-Z", "root", "-w", "DIRECTORY/out.pcap"], "to a file"),
        Contender("scapy", [sys.executable, "-c", SCAPY], "AsyncSniffer, counts only"),
    ]
    if pcapy:
        found.insert(2, Contender("pcapy-ng", [pcapy, "-c", PCAPY], "64 MiB buffer, a dict of flows"))
    return [item for item in found if shutil.which(item.command[0])]


def main() -> None:
    """Run both comparisons and print their tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packets", type=int, default=300_000)
    parser.add_argument("--loops", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pcapy", metavar="PYTHON")
    options = parser.parse_args()
    path, _ = synthetic(options.packets)
    everyone = contenders(options.pcapy)
    with network() as net:
        for number in range(options.rounds):
            for contender in everyone:
                sample = measure(net, contender, path, "--topspeed", f"--loop={options.loops}")
                contender.samples.append(sample)
                print(f"  round {number}: {contender.name}: {sample}", file=sys.stderr, flush=True)
        steady = measure(
            net, everyone[0], path, f"--pps={STEADY_RATE}", f"--loop={STEADY_RATE * STEADY_SECONDS // options.packets}"
        )
    print(f"{machine()}\n")
    print("| program | packets/s sent | sent | lost (each round) | processor s per million taken | remark |")
    print("|---|---|---|---|---|---|")
    for contender in everyone:
        samples = contender.samples
        rate = statistics.median(sample.sent / sample.sending for sample in samples)
        lost = ", ".join(f"{sample.lost:,}" for sample in samples)
        each = statistics.median(sample.processor / max(sample.taken, 1) * 1e6 for sample in samples)
        print(f"| {contender.name} | {rate:,.0f} | {samples[0].sent:,} | {lost} | {each:.2f} | {contender.remark} |")
    share = steady.processor / steady.sending
    print(
        f"\n`sense live` at {steady.sent / steady.sending:,.0f} packets/s for {steady.sending:.0f} s: {share:.0%} of"
        f" one core, the detections and the last window included; lost {steady.lost:,}."
    )


if __name__ == "__main__":
    main()
