"""`secwatch flows`: questions to the lake in SQL."""

from __future__ import annotations

import csv
import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from secwatch.commands.application import Application, Group, language_option, output_options, pass_application
from secwatch.commands.sizes import in_bytes
from secwatch.core.errors import UsageProblem
from secwatch.core.escape import storable, visible
from secwatch.core.model import Text
from secwatch.system.console import Output, show, show_text, table

if TYPE_CHECKING:
    from secwatch.lake.query import Result

EXIT_CODES = "Exit codes: 0 done, 1 the query failed or was refused, 2 usage."
LIMIT = 1000
# A spreadsheet runs a cell that begins so (OWASP, CSV injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@click.group(cls=Group, name="flows")
def command() -> None:
    """Ask questions of the flows and events in SQL.

    \b
    Example:
      secwatch flows tables
      secwatch flows query "SELECT service, count(*) FROM flows GROUP BY 1 ORDER BY 2 DESC"
    """


@command.command(epilog=EXIT_CODES)
@click.argument("sql", metavar="SQL")
@click.option("--csv", "as_csv", is_flag=True, help="Print comma-separated values.")
@click.option("--parquet", "as_parquet", is_flag=True, help="Write Parquet to -o FILE, as FILE.parquet does by itself.")
@click.option(
    "--limit", type=click.IntRange(1, 1_000_000), help="At most so many rows.  [default: 1000; all to Parquet]"
)
@language_option
@output_options
@pass_application
def query(
    application: Application, sql: str, as_csv: bool, as_parquet: bool, limit: int | None, output: Output
) -> None:
    """Run one SELECT over the recorded flows and events; - reads it from standard input.

    It runs in a process of its own that can read the lake and nothing else, and change nothing. The
    tables and their columns: secwatch flows tables. A condition on the time column (last_seen of
    flows, time of the others) opens only the files of those days.

    \b
    Example:
      secwatch flows query "SELECT query, count(*) AS n FROM dns GROUP BY 1 ORDER BY n DESC" --limit 20
      secwatch flows query "SELECT * FROM flows WHERE destination_port = 22" --csv -o ssh.csv
      secwatch flows query "SELECT * FROM dns WHERE time::DATE = '2026-11-23'" -o dns.parquet
    """
    from secwatch.detect.recorded import files_by_table
    from secwatch.lake import query as lake
    from secwatch.pipeline.tidy import reading
    from secwatch.store import lake as store

    to_parquet = as_parquet or bool(output.path and output.path.endswith(".parquet") and not as_csv and not output.json)
    if as_csv + output.json + as_parquet > 1:
        raise UsageProblem("only one of --json, --csv and --parquet can be had", "secwatch flows query --help")
    if to_parquet and output.path in (None, "-"):
        raise UsageProblem("Parquet goes to a file, and none is named", "secwatch flows query … -o result.parquet")
    sql = sys.stdin.read(1 << 20) if sql == "-" else sql
    if storable(sql) != sql:
        raise UsageProblem("the SQL is not UTF-8", "secwatch flows query --help")
    if to_parquet:
        _export(application, sql, limit, output)
        return
    limit = limit or LIMIT
    with reading(application.place):
        files = files_by_table(store.files(application.database))
        result = lake.query(application.place.lake, files, sql, limit=limit, bounds=application.settings.detect)
    if result.truncated:
        application.say(_cut(limit, result), output)
    if as_csv:
        _show_csv(result, output)
        return
    items = [dict(zip(result.names, row, strict=True)) for row in result.rows]
    rows = [[_cell(value) for value in row] for row in result.rows]
    show(output, {"items": items, "truncated": result.truncated}, table(None, result.names, rows))


@command.command(epilog=EXIT_CODES)
@language_option
@output_options
@pass_application
def tables(application: Application, output: Output) -> None:
    """List the tables, their columns and what they mean, and the functions beyond plain SQL.

    \b
    Example:
      secwatch flows tables
    """
    from secwatch.core.tables import TABLES
    from secwatch.lake.macros import FUNCTIONS

    items = [
        {
            "table": item.name,
            "time_column": item.time_column,
            "columns": [
                {"name": column.name, "type": column.kind.value, "meaning": column.meaning, "zeek": column.zeek}
                for column in item.columns
            ],
        }
        for item in TABLES.values()
    ]
    language = application.language
    functions = [{"signature": macro.signature, "meaning": macro.meaning} for macro in FUNCTIONS]
    shown = [
        table(
            item.name,
            [head.to(language) for head in (Text("列", "column"), Text("类型", "type"), Text("含义", "meaning"))],
            [(column.name, column.kind.value, column.meaning) for column in item.columns],
        )
        for item in TABLES.values()
    ]
    heads = [head.to(language) for head in (Text("函数", "function"), Text("含义", "meaning"))]
    title = Text("函数", "functions").to(language)
    shown.append(table(title, heads, [(item.signature, item.meaning) for item in FUNCTIONS]))
    show(output, {"items": items, "functions": functions}, *shown)


def _export(application: Application, sql: str, limit: int | None, output: Output) -> None:
    from secwatch.detect.recorded import files_by_table
    from secwatch.lake.export import export
    from secwatch.pipeline.tidy import reading
    from secwatch.store import lake as store

    target = Path(output.path or "")
    with reading(application.place):
        files = files_by_table(store.files(application.database))
        done = export(application.place.lake, files, sql, target, limit=limit, bounds=application.settings.detect)
    size, path = in_bytes(done.bytes), visible(str(target))
    application.say(Text(f"{done.rows:,} 行，{size}，写入 {path}", f"{done.rows:,} rows, {size} in {path}"), output)


def _cut(limit: int, result: Result) -> Text:
    more = Text(f"还有 {result.more:,} 行", f"there are {result.more:,} more")
    if not result.counted:
        rounded = _rounded(result.more)
        more = Text(f"还有 {rounded:,} 行以上", f"there are more than {rounded:,} more")
    zh = f"以上是前 {limit:,} 行，{more.zh}：见 --limit"
    return Text(zh, f"these are the first {limit:,} rows, {more.en}: see --limit")


def _rounded(count: int) -> int:
    """Return the number with all but its first digit 0: where counting was given up means nothing."""
    unit: int = 10 ** (len(str(count)) - 1)
    return count // unit * unit


def _cell(value: Any) -> object:
    if value is None:
        return ""
    if isinstance(value, list):
        return ", ".join(str(_cell(item)) for item in value)
    return value


def _show_csv(result: Result, output: Output) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(map(_csv_cell, result.names))
    writer.writerows([_csv_cell(value) for value in row] for row in result.rows)
    show_text(output, text.getvalue())


def _csv_cell(value: Any) -> object:
    """Ingested text may aim at the spreadsheet that opens it: no control character, no formula."""
    shown = _cell(value)
    if not isinstance(shown, str):
        return shown
    shown = visible(shown, 100_000)
    return f"'{shown}" if shown.startswith(_FORMULA) else shown
