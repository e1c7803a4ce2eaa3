"""Starting and bounding the child processes that touch what is hostile: contents, and the text of rules.

A child is a Python of our own with a socket. It dies with us, writes no file and no core dump, gains
no privileges, and is looked at from outside: how much memory of its own it holds, how long it has
been at one thing. Nothing of it is waited for when it is to go.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import socket
import sys
from contextlib import ExitStack
from typing import Any, Generic, TypeVar

from secwatch.core.errors import SecwatchError
from secwatch.scan.frames import Channel
from secwatch.system.process import child

_SET_NO_NEW_PRIVILEGES = 38  # prctl(2)
_ERROR_BYTES = 1 << 16


Message = TypeVar("Message")


class Child(Generic[Message]):
    """A child process and the channel to it."""

    def __init__(self, module: str, expected: Any, most: int):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._closing = ExitStack()
        self.channel: Channel[Message] = Channel(ours, expected, most)
        self._closing.callback(self.channel.close)
        try:
            with theirs:
                arguments = [sys.executable, "-P", "-m", module, str(theirs.fileno())]
                self._process = self._closing.enter_context(
                    child(arguments, stop_signal=signal.SIGKILL, descriptors=[theirs.fileno()], die_with_parent=True)
                )
        except BaseException:
            self._closing.close()
            raise

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    def memory_bytes(self) -> int:
        """Return the anonymous memory that it holds, 0 when it is no more. What is mapped from files is not of it."""
        try:
            with open(f"/proc/{self._process.pid}/status", "rb", buffering=0) as stream:  # noqa: PTH123 - often
                text = stream.read(4096)
        except OSError:
            return 0
        _, found, rest = text.partition(b"\nRssAnon:")
        return int(rest.split(maxsplit=1)[0]) << 10 if found else 0

    def kill(self) -> None:
        """End it at once; who waits for its messages hears that it has gone."""
        self._process.kill()

    def close(self) -> None:
        """End it if it still runs, and close everything."""
        self._closing.close()

    def end(self) -> str:
        """End it, and return in words how it ended by itself if it did, with the last that it said of it."""
        try:
            self._process.wait(1.0)
        except Exception:  # noqa: BLE001 - subprocess.TimeoutExpired, whose module has another room
            pass
        code = self._process.poll()
        said = _rest(self._process.stderr)
        self.close()
        if code is not None and code < 0:
            return _signal_name(-code)
        return said.strip().rpartition("\n")[2] or f"code {code}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _rest(stream: Any) -> str:
    os.set_blocking(stream.fileno(), False)
    try:
        return (stream.read(_ERROR_BYTES) or b"").decode("utf-8", "replace")
    except OSError:
        return ""


def confine() -> None:
    """Called by a child of itself: no core dump, no file written, no privileges gained, nothing printed."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # A service manager stops all processes of a service at once: our parent decides when we end.
    for ignored in (signal.SIGXFSZ, signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(ignored, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    if ctypes.CDLL(None, use_errno=True).prctl(_SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0):
        raise SecwatchError(f"no_new_privs could not be set: {os.strerror(ctypes.get_errno())}")
    # An engine that panics prints its stack, and nobody reads that pipe while a scan goes on.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(nowhere, descriptor)
    os.close(nowhere)


def channel_of(arguments: list[str], expected: Any) -> Channel[Any]:
    """Return a child's end of the channel; the number of its descriptor is the only argument."""
    return Channel(socket.socket(fileno=int(arguments[1])), expected)
