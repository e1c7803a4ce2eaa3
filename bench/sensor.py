"""`sense read` against nfpcapd, ndpiReader, argus and tshark: whole processes in turn on the same long captures.

usage: python -m bench.sensor [--captures DIRECTORY] [--packets N] [--rounds N] [--only NAME]

Four captures, made once: `mixture`, every real capture of the directory copied equally often (bench/mixture.py:
a third of its packets begin a flow, which no network shows: the hardest case); `ordinary`, the same with attacks
as 5 % of the packets; `synthetic`, generated traffic of departments with flows of usual length; `concurrent`, a
million flows open at once, to see the memory.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

from bench import concurrent
from bench.measure import Contender, machine, run_in_turn, table
from bench.mixture import copies, load, write

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / "bench" / "captures"
REAL = ("mixture", "ordinary")
CAPTURES = (*REAL, "synthetic", "concurrent")
SECONDS = 3000  # of the mixtures: 6,700 packets a second, what a department of some hundred endpoints sees by day
SYNTHETIC_PACKETS = 13_200_000  # 10 GB: also the long file whose reading must not need more memory
# These need minutes for more (argus on many hosts), tshark gigabytes too: their rate is what is compared.
SHORT_PACKETS = {"tshark": 1_000_000, "argus": 1_000_000, "ndpiReader": 4_000_000}


def real(name: str, directory: Path, packets: int, attacks: float | None) -> tuple[Path, int]:
    """Return a mixture of the real captures and how many packets it has, made once."""
    path = WORK / f"{name}-{packets}.pcap"
    templates, left_out = load(directory)
    counts = copies(templates, packets, attacks)
    if not path.exists():
        print(f"making {path.name}; left out: {left_out or 'nothing'}", file=sys.stderr)
        write(path, templates, counts, SECONDS, seed=1)
    return path, sum(len(item.packets) * count for item, count in zip(templates, counts, strict=True))


def synthetic(packets: int) -> tuple[Path, int]:
    """Return a generated capture with that many packets, made once."""
    path = WORK / f"synthetic-{packets}.pcap"
    if not path.exists():
        partial = path.with_suffix(".partial")
        make = [sys.executable, "-m", "secwatch.sensor.dissect", "synthesise", str(partial), "--seed", "1"]
        subprocess.run([*make, "--packets", str(packets)], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        partial.rename(path)
    return path, packets


def many_flows() -> tuple[Path, int]:
    """Return the capture of many flows at once and how many packets it has, made once."""
    path = WORK / f"concurrent-{concurrent.FLOWS}.pcap"
    return path, concurrent.FLOWS * concurrent.PACKETS_A_FLOW if path.exists() else concurrent.write(path)


def beginning(path: Path, packets: int) -> Path:
    """Return a capture of the first so many packets, made once."""
    short = path.with_name(f"{path.stem}-first-{packets}.pcap")
    if not short.exists():
        partial = short.with_suffix(".partial")
        subprocess.run(["editcap", "-F", "pcap", "-r", str(path), str(partial), f"1-{packets}"], check=True)
        partial.rename(short)
    return short


def _fresh(directory: Path) -> None:
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)


def contenders(path: Path, packets: int) -> list[Contender]:
    """Return both of ours first, then the peers that are installed."""
    city, flows, records = WORK / "city", WORK / "nfcapd", WORK / "argus"

    def workspace() -> None:
        shutil.rmtree(city, ignore_errors=True)
        subprocess.run([sys.executable, "cli.py", "init", str(city)], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)

    ours = [sys.executable, str(ROOT / "cli.py"), "-q", "-w", str(city), "sense", "read", str(path)]
    cutting = shutil.which("editcap") is not None  # comes with tshark
    short = {name: min(most, packets) if cutting else packets for name, most in SHORT_PACKETS.items()}
    cut = {name: str(beginning(path, most) if most < packets else path) for name, most in short.items()}
    found = [
        Contender("everything", ours, packets, workspace, note="flows, events, Parquet, detections, alerts"),
        Contender("flows only", [*ours, "--flows-only", "--no-detect"], packets, workspace, note="flows to Parquet"),
        Contender(
            "nfpcapd", ["nfpcapd", "-r", str(path), "-l", str(flows)], packets,
            lambda: _fresh(flows), note="flows to its own file",
        ),
        Contender(
            "ndpiReader", ["ndpiReader", "-i", cut["ndpiReader"], "-q"], short["ndpiReader"],
            note=f"flows, applications; no output; {short['ndpiReader']:,} packets",
        ),
        Contender(
            "argus", ["sh", "-c", f"argus -r {cut['argus']} -w {records}/out; exec ra -r {records}/out -n"],
            short["argus"], lambda: _fresh(records), note=f"flows to a file; ra as text; {short['argus']:,} packets",
        ),
        Contender(
            "tshark", ["tshark", "-r", cut["tshark"], "-q", "-z", "conv,tcp"], short["tshark"],
            note=f"conversations; {short['tshark']:,} packets",
        ),
    ]  # fmt: skip
    return [item for item in found if shutil.which(item.name.partition(" ")[0]) or item.arguments[0] == sys.executable]


def main() -> None:
    """Run the comparisons and print their tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given = os.environ.get("SECWATCH_TEST_DATA")
    parser.add_argument("--captures", type=Path, default=Path(given) / "captures" if given else None)
    parser.add_argument("--packets", type=int, default=20_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=CAPTURES)
    options = parser.parse_args()
    WORK.mkdir(exist_ok=True)
    print(f"{machine()}; {options.rounds} rounds in turn, after one that is not counted")
    for name in CAPTURES:
        if options.only not in (None, name) or (name in REAL and options.captures is None):
            continue
        if name == "synthetic":
            path, packets = synthetic(SYNTHETIC_PACKETS)
        elif name == "concurrent":
            path, packets = many_flows()
        else:
            path, packets = real(name, options.captures, options.packets, 0.05 if name == "ordinary" else None)
        entries = contenders(path, packets)
        run_in_turn(entries, options.rounds)
        size = path.stat().st_size
        print(
            f"\n{name}: {packets:,} packets, {size / 1e9:.2f} GB\n\n{table(entries, entries[:2], 'packets')}",
            flush=True,
        )


if __name__ == "__main__":
    main()
