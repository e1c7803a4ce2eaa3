"""DuckDB over the recorded Parquet files, locked down: it reads exactly those files and cannot be made to do more.

This runs in the process of `secwatch.lake.worker` only. DuckDB's own locks are the inner wall; the
limits of the operating system that the worker sets are the outer one.
"""

# ruff: noqa: S608 -- names come from core/columns.py and bounds are integers; what users write is never put into a text

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from secwatch.core.columns import Column, Table
from secwatch.core.tables import TABLES
from secwatch.lake.macros import MACROS
from secwatch.lake.protocol import File

# DuckDB keeps its own books up to this share of the process's limit and fails cleanly there.
_SHARE_OF_MEMORY = 0.65


class Unacceptable(Exception):
    """A statement that is not run, and why, in words for the user; `line` counts from 1 where known."""

    def __init__(self, message: str, line: int | None = None):
        super().__init__(message)
        self.message = message
        self.line = line


@dataclass(frozen=True)
class Accepted:
    """A statement that may run: its text and the names of its parameters."""

    sql: str
    parameters: frozenset[str]


def connect(
    lake: str,
    files: Mapping[str, Sequence[File]],
    memory_megabytes: int,
    outlet: str | None = None,
    tables: Collection[str] = tuple(TABLES),
) -> duckdb.DuckDBPyConnection:
    """Return a connection with the view `all_<table>` for each of these tables, locked.

    The view has every column of the schema, and `new`: whether the row's file is a new one. Only the
    files named can be opened; nothing else of the file system, no network, no extension, no setting.
    """
    paths = [f"{lake}/{file.path}" for name in tables for file in files.get(name, ())]
    connection = bare(memory_megabytes, [*paths, outlet] if outlet else paths)
    for name in tables:
        connection.execute(_all_rows(TABLES[name], lake, files.get(name, ())))
    connection.execute("SET lock_configuration = true")
    return connection


def bare(memory_megabytes: int, paths: Sequence[str] = ()) -> duckdb.DuckDBPyConnection:
    """Return a connection with the macros and no table, that can open no file but `paths`; its settings are open."""
    connection = duckdb.connect(
        config={
            "threads": 2,
            "memory_limit": f"{int(memory_megabytes * _SHARE_OF_MEMORY)}MB",
            "temp_directory": "",
            "autoload_known_extensions": False,
            "autoinstall_known_extensions": False,
            "python_enable_replacements": False,
        }
    )
    connection.execute(f"SET allowed_paths = {_list(paths)}")
    connection.execute("SET enable_external_access = false")
    for macro in MACROS:
        connection.execute(f"CREATE MACRO {macro.signature} AS {macro.body}")
    return connection


