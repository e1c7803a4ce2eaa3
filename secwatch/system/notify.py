"""What a service tells systemd about itself (sd_notify): ready, alive, stopping. Nothing at all elsewhere.

Protocol: the manual page sd_notify(3); datagrams of NAME=VALUE lines to the socket that $NOTIFY_SOCKET names.
"""

from __future__ import annotations

import os
import socket
import time

_AGAIN_SECONDS = 0.25


class Service:
    """The service manager that started this process, if one did. A failure to reach it is no error."""

    def __init__(self) -> None:
        # Children are not told: what they said would count as ours.
        name = os.environ.pop("NOTIFY_SOCKET", "")
        self._address = "\0" + name[1:] if name.startswith("@") else name if name.startswith("/") else ""
        self._every = _watchdog_seconds() / 2
        self._next = 0.0

    @property
    def is_there(self) -> bool:
        """Whether a service manager listens."""
        return bool(self._address)

    def tell(self, *lines: str, patience: float = 0.0) -> bool:
        """Send lines such as READY=1; return whether they were taken. Waits for at most `patience` seconds."""
        if not self._address:
            return False
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sending:
                # Connected: of a socket that is not, Linux says that it can be written to even while the other's queue
                # is full, and waiting would be a busy loop.
                sending.settimeout(patience)
                sending.connect(self._address)
                sending.send("\n".join(lines).encode())
        except OSError:
            return False
        return True

    def alive(self) -> None:
        """Call it often; it says so as often as the watchdog needs, twice in its time."""
        now = time.monotonic()
        if self._every and now >= self._next:
            self._next = now + (self._every if self.tell("WATCHDOG=1") else _AGAIN_SECONDS)


def _watchdog_seconds() -> float:
    """The time after which systemd ends a service that says nothing; 0 for never."""
    microseconds, process = os.environ.pop("WATCHDOG_USEC", ""), os.environ.pop("WATCHDOG_PID", "")
    if not microseconds.isdecimal() or (process and process != str(os.getpid())):
        return 0.0
    return int(microseconds) / 1_000_000
