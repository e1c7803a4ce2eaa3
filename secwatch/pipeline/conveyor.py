"""Three threads on one capture: one reads and tracks packets, one makes columns of what is finished, one writes them.

Kernels and DuckDB release the interpreter's lock, so that they keep two cores busy.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from secwatch.core.columns import ColumnBatch
from secwatch.sensor.kernels.state import Output
from secwatch.sensor.reader import FlowReader

# How long a thread may keep the lock while the first one waits for it to go on with its next megabyte: the
# interpreter's 5 ms would be longer than that megabyte takes.
_SWITCH_SECONDS = 0.0002


def convey(reader: FlowReader, take: Callable[[ColumnBatch], None], on_read: Callable[[], None]) -> None:
    """Read the capture to its end and hand every batch to `take`, in order, from one other thread.

    The rows of at most two outputs are under way. `on_read` is called here, between outputs. What any of the
    threads raises is raised here; nothing of the others runs on then.
    """
    interval = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_SECONDS)
    try:
        with ThreadPoolExecutor(1, "lake") as writing, ThreadPoolExecutor(1, "columns") as making:
            made: Future[Future[None]] | None = None
            for output in reader.outputs():
                before = None if made is None else made.result()
                made = making.submit(_make, reader, output, writing, take, before)
                on_read()
            if made is not None:
                made.result().result()
    finally:
        sys.setswitchinterval(interval)


def _make(
    reader: FlowReader,
    output: Output,
    writing: ThreadPoolExecutor,
    take: Callable[[ColumnBatch], None],
    before: Future[None] | None,
) -> Future[None]:
    """Make the columns of an output and return their being written, which begins when those before are written."""
    batches = reader.columns(output)
    if before is not None:
        before.result()
    return writing.submit(_write, batches, take)


def _write(batches: Sequence[ColumnBatch], take: Callable[[ColumnBatch], None]) -> None:
    for batch in batches:
        take(batch)
