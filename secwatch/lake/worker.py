"""The query engine's own process: `python -m secwatch.lake.worker`, bounded by the operating system.

It gets one request on standard input and answers in JSON lines on standard output (protocol.py).
Memory is bounded by RLIMIT_DATA, writing files by RLIMIT_FSIZE 0; its parent ends it at the deadline.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from secwatch.lake.protocol import (
    Answer,
    Columns,
    End,
    Export,
    Failed,
    Inspected,
    Inspection,
    Query,
    Request,
    Row,
    moment_text,
)

# The interpreter and DuckDB's threads before the first row; measured 105 MB.
BASE_MEGABYTES = 160
MAX_REQUEST_BYTES = 256 << 20
MAX_ROW_BYTES = 1 << 20
# Our parent holds the answer whole.
MAX_ANSWER_BYTES = 64 << 20
# Telling how many rows there are beyond the limit is not worth more than this.
COUNTING_SECONDS = 2.0


def main() -> int:
    """Answer the request on standard input; failures are an answer too."""
    request = msgspec.json.decode(sys.stdin.buffer.read(MAX_REQUEST_BYTES), type=Request)
    confine(request.memory_megabytes + BASE_MEGABYTES)
    out = sys.stdout.buffer
    size = 0
    try:
        for answer in answers(request):
            line = _encode(answer) + b"\n"
            size += len(line)
            if size > MAX_ANSWER_BYTES and isinstance(answer, Row):
                line = _encode(Failed(f"the answer is larger than {MAX_ANSWER_BYTES >> 20} MiB: ask for less")) + b"\n"
                out.write(line)
                break
            out.write(line)
            if not isinstance(answer, Row):
                out.flush()
    except MemoryError:
        out.write(_encode(Failed("it needs more memory than [detect] memory_megabytes allows")) + b"\n")
    out.flush()
    return 0


def confine(megabytes: int) -> None:
    """Let the operating system bound this process: so much memory, no file written, no core dump."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_DATA, (megabytes << 20, megabytes << 20))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def answers(request: Request) -> Iterator[Answer]:
    """Yield the answers to a request."""
    import duckdb

    from secwatch.lake import engine

    try:
        if isinstance(request.work, Query | Export):
            yield from _query(request, request.work)
            return
        if isinstance(request.work, Inspection):
            connection = engine.connect(request.lake, request.files, request.memory_megabytes)
            engine.show_nothing(connection)
            yield from (_inspect(connection, item) for item in request.work.statements)
            yield End()
        else:
            from secwatch.lake.windows import sweep

            # A view over a hundred files takes milliseconds: those that no watch reads are left out.
            tables = {name for watch in request.work.watches for name in watch.consumes}
            connection = engine.connect(request.lake, request.files, request.memory_megabytes, tables=sorted(tables))
            yield from sweep(connection, request.work)
    except engine.Unacceptable as error:
        yield Failed(error.message + (f" (line {error.line})" if error.line else ""))
    except duckdb.Error as error:
        yield Failed(engine.explain(error).message)


def _query(request: Request, work: Query | Export) -> Iterator[Answer]:
    import duckdb

    from secwatch.lake import engine, pruning

    def empty() -> duckdb.DuckDBPyConnection:
        return engine.bare(request.memory_megabytes)

    with empty() as parser:
        statement = engine.accept(parser, work.sql)
    files = pruning.needed(empty, request.files, statement)
    opened = sum(map(len, files.values()))
    outlet = f"/dev/fd/{work.descriptor}" if isinstance(work, Export) else None
    connection = engine.connect(request.lake, files, request.memory_megabytes, outlet)
    engine.show_tables(connection)
    if isinstance(work, Export):
        yield from _export(connection, work, statement)
        return
    engine.run(connection, statement, {})
    described = connection.description
    yield Columns(_numbered([item[0] for item in described]), [str(item[1]) for item in described])
    try:
        sent = 0
        while rows := connection.fetchmany(min(2048, work.limit - sent)):
            for row in rows:
                yield Row([moment_text(value) for value in row])
            sent += len(rows)
            if sent == work.limit:
                more, counted = _count_more(connection)
                yield End(more > 0, more, counted, opened)
                return
    except duckdb.Error as error:
        raise engine.explain(error) from error
    yield End(opened=opened)


def _export(connection: Any, work: Export, statement: Any) -> Iterator[Answer]:
    from secwatch.lake import engine

    described = engine.describe(connection, statement)
    named = _numbered([name for name, _ in described])
    rows = engine.copy_out(connection, statement, named, f"/dev/fd/{work.descriptor}", work.limit)
    os.close(work.descriptor)
    yield Columns(named, [kind for _, kind in described])
    yield End(rows=rows)


def _count_more(connection: Any) -> tuple[int, bool]:
    """Return how many rows are left, as far as a short while suffices to count, and whether these are all."""
    deadline = time.monotonic() + COUNTING_SECONDS
    more = 0
    while rows := connection.fetchmany(2048):
        more += len(rows)
        if time.monotonic() >= deadline:
            return more, False
    return more, True


def _numbered(names: Sequence[str]) -> list[str]:
    """Return the names with _1, _2, … behind those that came before, as DuckDB names them in a subquery."""
    taken: set[str] = set()
    result: list[str] = []
    for name in names:
        number, unique = 0, name
        while unique in taken or (number and unique in names):
            number += 1
            unique = f"{name}_{number}"
        taken.add(unique)
        result.append(unique)
    return result


def _inspect(connection: Any, item: Any) -> Inspected:
    import duckdb

    from secwatch.lake import engine

    parameters: list[str] = []
    tables: list[str] = []
    try:
        statement = engine.accept(connection, item.sql)
        parameters = sorted(statement.parameters)
        tables = list(engine.tables_of(connection, item.sql))
        # Values that a mistaken file does not give are NULL here: their lack is a mistake of its own.
        values = {name: item.parameters.get(name) for name in statement.parameters}
        engine.run(connection, statement, values)
    except engine.Unacceptable as error:
        return Inspected(item.id, parameters, tables, [], [], error.message, error.line)
    except duckdb.Error as error:
        found = engine.explain(error)
        return Inspected(item.id, parameters, tables, [], [], found.message, found.line)
    described = connection.description
    return Inspected(
        item.id, parameters, tables, [entry[0] for entry in described], [str(entry[1]) for entry in described]
    )


_encoder = msgspec.json.Encoder(enc_hook=str, decimal_format="number")


def _encode(answer: Answer) -> bytes:
    line = _encoder.encode(answer)
    if len(line) > MAX_ROW_BYTES:
        return msgspec.json.encode(Failed(f"a row is larger than {MAX_ROW_BYTES >> 20} MiB"))
    return line


if __name__ == "__main__":
    sys.exit(main())
