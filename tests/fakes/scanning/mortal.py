"""The scanning child with an engine that dies of files by their names: killed, hungry, still, panicking."""

from __future__ import annotations

import mmap
import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from secwatch.scan import worker
from secwatch.scan.contents import Content
from secwatch.scan.engine import Compiled, EnginePanic, Matched
from secwatch.scan.frames import Setup
from secwatch.scan.scanner import Scanner

_kept = bytearray()


class Mortal:
    """Plays what the content asks for, and else does what the engine does."""

    def __init__(self, compiled: Compiled):
        self._compiled = compiled

    def match(self, content: Content, externals: Mapping[str, str], timeout: int) -> Matched:
        if isinstance(content, bytes) and content.startswith(b"PLAY "):
            _play(content.split()[1].decode())
        time.sleep(0.002)
        return self._compiled.match(content, externals, timeout)


def _play(what: str) -> None:
    if what == "kill":
        os.kill(os.getpid(), signal.SIGSEGV)
    elif what == "close":
        os._exit(0)
    elif what == "once" and not (mark := Path(os.environ["SECWATCH_FAKE"])).exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGBUS)
    elif what == "eat":
        while True:
            _kept.extend(b"x" * (16 << 20))
            time.sleep(0.02)
    elif what == "still":
        os.kill(os.getpid(), signal.SIGSTOP)
    elif what == "panic":
        raise EnginePanic("invalid span")


def _scanner(setup: Setup, kept: mmap.mmap) -> Scanner:
    made = _real(setup, kept)
    made._compiled = Mortal(made._compiled)  # type: ignore[assignment]
    return made


_real = worker._scanner

if __name__ == "__main__":
    with Path(os.environ["SECWATCH_FAKE"]).with_name("pids").open("a") as pids:
        pids.write(f"{os.getpid()}\n")
    worker._scanner = _scanner
    # The real one may write no file either, but the fake has to remember that it died once.
    import resource

    limit = resource.setrlimit
    resource.setrlimit = lambda kind, bounds: None if kind == resource.RLIMIT_FSIZE else limit(kind, bounds)
    sys.exit(worker.main(sys.argv))
