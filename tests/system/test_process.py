"""Child processes: bounded output, deadlines that hold, nothing left running."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from secwatch.core.errors import ProgramMissing
from secwatch.system import process


def test_output_and_errors_come_line_by_line() -> None:
    """Both streams, in order, the last line without an end too."""
    seen: list[str] = []
    said: list[str] = []
    script = "echo one; echo oops >&2; printf two"
    done = process.run(["sh", "-c", script], timeout=10, on_line=seen.append, on_error_line=said.append)
    assert (done.return_code, done.stdout, done.stderr) == (0, "one\ntwo", "oops\n")
    assert (seen, said) == (["one\n", "two"], ["oops\n"])


def test_much_is_fed_and_read_at_once() -> None:
    """8 MiB through cat: neither pipe may block the other."""
    content = os.urandom(1 << 16) * 128
    done = process.run(["base64", "-w0"], timeout=30, given=content)
    assert len(done.stdout) == -(-len(content) // 3) * 4


def test_a_child_that_does_not_read_is_no_failure() -> None:
    """It ended before it was fed to the end."""
    assert process.run(["true"], timeout=10, given=bytes(1 << 22)).return_code == 0


@pytest.mark.parametrize("stream", ["1", "2"])
def test_a_grandchild_that_keeps_a_pipe_open_holds_nobody_up(stream: str, tmp_path: Path) -> None:
    """Agents do that: they leave our group and inherit our pipes."""
    mark = tmp_path / "pid"
    other = "2" if stream == "1" else "1"
    script = f"setsid sh -c 'echo $$ > {mark}; exec sleep 60' {other}>/dev/null & sleep 0.3; echo done"
    started = time.monotonic()
    done = process.run(["sh", "-c", script], timeout=30)
    assert time.monotonic() - started < 10
    assert (done.return_code, done.timed_out, done.stdout) == (0, False, "done\n")
    os.kill(int(mark.read_text()), signal.SIGKILL)


def test_the_deadline_holds_and_says_so() -> None:
    """Also for a child that ignores the gentle signal, and for its own children."""
    started = time.monotonic()
    done = process.run(["sh", "-c", "sleep 60 & wait"], timeout=0.5)
    assert done.timed_out
    assert time.monotonic() - started < 5


def test_long_lines_come_in_pieces() -> None:
    """No line is ever held in memory without bound."""
    pieces: list[int] = []
    process.run(
        ["head", "-c", str(12 << 20), "/dev/zero"],
        timeout=30,
        on_line=lambda line: pieces.append(len(line)),
        keep_output=False,
    )
    assert sum(pieces) == 12 << 20
    assert max(pieces) <= process.MAX_LINE_BYTES + process.READ_BYTES


def test_a_callback_that_fails_stops_the_child(tmp_path: Path) -> None:
    """An exception passes through, and nothing is left running."""
    mark = tmp_path / "pid"

    def fail(_line: str) -> None:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        process.run(["sh", "-c", f"echo $$ > {mark}; echo go; exec sleep 60"], timeout=30, on_line=fail)
    with pytest.raises(ProcessLookupError):
        os.kill(int(mark.read_text()), 0)


def test_a_missing_program_is_named() -> None:
    """Exit code 14."""
    with pytest.raises(ProgramMissing, match="cannot run /nonexistent"):
        process.run(["/nonexistent"], timeout=1)
    with pytest.raises(ProgramMissing, match="nosuchprogram is not installed"):
        process.find_program("nosuchprogram")
