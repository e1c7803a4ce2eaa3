"""Threads for work that cannot be stopped: whoever leaves early does not wait for it.

`concurrent.futures` joins its threads when the process ends, whatever they are doing, and an engine
in the middle of a slow rule listens to nobody until its own time-out. These threads are daemons.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue


class Workers:
    """So many threads that do what is submitted, in its order."""

    def __init__(self, count: int):
        self._tasks: SimpleQueue[tuple[Callable[[], object], Future[None]] | None] = SimpleQueue()
        self._threads = [threading.Thread(target=self._work, name=f"scan-{n}", daemon=True) for n in range(count)]
        for thread in self._threads:
            thread.start()

    def submit(self, task: Callable[[], object]) -> Future[None]:
        """Have something done; the future says when, and raises what it raised."""
        future: Future[None] = Future()
        self._tasks.put((task, future))
        return future

    def leave(self) -> None:
        """Let the threads end when they have done what was submitted and not cancelled. Wait for none."""
        for _ in self._threads:
            self._tasks.put(None)

    def join(self) -> None:
        """Wait for the end of all threads, after `leave`."""
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while (item := self._tasks.get()) is not None:
            task, future = item
            if not future.set_running_or_notify_cancel():
                continue
            try:
                task()
            except BaseException as error:  # noqa: BLE001 - the future raises it again
                future.set_exception(error)
            else:
                future.set_result(None)
