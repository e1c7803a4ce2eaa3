"""Attacks one target for a while: `python -m tests.sensor.hostile TARGET --seconds N --findings DIRECTORY`.

Run with NUMBA_BOUNDSCHECK=1 and an empty SECWATCH_CACHE, or with NUMBA_DISABLE_JIT=1: a run in which a
planted out-of-range read goes unnoticed is void (exit code 1), as is one that finds something. What it was
doing when it died is in --findings; `--input FILE` runs one input again. Prints one line of JSON.
"""

from __future__ import annotations

import argparse
import faulthandler
import hashlib
import importlib
import json
import random
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FunctionType

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as hypothesis_seed
from hypothesis import strategies as st

from tests.sensor.fuzzing import planted_read_is_caught
from tests.sensor.hostile.targets import TARGETS, Target

DEADLINE = 20  # seconds of one input, on a busy machine in plain Python


@dataclass
class Attack:
    """One run: counts inputs, keeps the slowest and what went wrong."""

    target: str
    findings: Path
    inputs: int = 0
    slowest: float = 0.0
    found: dict[str, str] = field(default_factory=dict)

    def run(self, data: bytes) -> None:
        """Check one input; write it down first, for the case that nothing comes back."""
        current = self.findings / f"{self.target}.current"
        current.write_bytes(data)
        faulthandler.dump_traceback_later(DEADLINE, exit=True)
        start = time.perf_counter()
        try:
            TARGETS[self.target].check(data)
        finally:
            faulthandler.cancel_dump_traceback_later()
            self.slowest = max(self.slowest, time.perf_counter() - start)
            self.inputs += 1

    def try_one(self, data: bytes) -> None:
        """Check one input and note what it raises, once per place in the program."""
        try:
            self.run(data)
        except Exception as error:  # noqa: BLE001 - every exception is a finding
            self.note(error, data)

    def note(self, error: BaseException, data: bytes) -> None:
        """Keep a finding: its input in a file, its traceback in the report."""
        frames = traceback.extract_tb(error.__traceback__)
        where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno} {type(error).__name__}: {str(error)[:200]}"
        if where not in self.found:
            name = f"{self.target}-{hashlib.sha256(data).hexdigest()[:12]}.bin"
            (self.findings / name).write_bytes(data)
            self.found[where] = name
            traceback.print_exception(error, file=sys.stderr)


def _mutation(attack: Attack, target: Target, seconds: float, seed: int) -> None:
    source = random.Random(seed)
    end = time.monotonic() + seconds
    for data in target.seeds():
        attack.try_one(data)
        if time.monotonic() > end:
            return
    while time.monotonic() < end:
        attack.try_one(target.next_input(source))


def _hypothesis(attack: Attack, target: Target, seconds: float, seed: int) -> None:
    """Damaged seeds and any bytes at all; hypothesis shrinks what it finds."""
    end = time.monotonic() + seconds
    inputs = st.one_of(st.binary(max_size=400), st.randoms(use_true_random=False).map(target.next_input))

    while time.monotonic() < end:
        seed += 1

        @hypothesis_seed(seed)
        @settings(
            max_examples=200,
            deadline=None,
            database=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        )
        @given(inputs)
        def round_of(data: bytes) -> None:
            attack.run(data)

        try:
            round_of()
        except Exception as error:  # noqa: BLE001 - every exception is a finding
            attack.note(error, (attack.findings / f"{attack.target}.current").read_bytes())
            return


def _atheris(attack: Attack, target: Target, seconds: float, seed: int) -> None:
    """Coverage-guided, from the seeds. Needs an interpreter that has atheris, and NUMBA_DISABLE_JIT=1."""
    atheris = importlib.import_module("atheris")
    for module in [module for name, module in sys.modules.items() if name.startswith("secwatch.sensor")]:
        for owner in (module, *(item for item in vars(module).values() if isinstance(item, type))):
            for function in [item for item in vars(owner).values() if isinstance(item, FunctionType)]:
                if function.__module__ == module.__name__:
                    atheris.instrument_func(function)
    corpus = attack.findings / f"{attack.target}-corpus"
    corpus.mkdir(exist_ok=True)
    for data in target.seeds():
        (corpus / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)
    start = time.monotonic()
    told: list[bool] = []

    def one(data: bytes) -> None:
        attack.run(data)
        if time.monotonic() - start > seconds and not told:
            told.append(True)
            _report(attack, "atheris", time.monotonic() - start)
            sys.stdout.flush()

    options = [f"-seed={seed or 1}", "-max_len=20000", f"-artifact_prefix={attack.findings}/", "-rss_limit_mb=4096"]
    options += ["-verbosity=0", f"-max_total_time={int(seconds) + 2}"]
    atheris.Setup([sys.argv[0], *options, str(corpus)], one)
    atheris.Fuzz()  # does not come back: libFuzzer ends the process


ENGINES: dict[str, Callable[[Attack, Target, float, int], None]] = {
    "mutation": _mutation,
    "hypothesis": _hypothesis,
    "atheris": _atheris,
}


def _report(attack: Attack, engine: str, spent: float) -> None:
    report = {"target": attack.target, "engine": engine, "inputs": attack.inputs, "seconds": round(spent, 1)}
    report |= {"inputs_per_second": round(attack.inputs / spent, 1), "slowest_seconds": round(attack.slowest, 3)}
    print(json.dumps(report | {"findings": attack.found}))  # noqa: T201 - this is the program's answer


def main() -> None:
    """Attack, and report."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--engine", choices=ENGINES, default="mutation")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--findings", type=Path, required=True)
    parser.add_argument("--input", type=Path)
    chosen = parser.parse_args()
    if not planted_read_is_caught():
        sys.exit("void: an out-of-range read was not noticed")
    if chosen.input:
        TARGETS[chosen.target].check(chosen.input.read_bytes())
        return
    chosen.findings.mkdir(parents=True, exist_ok=True)
    attack = Attack(chosen.target, chosen.findings)
    TARGETS[chosen.target].check(TARGETS[chosen.target].seeds()[0])  # compiles what is to be compiled
    start = time.monotonic()
    ENGINES[chosen.engine](attack, TARGETS[chosen.target], chosen.seconds, chosen.seed)
    spent = time.monotonic() - start
    _report(attack, chosen.engine, spent)
    sys.exit(1 if attack.found else 0)


if __name__ == "__main__":
    main()
