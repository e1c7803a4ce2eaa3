"""Child processes: argument lists only, bounded output, a deadline, stopped gently and then surely."""

from __future__ import annotations

import os
import selectors
import shutil
import signal
import subprocess
import sys
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
READ_BYTES = 1 << 18
KEPT_ERROR_LINES = 200
STOP_SECONDS = 20.0
GRACE_SECONDS = 2.0
LOOK_SECONDS = 0.2


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
    error (the last 200 of those are kept in any case). `given` is fed
    to its standard input, which is else empty. The other arguments are those of `child`.
    At the deadline, or when an exception (a signal, Ctrl-C) passes through, the child gets
    `stop_signal`, and after 20 seconds SIGKILL; nothing of it is left running.
    Raise ProgramMissing if there is no such program.
    """
    started = time.monotonic()
    kept, errors = _Lines(on_line, MAX_OUTPUT_BYTES if keep_output else 0), _Lines(on_error_line, 0)
    with child(
        arguments,
        environment=environment,
        stop_signal=stop_signal,
        stdin=subprocess.DEVNULL if given is None else subprocess.PIPE,
        directory=directory,
        descriptors=descriptors,
        die_with_parent=die_with_parent,
    ) as process:
        timed_out = _converse(process, kept, errors, given or b"", started + timeout)
        if timed_out:
            stop(process, stop_signal)
            # Its own children may live on and keep working.
            _signal_group(process, signal.SIGKILL)
        code = process.wait()
    kept.end()
    errors.end()
    shown = "".join(kept.lines)
    return Completed(code, shown, "".join(errors.tail), time.monotonic() - started, timed_out)


class _Lines:
    """What a stream says, cut into lines as it comes: each is handed on, some bytes of them are kept."""

    def __init__(self, on_line: Callable[[str], None] | None, keep_bytes: int):
        self._on_line = on_line
        self._room = keep_bytes
        self._rest = b""
        self.lines: list[str] = []
        self.tail: deque[str] = deque(maxlen=KEPT_ERROR_LINES)

    def take(self, data: bytes) -> None:
        """Take what has come; a line longer than the bound is handed on in pieces."""
        *whole, self._rest = (self._rest + data).split(b"\n")
        for line in whole:
            self._hand_on(line + b"\n")
        if len(self._rest) > MAX_LINE_BYTES:
            self.end()

    def end(self) -> None:
        """Hand on what has no end of line."""
        if self._rest:
            line, self._rest = self._rest, b""
            self._hand_on(line)

    def _hand_on(self, line: bytes) -> None:
        text = line.decode("utf-8", "replace")
        self.tail.append(text)
        if len(line) <= self._room:
            self._room -= len(line)
            self.lines.append(text)
        else:
            self._room = 0
        if self._on_line is not None:
            self._on_line(text)


def _converse(process: subprocess.Popen[bytes], out: _Lines, errors: _Lines, given: bytes, deadline: float) -> bool:
    """Feed and read the child until it has ended; return whether the deadline came first.

    Its end is the end of the process, not of its output: a grandchild in a session of its own may keep
    the pipes open for ever. What comes within a moment of the end is still read.
    """
    assert process.stdout is not None and process.stderr is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ, out)
        selector.register(process.stderr, selectors.EVENT_READ, errors)
        if process.stdin is not None:
            os.set_blocking(process.stdin.fileno(), False)
            selector.register(process.stdin, selectors.EVENT_WRITE)
        gone_at = None
        while selector.get_map():
            for key, _ in selector.select(LOOK_SECONDS):
                if key.fileobj is process.stdin:
                    given = _feed(selector, process.stdin, given)
                elif data := os.read(key.fd, READ_BYTES):
                    key.data.take(data)
                else:
                    selector.unregister(key.fileobj)
            now = time.monotonic()
            if process.poll() is not None:
                gone_at = gone_at or now
                if now - gone_at > GRACE_SECONDS:
                    return False
            elif now >= deadline:
                return True
    try:
        process.wait(timeout=max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        return True
    return False


def _feed(selector: selectors.BaseSelector, stream: IO[bytes], content: bytes) -> bytes:
    """Write as much as the child takes now and return the rest; at the end, or when it has gone, close."""
    try:
        rest = content[os.write(stream.fileno(), content[:READ_BYTES]) :] if content else b""
    except BrokenPipeError:
        rest = b""
    if not rest:
        selector.unregister(stream)
        stream.close()
    return rest


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
            bufsize=0,
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
