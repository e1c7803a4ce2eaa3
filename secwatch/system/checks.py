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
from secwatch.core.model import Text
from secwatch.system import process
from secwatch.system.paths import Place

# The oldest restic that the driver knows (Debian 12); reference: restic's own release notes.
OLDEST_RESTIC = (0, 14)
FREE_BYTES_LOW = 2 << 30
CLOCK_EARLIEST = 1_767_225_600  # 2026-01-01: an older clock is a clock that was never set


NOTHING = Text("", "")


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
    found: Text
    fix: Text = NOTHING


def _same(words: str) -> Text:
    """Names, versions and commands read the same in both languages."""
    return Text(words, words)


def examine(place: Place, restic: str) -> Sequence[Check]:
    """Return every check of this machine, in the order of importance. No check raises."""
    checks: dict[str, Callable[[], Check]] = {
        "python": _python,
        "libraries": _libraries,
        "restic": lambda: _restic(restic),
        "capture": _capture,
        "state": lambda: _state(place),
        "disk": lambda: _disk(place),
        "clock": _clock,
        "locale": _locale,
        "terminal": _terminal,
        "processor": _processor,
    }
    return [_guarded(name, check) for name, check in checks.items()]


def _guarded(name: str, check: Callable[[], Check]) -> Check:
    try:
        return check()
    except (OSError, SecwatchError, ValueError) as error:
        return Check(name, Result.MISSING, Text(f"无法检查：{error}", f"could not be examined: {error}"))


def _python() -> Check:
    found = sys.version.split()[0]
    if (3, 11) <= sys.version_info[:2] <= (3, 13):
        return Check("python", Result.GOOD, _same(found))
    return Check("python", Result.MISSING, _same(found), Text("安装 CPython 3.11–3.13", "install CPython 3.11–3.13"))


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
        names_missing = ", ".join(missing)
        return Check(
            "libraries",
            Result.MISSING,
            Text(f"缺少：{names_missing}", f"missing: {names_missing}"),
            _same("make install"),
        )
    return Check("libraries", Result.GOOD, _same(", ".join(found)))


def _restic(program: str) -> Check:
    fix = _same("apt-get install restic")
    try:
        text = process.run([process.find_program(program, "restic"), "version"], timeout=20).stdout
    except ProgramMissing as error:
        return Check("restic", Result.MISSING, Text(f"未安装 {program}", error.message), fix)
    numbers = re.search(r"restic (\d+)\.(\d+)", text)
    if numbers is None:
        return Check(
            "restic", Result.MISSING, Text(f"{program} 未给出版本", f"{program} does not say its version"), fix
        )
    new_enough = (int(numbers[1]), int(numbers[2])) >= OLDEST_RESTIC
    shown = text.strip().partition("\n")[0]
    if new_enough:
        return Check("restic", Result.GOOD, _same(shown))
    return Check("restic", Result.MISSING, _same(shown), fix)


def _capture() -> Check:
    """Opening a packet socket is the only sure test of the permission to capture."""
    try:
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0).close()
    except PermissionError:
        found = Text(
            "无抓包权限（CAP_NET_RAW），仍可读取抓包文件", "no permission to capture (CAP_NET_RAW); files can be read"
        )
        fix = Text(
            "以 systemd 的 AmbientCapabilities=CAP_NET_RAW 或以 root 运行探针",
            "run the sensor with AmbientCapabilities=CAP_NET_RAW (systemd), or as root",
        )
        return Check("capture", Result.LIMITED, found, fix)
    return Check("capture", Result.GOOD, Text("可以抓包（CAP_NET_RAW）", "packets can be captured (CAP_NET_RAW)"))


def _existing(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path


def _state(place: Place) -> Check:
    here = _existing(place.state)
    if not os.access(here, os.W_OK | os.X_OK):
        found = Text(f"{here} 不可写", f"{here} cannot be written")
        return Check("state", Result.MISSING, found, _same("secwatch init DIR; secwatch -w DIR …"))
    return Check("state", Result.GOOD, _same(str(place.state)))


def _disk(place: Place) -> Check:
    usage = shutil.disk_usage(_existing(place.state))
    free, total = f"{usage.free / (1 << 30):.1f} GiB", f"{usage.total / (1 << 30):.0f} GiB"
    shown = Text(f"可用 {free}，共 {total}", f"{free} free of {total}")
    if usage.free >= FREE_BYTES_LOW:
        return Check("disk", Result.GOOD, shown)
    fix = Text("腾出空间，或迁移工作区", "free some space, or move the workspace")
    return Check("disk", Result.LIMITED, shown, fix)


def _clock() -> Check:
    now = time.time()
    shown = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now))
    fix = _same("timedatectl set-ntp true")
    if now < CLOCK_EARLIEST:
        return Check("clock", Result.MISSING, Text(f"{shown}，不可能正确", f"{shown} cannot be right"), fix)
    if shutil.which("timedatectl"):
        answer = process.run(["timedatectl", "show", "--property=NTPSynchronized", "--value"], timeout=10)
        if answer.return_code == 0 and answer.stdout.strip() == "no":
            return Check("clock", Result.LIMITED, Text(f"{shown}，未同步", f"{shown}, not synchronised"), fix)
        if answer.return_code == 0:
            return Check("clock", Result.GOOD, Text(f"{shown}，已同步", f"{shown}, synchronised"))
    return Check("clock", Result.GOOD, Text(f"{shown}，同步状态未知", f"{shown}, synchronisation unknown"))


def _locale() -> Check:
    encoding = locale.getencoding().lower().replace("-", "")
    if encoding != "utf8":
        found = Text(f"{encoding}：可能无法显示中文", f"{encoding}: Chinese may not be shown")
        return Check("locale", Result.LIMITED, found, _same("export LANG=C.UTF-8"))
    chosen = os.environ.get("LC_ALL") or os.environ.get("LANG") or "default"
    return Check("locale", Result.GOOD, _same(f"UTF-8 ({chosen})"))


def _terminal() -> Check:
    """Ask the terminal how wide it draws an ambiguous character, by where its cursor then stands."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        found = Text("非终端：纯文本，100 列", "no terminal: plain text, 100 columns")
        return Check("terminal", Result.GOOD, found)
    width = _ambiguous_width()
    chosen = os.environ.get("SECWATCH_AMBIGUOUS", "1")
    if width is None:
        found = Text("终端无应答，歧义字符按一格计", "does not answer; ambiguous characters are taken as one cell wide")
        return Check("terminal", Result.GOOD, found)
    if str(width) != chosen:
        return Check(
            "terminal",
            Result.LIMITED,
            Text(
                f"歧义字符实占 {width} 格，secwatch 按 {chosen} 格计",
                f"draws ambiguous characters {width} wide, secwatch takes {chosen}",
            ),
            _same(f"export SECWATCH_AMBIGUOUS={width}"),
        )
    found = Text(f"歧义字符占 {width} 格，与设置一致", f"ambiguous characters are {width} wide, as secwatch takes them")
    return Check("terminal", Result.GOOD, found)


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
    library = " ".join(platform.libc_ver()) or "?"
    shown = Text(
        f"{machine}，{os.cpu_count()} 个处理器，C 库 {library}",
        f"{machine}, {os.cpu_count()} processors, C library {library}",
    )
    if known:
        return Check("processor", Result.GOOD, shown)
    return Check("processor", Result.LIMITED, shown, _same("docs/platforms.md"))
