"""What this machine has and lacks: one check each, with a sentence and a fix. Used by `secwatch doctor`."""

from __future__ import annotations

import locale
import os
import platform
import re
import shutil
import socket
import sqlite3
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from secwatch.core.errors import ProgramMissing, SecwatchError
from secwatch.system import process
from secwatch.system.paths import Place

# The oldest restic that the driver knows (Debian 12); reference: restic's own release notes.
OLDEST_RESTIC = (0, 14)
FREE_BYTES_LOW = 2 << 30
CLOCK_EARLIEST = 1_767_225_600  # 2026-01-01: an older clock is a clock that was never set


class Result(StrEnum):
    """How a check ended; `MISSING` is needed for everything, `LIMITED` for some of it."""

    GOOD = "good"
    LIMITED = "limited"
    MISSING = "missing"


@dataclass(frozen=True)
class Check:
    """One thing looked at: what was found, and the command that mends it."""

    name: str
    result: Result
    found: str
    fix: str = ""


def examine(place: Place, restic: str) -> Sequence[Check]:
    """Return every check of this machine, in the order of importance. No check raises."""
    checks: list[Callable[[], Check]] = [
        _python,
        _libraries,
        lambda: _restic(restic),
        _capture,
        lambda: _state(place),
        lambda: _disk(place),
        _clock,
        _locale,
        _terminal,
        _processor,
    ]
    return [_guarded(check) for check in checks]


def _guarded(check: Callable[[], Check]) -> Check:
    try:
        return check()
    except (OSError, SecwatchError, ValueError) as error:
        return Check(check.__name__.strip("_"), Result.MISSING, f"could not be examined: {error}")


def _python() -> Check:
    found = sys.version.split()[0]
    good = (3, 11) <= sys.version_info[:2] <= (3, 13)
    return Check("python", Result.GOOD if good else Result.MISSING, found, "" if good else "install CPython 3.11–3.13")


def _libraries() -> Check:
    names = ("numba", "duckdb", "yara-python", "boreal-python", "scapy", "paramiko", "sqlite-utils", "cryptography")
    found: list[str] = []
    missing: list[str] = []
    for name in names:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    found.append(f"SQLite {sqlite3.sqlite_version}")
    if missing:
        return Check("libraries", Result.MISSING, f"missing: {', '.join(missing)}", "make install")
    return Check("libraries", Result.GOOD, ", ".join(found))


def _restic(program: str) -> Check:
    fix = "apt-get install restic"
    try:
        text = process.run([process.find_program(program, "restic"), "version"], timeout=20).stdout
    except ProgramMissing as error:
        return Check("restic", Result.MISSING, error.message, fix)
    numbers = re.search(r"restic (\d+)\.(\d+)", text)
    if numbers is None:
        return Check("restic", Result.MISSING, f"{program} does not say its version", fix)
    new_enough = (int(numbers[1]), int(numbers[2])) >= OLDEST_RESTIC
    shown = text.strip().partition("\n")[0]
    return Check("restic", Result.GOOD if new_enough else Result.MISSING, shown, "" if new_enough else fix)


def _capture() -> Check:
    """Opening a packet socket is the only sure test of the permission to capture."""
    try:
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0).close()
    except PermissionError:
        fix = "run the sensor with AmbientCapabilities=CAP_NET_RAW (systemd), or as root"
        return Check("capture", Result.LIMITED, "no permission to capture (CAP_NET_RAW); files can be read", fix)
    return Check("capture", Result.GOOD, "packets can be captured (CAP_NET_RAW)")


def _existing(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path


def _state(place: Place) -> Check:
    here = _existing(place.state)
    if not os.access(here, os.W_OK | os.X_OK):
        return Check("state", Result.MISSING, f"{here} cannot be written", "secwatch init DIR, then secwatch -w DIR …")
    return Check("state", Result.GOOD, str(place.state))


def _disk(place: Place) -> Check:
    usage = shutil.disk_usage(_existing(place.state))
    shown = f"{usage.free / (1 << 30):.1f} GiB free of {usage.total / (1 << 30):.0f} GiB"
    low = usage.free < FREE_BYTES_LOW
    fix = "free some space, or move the workspace" if low else ""
    return Check("disk", Result.LIMITED if low else Result.GOOD, shown, fix)


def _clock() -> Check:
    now = time.time()
    shown = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now))
    fix = "timedatectl set-ntp true"
    if now < CLOCK_EARLIEST:
        return Check("clock", Result.MISSING, f"{shown} cannot be right", fix)
    if shutil.which("timedatectl"):
        answer = process.run(["timedatectl", "show", "--property=NTPSynchronized", "--value"], timeout=10)
        if answer.return_code == 0 and answer.stdout.strip() == "no":
            return Check("clock", Result.LIMITED, f"{shown}, not synchronised", fix)
        if answer.return_code == 0:
            return Check("clock", Result.GOOD, f"{shown}, synchronised")
    return Check("clock", Result.GOOD, f"{shown}, synchronisation unknown")


def _locale() -> Check:
    encoding = locale.getencoding().lower().replace("-", "")
    if encoding != "utf8":
        return Check("locale", Result.LIMITED, f"{encoding}: Chinese may not be shown", "export LANG=C.UTF-8")
    return Check("locale", Result.GOOD, f"UTF-8 ({os.environ.get('LC_ALL') or os.environ.get('LANG') or 'default'})")


def _terminal() -> Check:
    """Ask the terminal how wide it draws an ambiguous character, by where its cursor then stands."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return Check("terminal", Result.GOOD, "no terminal: plain text, 100 columns")
    width = _ambiguous_width()
    chosen = os.environ.get("SECWATCH_AMBIGUOUS", "1")
    if width is None:
        return Check("terminal", Result.GOOD, "does not answer; ambiguous characters are taken as one cell wide")
    if str(width) != chosen:
        return Check(
            "terminal",
            Result.LIMITED,
            f"draws ambiguous characters {width} wide, secwatch takes {chosen}",
            f"export SECWATCH_AMBIGUOUS={width}",
        )
    return Check("terminal", Result.GOOD, f"ambiguous characters are {width} wide, as secwatch takes them")


def _ambiguous_width() -> int | None:
    import select
    import termios
    import tty

    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    answer = b""
    try:
        tty.setcbreak(descriptor)
        os.write(sys.stderr.fileno(), "\r①\x1b[6n".encode())
        while not answer.endswith(b"R") and len(answer) < 32 and select.select([descriptor], [], [], 0.3)[0]:
            answer += os.read(descriptor, 32)
        os.write(sys.stderr.fileno(), b"\r\x1b[K")
    finally:
        termios.tcsetattr(descriptor, termios.TCSANOW, before)
    found = re.search(rb"\[\d+;(\d+)R", answer)
    return int(found[1]) - 1 if found else None


def _processor() -> Check:
    """The pinned wheels exist for these two families (docs/platforms.md)."""
    machine = platform.machine()
    known = machine in ("x86_64", "aarch64")
    shown = f"{machine}, {os.cpu_count()} processors, {' '.join(platform.libc_ver()) or 'unknown C library'}"
    return Check("processor", Result.GOOD if known else Result.LIMITED, shown, "" if known else "see docs/platforms.md")
