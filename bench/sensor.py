"""`sense read` against nfpcapd, ndpiReader, tshark and scapy on one generated capture of 3 million packets.

usage: python -m bench.sensor [--packets N] [--rounds N]
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from bench.measure import Contender, machine, run_in_turn, table

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / "bench" / "captures"
# scapy reads some thousand packets a second: it gets a shorter capture, and its rate is compared.
SCAPY_PACKETS = 60_000
SCAPY = (
    "import sys; from scapy.utils import PcapReader; import scapy.layers.l2, scapy.layers.inet, scapy.layers.inet6, "
    "scapy.layers.dns\n"
    "flows = {}\n"
    "for p in PcapReader(sys.argv[1]):\n"
    "    ip = p.payload\n"
    "    key = (ip.fields.get('src'), ip.fields.get('dst'), getattr(ip.payload, 'sport', 0), "
    "getattr(ip.payload, 'dport', 0))\n"
    "    flows[key] = flows.get(key, 0) + 1\n"
)


def capture(packets: int) -> Path:
    """Return a generated capture with that many packets, made once."""
    path = WORK / f"synthetic-{packets}.pcap"
    if not path.exists():
        partial = path.with_suffix(".partial")
        make = [sys.executable, "-m", "secwatch.sensor.dissect", "synthesise", str(partial), "--seed", "1"]
        subprocess.run([*make, "--packets", str(packets)], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        partial.rename(path)
    return path


def _fresh(directory: Path) -> None:
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)


def contenders(packets: int) -> list[Contender]:
    """Return ours first, then the peers that are installed."""
    path = capture(packets)
    city, flows = WORK / "city", WORK / "nfcapd"

    def workspace() -> None:
        shutil.rmtree(city, ignore_errors=True)
        subprocess.run([sys.executable, "cli.py", "init", str(city)], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)

    ours = [sys.executable, str(ROOT / "cli.py"), "-q", "-w", str(city), "sense", "read", str(path)]
    found = [
        Contender("secwatch sense read", ours, packets, workspace, note="flows, events, Parquet, detections, alerts"),
        Contender(
            "nfpcapd", ["nfpcapd", "-r", str(path), "-w", str(flows), "-l", str(flows)], packets,
            lambda: _fresh(flows), note="flows to its own file",
        ),
        Contender("ndpiReader", ["ndpiReader", "-i", str(path), "-q"], packets, note="flows, applications; no output"),
        Contender("tshark", ["tshark", "-r", str(path), "-q", "-z", "conv,tcp"], packets, note="conversations"),
        Contender(
            "scapy", [sys.executable, "-c", SCAPY, str(capture(SCAPY_PACKETS))], SCAPY_PACKETS,
            note=f"PcapReader and a dict of flows, {SCAPY_PACKETS:,} packets",
        ),
    ]  # fmt: skip
    return [item for item in found if shutil.which(item.arguments[0])]


def main() -> None:
    """Run the comparison and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packets", type=int, default=3_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    WORK.mkdir(exist_ok=True)
    entries = contenders(options.packets)
    run_in_turn(entries, options.rounds)
    print(f"{machine()}; {options.packets:,} packets, {options.rounds} rounds in turn\n")
    print(table(entries, entries[0], "packets"))


if __name__ == "__main__":
    main()
