"""Two threads on one capture: one reads and tracks packets, the other makes columns of what is finished.

Kernels and DuckDB release the interpreter's lock, so both use a core of their own.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from secwatch.core.columns import ColumnBatch
from secwatch.sensor.kernels.state import Output
from secwatch.sensor.reader import FlowReader

# How long the thread that makes columns may keep the lock while the other one waits for it to go on with its
# next megabyte: the interpreter's 5 ms would be longer than that megabyte takes.
_SWITCH_SECONDS = 0.0002


def convey(reader: FlowReader, take: Callable[[ColumnBatch], None], on_read: Callable[[], None]) -> None:
    """Read the capture to its end and hand every batch to `take`, in order, from one other thread.

    `on_read` is called here, between outputs. What either thread raises is raised here; nothing of the other
    runs on then.
    """

    def work(output: Output) -> None:
        for batch in reader.columns(output):
            take(batch)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_SECONDS)
    try:
        with ThreadPoolExecutor(1, "columns") as worker:
            pending: Future[None] | None = None
            for output in reader.outputs():
                if pending is not None:
                    pending.result()
                pending = worker.submit(work, output)
                on_read()
            if pending is not None:
                pending.result()
    finally:
        sys.setswitchinterval(interval)
