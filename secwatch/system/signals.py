"""Signals become exceptions, so that everything cleans up on its way out."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Terminated(BaseException):
    """SIGTERM or SIGHUP arrived. Not an Exception: nothing but the entry point may swallow it."""

    def __init__(self, number: int):
        super().__init__(number)
        self.number = number


def install() -> None:
    """Turn SIGTERM and SIGHUP into Terminated; a second one ends the process at once.

    A shell script's `secwatch … &` starts us with SIGINT ignored. Ignored it stays for us, but children
    would inherit that, and restic is stopped by SIGINT: an empty handler is not inherited.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, _nothing)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _raise)


def _nothing(_number: int, _frame: FrameType | None) -> None:
    """Do what ignoring does."""


def _raise(number: int, _frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_DFL)
    raise Terminated(number)


class Requests:
    """What signals have asked a long run to do, and a descriptor that can be read when one has come."""

    def __init__(self, descriptor: int):
        self.descriptor = descriptor
        self.stop: int | None = None
        self.reload = False

    def clear(self) -> None:
        """Make the descriptor unreadable until the next signal."""
        try:
            while os.read(self.descriptor, 512):
                pass
        except BlockingIOError:
            pass


@contextmanager
def requests(*, terminal: bool = False) -> Iterator[Requests]:
    """Within the block SIGTERM and SIGINT ask to stop and SIGHUP asks to reload; none of them raises.

    On a terminal SIGHUP asks to stop: it has been closed, or the line to it was lost. A second request to
    stop ends the process at once, but for SIGHUP: the shell and the kernel both send it. For the main thread only.
    """
    readable, writable = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    asked = Requests(readable)

    def stop(number: int, _frame: FrameType | None) -> None:
        asked.stop = number
        signal.signal(number, signal.SIG_DFL)

    def hang_up(number: int, _frame: FrameType | None) -> None:
        if terminal:
            asked.stop = number
        else:
            asked.reload = True

    wanted = {signal.SIGTERM: stop, signal.SIGINT: stop, signal.SIGHUP: hang_up}
    if signal.getsignal(signal.SIGINT) is _nothing:
        del wanted[signal.SIGINT]  # started in the background of a shell: Ctrl-C is not meant for us
    wake = signal.set_wakeup_fd(writable, warn_on_full_buffer=False)
    before = {number: signal.signal(number, handler) for number, handler in wanted.items()}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(wake)
        os.close(readable)
        os.close(writable)
