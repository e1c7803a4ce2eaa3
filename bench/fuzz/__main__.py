"""Attacks the sensor for minutes and says what was found.

usage: python -m bench.fuzz TARGET [--minutes 10] [--engine mutation|hypothesis|atheris] [--plain] [--seed N]

TARGET is packets, files, finders, rings, parts, messages, or all. Kernels are compiled with bounds checks into an
empty cache of their own, or run as plain Python (--plain, always with atheris, which follows the branches of Python
code). atheris is no dependency: `--engine atheris --python PATH` takes an interpreter that has it beside our
own dependencies. Real captures are used as seeds when SECWATCH_TEST_DATA names their folder. Inputs that were
findings stay in bench/fuzz/findings/; `python -m tests.sensor.hostile TARGET --findings X --input FILE` runs
one again. Exit code 1: something was found, or nothing came back.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.measure import machine
from tests.sensor.hostile.targets import TARGETS

ROOT = Path(__file__).resolve().parent.parent.parent
FINDINGS = ROOT / "bench" / "fuzz" / "findings"


def _plain(target: str, chosen: argparse.Namespace) -> bool:
    return chosen.plain or chosen.engine == "atheris" or TARGETS[target].plain


def attack(target: str, chosen: argparse.Namespace, cache: str) -> tuple[int, Mapping[str, Any]]:
    """Attack one target in a process of its own, at low priority. Return its exit code and its report."""
    plain = _plain(target, chosen)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    environment |= {"PYTHONPATH": str(ROOT), "SECWATCH_CACHE": cache}
    environment |= {"NUMBA_DISABLE_JIT": "1"} if plain else {"NUMBA_BOUNDSCHECK": "1"}
    command = ["nice", str(chosen.python), "-m", "tests.sensor.hostile", target, "--engine", chosen.engine]
    command += ["--seconds", str(60 * chosen.minutes), "--seed", str(chosen.seed), "--findings", str(FINDINGS)]
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    lines = done.stdout.strip().splitlines()
    return done.returncode, json.loads(lines[-1]) if lines and lines[-1].startswith("{") else {}


def row(target: str, chosen: argparse.Namespace, code: int, report: Mapping[str, Any]) -> str:
    """Return one line of the table of results."""
    kernels = "plain Python" if _plain(target, chosen) else "compiled, bounds checked"
    if not report:
        return f"| {target} | {chosen.engine} | {kernels} | – | – | – | exit code {code}: see above |"
    found = "; ".join(f"{where} ({name})" for where, name in report["findings"].items()) or "none"
    return (
        f"| {target} | {chosen.engine} | {kernels} | {report['inputs']:,} | {report['inputs_per_second']:,} "
        f"| {report['slowest_seconds']} | {found} |"
    )


def main() -> None:
    """Attack what was asked for, one target after the other, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("target", choices=[*TARGETS, "all"])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--engine", choices=["mutation", "hypothesis", "atheris"], default="mutation")
    parser.add_argument("--plain", action="store_true", help="kernels as plain Python")
    parser.add_argument("--python", type=Path, default=Path(sys.executable), help="interpreter that runs the attack")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    print(f"{machine()}, {chosen.minutes:g} minutes each, seed {chosen.seed}\n")
    print("| target | engine | kernels | inputs | inputs/s | slowest, s | findings |\n|---|---|---|---|---|---|---|")
    worst = 0
    with tempfile.TemporaryDirectory(prefix="secwatch-fuzz-") as cache:
        for target in TARGETS if chosen.target == "all" else [chosen.target]:
            code, report = attack(target, chosen, cache)
            worst = max(worst, abs(code))
            print(row(target, chosen, code, report), flush=True)
    sys.exit(1 if worst else 0)


if __name__ == "__main__":
    main()
