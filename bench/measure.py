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

_SAMPLE_SECONDS = 0.02


@dataclass(frozen=True)
class Sample:
    """One run of one process with all it starts: seconds of wall clock and processor, peak of memory in MiB.

    anonymous is memory that no file stands behind (RssAnon), of the process and its children together, sampled.
    """

    wall: float
    processor: float
    anonymous: float


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
    anonymous = 0.0
    while True:
        anonymous = max(anonymous, _anonymous(process.pid))
        ended, status, usage = os.wait4(process.pid, os.WNOHANG)
        wall = time.monotonic() - started
        if ended:
            break
        time.sleep(_SAMPLE_SECONDS)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in contender.allowed_codes:
        sys.exit(f"{contender.name} ended with {process.returncode}: {' '.join(contender.arguments)}")
    return Sample(wall, usage.ru_utime + usage.ru_stime, anonymous)


def _anonymous(pid: int) -> float:
    """Return the anonymous memory of a process and all below it, in MiB; nothing for what has ended."""
    total = 0.0
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                total += int(line.split()[1]) / 1024
        for task in Path(f"/proc/{pid}/task").iterdir():
            total += sum(_anonymous(int(child)) for child in (task / "children").read_text().split())
    except OSError:
        pass
    return total


def table(contenders: Sequence[Contender], ours: Sequence[Contender], unit: str) -> str:
    """Return the comparison as a Markdown table; a ratio above 1 means that ours is faster than that row.

    Ratios are of wall clock, median (least to most) over the rounds, a column for each of ours.
    """
    names = " | ".join(f"{item.name} ÷ this" for item in ours)
    lines = [
        f"| program | {unit}/s (median) | processor s | RssAnon MiB | {names} | remark |",
        "|---|---|---|---|" + "---|" * (len(ours) + 1),
    ]
    for contender in contenders:
        processor = statistics.median(sample.processor for sample in contender.samples)
        anonymous = max(sample.anonymous for sample in contender.samples)
        spans = " | ".join(_span(mine, contender) for mine in ours)
        lines.append(
            f"| {contender.name} | {contender.rate:,.0f} | {processor:.1f} | {anonymous:.0f} | {spans}"
            f" | {contender.note} |"
        )
    return "\n".join(lines)


def _span(mine: Contender, other: Contender) -> str:
    if mine is other:
        return "1"
    ratios = [
        (mine.work / one.wall) / (other.work / two.wall) for one, two in zip(mine.samples, other.samples, strict=True)
    ]
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})"


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