def show_tables(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the views `flows`, `dns`, … that hold every recorded row."""
    for table in TABLES.values():
        connection.execute(f"CREATE VIEW {table.name} AS SELECT {names(table)} FROM all_{table.name}")


def show_nothing(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the views as detections see them, with `fresh` and without a row: to look at statements."""
    for table in TABLES.values():
        connection.execute(
            f"CREATE VIEW {table.name} AS SELECT {names(table)}, new AS fresh FROM all_{table.name} WHERE false"
        )


def names(table: Table) -> str:
    """Return the columns of a table as SQL."""
    return ", ".join(f'"{column.name}"' for column in table.columns)


def typed(table: Table) -> str:
    """Return every stored column of a table as a NULL of its type, as SQL."""
    return ", ".join(f'CAST(NULL AS {column.kind.value}) AS "{column.name}"' for column in table.stored)


def accept(connection: duckdb.DuckDBPyConnection, sql: str) -> Accepted:
    """Return the statement if it is exactly one SELECT. Raise Unacceptable if not."""
    try:
        statements = connection.extract_statements(sql)
    except duckdb.Error as error:
        raise explain(error) from error
    if len(statements) != 1:
        raise Unacceptable(f"exactly one statement is allowed, these are {len(statements)}")
    if statements[0].type != duckdb.StatementType.SELECT:
        raise Unacceptable(f"only SELECT is allowed, not {statements[0].type.name}")
    return Accepted(sql, frozenset(statements[0].named_parameters))


def run(connection: duckdb.DuckDBPyConnection, statement: Accepted, parameters: Mapping[str, Any]) -> None:
    """Run an accepted statement on the connection; the rows are fetched from it. Raise Unacceptable on failure."""
    try:
        connection.execute(statement.sql, {name: parameters[name] for name in statement.parameters})
    except KeyError as error:
        raise Unacceptable(f"the parameter ${error.args[0]} has no value") from error
    except duckdb.Error as error:
        raise explain(error) from error


def describe(connection: duckdb.DuckDBPyConnection, statement: Accepted) -> Sequence[tuple[str, str]]:
    """Return names and SQL types of the columns of a statement without running it. Raise Unacceptable on failure."""
    try:
        rows = connection.execute(f"DESCRIBE {statement.sql}").fetchall()
    except duckdb.Error as error:
        raise explain(error) from error
    return [(str(row[0]), str(row[1])) for row in rows]


def copy_out(
    connection: duckdb.DuckDBPyConnection, statement: Accepted, columns: Sequence[str], outlet: str, limit: int | None
) -> int:
    """Write the statement's rows as Parquet to the outlet; return how many. Raise Unacceptable on failure.

    What users write stands inside of ours here: it was accepted as one SELECT by itself, and the whole
    must be one statement again. A semicolon at its end, and comments behind it, are cut off.
    """
    named = ", ".join('"' + name.replace('"', '""') + '"' for name in columns)
    end = len(statement.sql)
    while end >= 0:
        inner = statement.sql[:end]
        most = "" if limit is None else f" LIMIT {limit}"
        sql = (
            f"COPY (SELECT * FROM (\n{inner}\n) AS result({named}){most})"
            f" TO '{outlet}' (FORMAT parquet, COMPRESSION zstd, USE_TMP_FILE false)"
        )
        try:
            accept(connection, inner)
            whole = connection.extract_statements(sql)
        except (Unacceptable, duckdb.Error):
            whole = []
        if len(whole) == 1 and whole[0].type == duckdb.StatementType.COPY:
            try:
                row = connection.execute(sql).fetchone()
            except duckdb.Error as error:
                raise explain(error) from error
            return int(row[0]) if row else 0
        end = statement.sql.rfind(";", 0, end)
    raise Unacceptable("this statement cannot be exported")


def explain(error: duckdb.Error) -> Unacceptable:
    """Return DuckDB's complaint as one sentence, with the line it points at."""
    text = str(error)
    line = re.search(r"^LINE (\d+):", text, re.MULTILINE)
    first = text.strip().partition("\n")[0]
    first = first.removeprefix("Binder Error: ").removeprefix("Parser Error: ").removeprefix("Catalog Error: ")
    if isinstance(error, duckdb.OutOfMemoryException):
        first = "it needs more memory than [detect] memory_megabytes allows"
    elif "pytz" in first:
        first = "moments with a time zone are not known here: all times are UTC, cast them to TIMESTAMP"
    return Unacceptable(first[:1].lower() + first[1:], int(line.group(1)) if line else None)


def tables_of(connection: duckdb.DuckDBPyConnection, sql: str) -> Iterator[str]:
    """Yield the tables that a statement reads from, names defined inside it left out."""
    import json

    row = connection.execute("SELECT json_serialize_sql($sql)", {"sql": sql}).fetchone()
    tree = json.loads(row[0]) if row else {}
    defined: set[str] = set()
    found: set[str] = set()
    stack: list[Any] = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            if node.get("type") == "BASE_TABLE":
                found.add(str(node.get("table_name")).lower())
            for entry in (node.get("cte_map") or {}).get("map", []):
                defined.add(str(entry["key"]).lower())
            stack.extend(node.values())
        elif isinstance(node, list):
            stack.extend(node)
    yield from sorted(found - defined)


def _all_rows(table: Table, lake: str, files: Sequence[File]) -> str:
    """The empty typed part gives every column even where older files lack it, or where there is no file.

    Computed columns are made here, for the rows and only if somebody asks for them; what older files hold
    under their names is not looked at.
    """
    parts = [f"SELECT {typed(table)}, false AS new WHERE false"]
    groups: dict[tuple[bool, tuple[int, ...] | None, str], list[str]] = {}
    for file in files:  # of some files only parts count: each of these has a condition of its own
        apart = file.path if file.parts is not None else ""
        groups.setdefault((file.new, file.parts, apart), []).append(f"{lake}/{file.path}")
    for (new, counted, _), paths in groups.items():
        read = f"read_parquet({_list(paths)}, union_by_name = true, hive_partitioning = false)"
        condition = "" if counted is None else f" WHERE lake_part IN ({', '.join(map(str, counted))})"
        parts.append(f"SELECT *, {'true' if new else 'false'} AS new FROM {read}{condition}")
    body = " UNION ALL BY NAME ".join(parts)
    shown = ", ".join(_shown(column, anything=bool(files)) for column in table.columns)
    return f"CREATE VIEW all_{table.name} AS SELECT {shown}, new FROM ({body})"


def _shown(column: Column, *, anything: bool) -> str:
    """Without a file there is nothing to compute: it would only take time to prepare."""
    if not column.computed:
        return f'"{column.name}"'
    return f'{column.computed if anything else f"CAST(NULL AS {column.kind.value})"} AS "{column.name}"'


def _list(texts: Sequence[str]) -> str:
    return "[" + ", ".join("'" + text.replace("'", "''") + "'" for text in texts) + "]"
