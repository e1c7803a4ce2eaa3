"""A query's answer as a Parquet file: the locked process writes into a pipe, and its parent into the file.

So the process that runs the user's SQL still cannot write a single byte to any file.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from secwatch.core.errors import SecwatchError
from secwatch.lake.protocol import Answer, Columns, End, Export
from secwatch.lake.query import Files, ask
from secwatch.system.settings import Detect
from secwatch.system.writing import replacing

_PIECE = 1 << 18


@dataclass(frozen=True)
class Exported:
    """What was written: rows, bytes, names and SQL types of the columns."""

    rows: int
    bytes: int
    names: tuple[str, ...]
    types: tuple[str, ...]


def export(lake: Path, files: Files, sql: str, target: Path, *, limit: int | None, bounds: Detect) -> Exported:
    """Write the rows of one SELECT to a Parquet file, all of them unless there is a limit.

    Raise SecwatchError as a query does, or if the file cannot be written; then what was there is unchanged.
    """
    columns: list[Columns] = []
    ends: list[End] = []

    def take(answer: Answer) -> None:
        if isinstance(answer, Columns):
            columns.append(answer)
        elif isinstance(answer, End):
            ends.append(answer)

    try:
        with replacing(target) as stream:
            outlet, inlet = os.pipe()
            drain = _Drain(outlet, stream)
            try:
                ask(lake, files, Export(sql, inlet, limit), bounds, take, descriptors=[inlet])
            finally:
                os.close(inlet)  # the reader sees the end only when nobody can write any more
                drain.join()
                if drain.error is not None:  # and not that the process could write no more into the pipe
                    raise drain.error
            stream.flush()
    except OSError as error:
        hint = "choose another file with -o FILE, or free some space"
        raise SecwatchError(f"cannot write {target}: {error.strerror}", hint) from error
    return Exported(ends[0].rows, drain.bytes, tuple(columns[0].names), tuple(columns[0].types))


class _Drain(threading.Thread):
    """Moves what comes out of a pipe into a file; a failure to write is kept, and the pipe closed."""

    def __init__(self, outlet: int, stream: BinaryIO):
        super().__init__(daemon=True)
        self._outlet = outlet
        self._stream = stream
        self.bytes = 0
        self.error: OSError | None = None
        self.start()

    def run(self) -> None:
        try:
            while piece := os.read(self._outlet, _PIECE):
                self._stream.write(piece)
                self.bytes += len(piece)
        except OSError as error:
            self.error = error
        finally:
            os.close(self._outlet)
