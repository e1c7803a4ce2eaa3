"""Timing whole processes in turn: every contender once per round, so that a drifting machine treats all alike."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path


@dataclass(frozen=True)
class Sample:
    """One run of one process: seconds of wall clock and processor, peak resident MiB of the largest process."""

    wall: float
    processor: float
    peak_mebibytes: float


@dataclass
class Contender:
    """A program in the comparison.

    work is how much one run does, in the unit of the table (packets, files). prepare runs before
    every run and is not timed.
    """

    name: str
    arguments: Sequence[str]
    work: int
    prepare: Callable[[], None] = lambda: None
    allowed_codes: tuple[int, ...] = (0,)
    note: str = ""
    samples: list[Sample] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Median of work per second of wall clock."""
        return statistics.median(self.work / sample.wall for sample in self.samples)


def run_in_turn(contenders: Sequence[Contender], rounds: int) -> None:
    """Run every contender once per round, after one round that is not counted."""
    for number in range(rounds + 1):
        for contender in contenders:
            contender.prepare()
            sample = _run(contender)
            if number:
                contender.samples.append(sample)
            print(f"  round {number}: {contender.name}: {sample.wall:.2f} s", file=sys.stderr, flush=True)


def _run(contender: Contender) -> Sample:
    started = time.monotonic()
    process = subprocess.Popen(
        list(contender.arguments), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in contender.allowed_codes:
        sys.exit(f"{contender.name} ended with {process.returncode}: {' '.join(contender.arguments)}")
    return Sample(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def table(contenders: Sequence[Contender], ours: Contender, unit: str) -> str:
    """Return the comparison as a Markdown table; a ratio above 1 means that ours is faster than that row."""
    lines = [
        f"| program | {unit}/s (median) | processor s | peak MiB | ours ÷ this | remark |",
        "|---|---|---|---|---|---|",
    ]
    for contender in contenders:
        processor = statistics.median(sample.processor for sample in contender.samples)
        peak = max(sample.peak_mebibytes for sample in contender.samples)
        ratios = [
            (ours.work / mine.wall) / (contender.work / other.wall)
            for mine, other in zip(ours.samples, contender.samples, strict=True)
        ]
        ratio = statistics.median(ratios)
        span = f"{ratio:.2f} ({min(ratios):.2f}–{max(ratios):.2f})" if contender is not ours else "1"
        lines.append(
            f"| {contender.name} | {contender.rate:,.0f} | {processor:.2f} | {peak:.0f} | {span} | {contender.note} |"
        )
    return "\n".join(lines)


def machine() -> str:
    """Return one line that says when and on what this was measured."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} × {model}, Linux {platform.release()}, "
        f"CPython {platform.python_version()}; a shared machine: ratios count, not absolute figures"
    )
