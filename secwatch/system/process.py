"""Child processes: argument lists only, bounded output, a deadline, stopped gently and then surely."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from secwatch.core.errors import ProgramMissing

MAX_OUTPUT_BYTES = 64 << 20
MAX_LINE_BYTES = 4 << 20
TAIL_LINES = 25
STOP_SECONDS = 20.0


@dataclass(frozen=True)
class Completed:
    """How a child ended. return_code is negative for a signal; `timed_out` when the deadline ended it."""

    return_code: int
    stdout: str
    stderr: str
    seconds: float
    timed_out: bool = False


def find_program(name: str, package: str | None = None) -> str:
    """Return the path of a program: from PATH, else from beside our own Python, where a bundle puts it.

    Raise ProgramMissing if it is not installed.
    """
    path = shutil.which(name) or shutil.which(name, path=str(Path(sys.prefix) / "bin"))
    if path is None:
        raise ProgramMissing(f"the program {name} is not installed", f"apt-get install {package or name}")
    return path


def run(
    arguments: Sequence[str],
    *,
    timeout: float,
    environment: Mapping[str, str | None] | None = None,
    on_line: Callable[[str], None] | None = None,
    on_error_line: Callable[[str], None] | None = None,
    stop_signal: int = signal.SIGTERM,
    keep_output: bool = True,
    directory: str | None = None,
    given: bytes | None = None,
    descriptors: Sequence[int] = (),
    die_with_parent: bool = False,
) -> Completed:
    """Run a child to its end and return how it ended.

    `on_line` gets each line of its standard output as it comes, `on_error_line` each of its standard
    error, in a thread of its own (the last 200 of those are kept in any case). `given` is fed
    to its standard input, which is else empty. The other arguments are those of `child`.
    At the deadline, or when an exception (a signal, Ctrl-C) passes through, the child gets
    `stop_signal`, and after 20 seconds SIGKILL; nothing of it is left running.
    Raise ProgramMissing if there is no such program.
    """
    started = time.monotonic()
    stdin = subprocess.DEVNULL if given is None else subprocess.PIPE
    with child(
        arguments,
        environment=environment,
        stop_signal=stop_signal,
        stdin=stdin,
        directory=directory,
        descriptors=descriptors,
        die_with_parent=die_with_parent,
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        errors: deque[str] = deque(maxlen=TAIL_LINES * 8)
        reader = threading.Thread(target=_drain, args=(process.stderr, errors, on_error_line), daemon=True)
        reader.start()
        if process.stdin is not None:
            threading.Thread(target=_feed, args=(process.stdin, given or b""), daemon=True).start()
        expired = threading.Event()

        def expire() -> None:
            expired.set()
            stop(process, stop_signal)
            # Its own children may live on and keep its output open: we would wait for them for ever.
            _signal_group(process, signal.SIGKILL)

        timer = threading.Timer(timeout, expire)
        timer.daemon = True
        timer.start()
        kept: list[str] = []
        size = 0
        try:
            for line in _lines(process.stdout):
                if on_line is not None:
                    on_line(line)
                size += len(line)
                if keep_output and size <= MAX_OUTPUT_BYTES:
                    kept.append(line)
            code = process.wait()
        finally:
            timer.cancel()
        reader.join(timeout=5)
    return Completed(code, "".join(kept), "".join(errors), time.monotonic() - started, expired.is_set())


@contextmanager
def child(
    arguments: Sequence[str],
    *,
    environment: Mapping[str, str | None] | None = None,
    stop_signal: int = signal.SIGTERM,
    stdin: int = subprocess.DEVNULL,
    directory: str | None = None,
    descriptors: Sequence[int] = (),
    die_with_parent: bool = False,
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a child in its own process group with piped output; stop it if the block is left early.

    A group of its own keeps the terminal's Ctrl-C from reaching it before we decide how to stop it.
    environment is added to ours, and a value of None takes the variable out. The child inherits the
    open `descriptors`. With `die_with_parent` the kernel sends it `stop_signal` should we be killed.
    """
    if die_with_parent:
        arguments = (*_dying_with_parent(stop_signal), *arguments)
    try:
        process = subprocess.Popen(
            list(arguments),
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_environment(environment or {}),
            cwd=directory,
            process_group=0,
            pass_fds=tuple(descriptors),
        )
    except (FileNotFoundError, PermissionError) as error:
        raise ProgramMissing(f"cannot run {arguments[0]}: {error.strerror}", "secwatch doctor") from error
    try:
        yield process
    finally:
        stop(process, stop_signal)
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None and not stream.closed:
                try:
                    stream.close()
                except BrokenPipeError:
                    pass  # the child has gone before it read its input to the end


def _environment(changes: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in {**os.environ, **changes}.items() if value is not None}


def _dying_with_parent(stop_signal: int) -> tuple[str, ...]:
    """setpriv (util-linux) asks the kernel before it becomes the program; Python's own hook is unsafe with threads."""
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        return ()
    return (setpriv, "--pdeathsig", signal.Signals(stop_signal).name.removeprefix("SIG"), "--")


def attach(arguments: Sequence[str], *, timeout: float) -> int:
    """Run a child on our own terminal, in the foreground, and return its exit code.

    What it prints goes where our output goes, and Ctrl-C reaches it as it reaches us.
    """
    process = subprocess.Popen(list(arguments), stdin=subprocess.DEVNULL)
    try:
        return process.wait(timeout=timeout)
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(timeout=STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def stop(process: subprocess.Popen[bytes], stop_signal: int = signal.SIGTERM, patience: float = STOP_SECONDS) -> None:
    """Stop a child if it still runs: `stop_signal` to its group, and SIGKILL when patience ends."""
    if process.poll() is not None:
        return
    _signal_group(process, stop_signal)
    try:
        process.wait(timeout=patience)
    except subprocess.TimeoutExpired:
        _signal_group(process, signal.SIGKILL)
        process.wait()


def _signal_group(process: subprocess.Popen[bytes], number: int) -> None:
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        pass  # it ended between the look and the signal


def _lines(stream: IO[bytes]) -> Iterator[str]:
    """Yield lines as text; a line longer than the bound comes in pieces."""
    while True:
        line = stream.readline(MAX_LINE_BYTES)
        if not line:
            return
        yield line.decode("utf-8", "replace")


def _feed(stream: IO[bytes], content: bytes) -> None:
    try:
        with stream:
            stream.write(content)
    except (BrokenPipeError, ValueError):
        pass  # the child ended, or was stopped, before it read everything


def _drain(stream: IO[bytes], into: deque[str], on_line: Callable[[str], None] | None) -> None:
    try:
        for line in _lines(stream):
            into.append(line)
            if on_line is not None:
                on_line(line)
    except ValueError:
        pass  # the stream was closed while we read: the child has been stopped
