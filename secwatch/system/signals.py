"""Signals become exceptions, so that everything cleans up on its way out."""

from __future__ import annotations

import signal
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
