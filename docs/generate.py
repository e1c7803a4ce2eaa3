"""Writes the parts of the documentation that are taken from the program itself and its tests: commands,
columns, faithfulness.

`make docs` writes them; the tests fail when they are older than the program.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click

DOCS = Path(__file__).resolve().parent
WIDTH = 100
FAITHFULNESS = """# Faithfulness

Made from `tests/sensor/differences.toml` by `make docs`; do not edit.

The tests hold the rows of the sensor against what tshark (4.0) prints of the same packets and what Zeek's own
tests store of them, for every real capture: packets and bytes; connections with packets, bytes and payload each
way, who opened them and how they ended; DNS questions, codes, answers and their times; ClientHellos with JA3 and
JA4, ServerHellos with JA3S, certificates; HTTP requests and answers; SSH banners and HASSH; FTP, SMTP, DHCP, SMB,
NTLM, Kerberos and LDAP; ARP and ICMP packets; the rows of Zeek's conn, http and ssl logs with state, history and
service. Everything is equal but what follows: each difference, and why it is one. A new difference fails the
tests, and so does one here that is gone.
"""


def commands(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield every command with its path, parents first."""
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            if child is not None:
                yield from commands(child, (*path, name))


def help_text(command: click.Command, path: tuple[str, ...]) -> str:
    """Return what --help prints for a command."""
    name = " ".join(("secwatch", *path))
    return command.get_help(click.Context(command, info_name=name, terminal_width=WIDTH, max_content_width=WIDTH))


def reference() -> str:
    """Return the command reference as Markdown."""
    from cli import cli

    parts = ["# Commands\n\nMade from `--help` by `make docs`; do not edit.\n"]
    for path, command in commands(cli):
        title = " ".join(("secwatch", *path))
        parts.append(f"## `{title}`\n\n```text\n{help_text(command, path).rstrip()}\n```\n")
    return "\n".join(parts)


def columns() -> str:
    """Return the tables of the lake, and the functions for queries, as Markdown."""
    from secwatch.core.tables import TABLES
    from secwatch.lake.macros import FUNCTIONS

    parts = [
        "# Columns\n\nMade from `secwatch/core/tables/` by `make docs`; do not edit. Times are UTC. Detections see"
        " one more column, `fresh`: whether the row is new in this window.\n"
    ]
    for table in TABLES.values():
        rows = "\n".join(
            f"| `{column.name}` | {column.kind.value} | {column.meaning} | {column.zeek} |" for column in table.columns
        )
        heading = "| column | type | meaning | Zeek |\n|---|---|---|---|"
        parts.append(f"## `{table.name}`\n\nWindows go by `{table.time_column}`.\n\n{heading}\n{rows}\n")
    functions = "\n".join(f"| `{macro.signature}` | {macro.meaning} |" for macro in FUNCTIONS)
    parts.append(f"## Functions beyond plain SQL\n\n| function | meaning |\n|---|---|\n{functions}\n")
    parts.append(_planned())
    return "\n".join(parts)


def _planned() -> str:
    """Return which columns each planned detection looks at. Raise KeyError for one that no table has."""
    from secwatch.core.tables import TABLES

    planned = tomllib.loads((DOCS / "planned_detections.toml").read_text(encoding="utf-8"))["detection"]
    lines = ["## What planned detections look at\n", "| detection | columns |", "|---|---|"]
    for item in planned:
        for name in item["columns"]:
            table, _, column = name.partition(".")
            TABLES[table].column(column)
        lines.append(f"| {item['name']} | {', '.join(f'`{name}`' for name in item['columns'])} |")
    return "\n".join(lines) + "\n"


def faithfulness() -> str:
    """Return the page of all differences from tshark and Zeek, made of tests/sensor/differences.toml."""
    known = tomllib.loads((DOCS.parent / "tests" / "sensor" / "differences.toml").read_text(encoding="utf-8"))
    parts = [FAITHFULNESS]
    for name, reason in known["reasons"].items():
        parts.append(f"## {name}\n\n{reason}\n")
        for item in known["difference"]:
            if item["reason"] == name:
                lines = [f"ours:   {text}" for text in item.get("ours", ())]
                lines += [f"theirs: {text}" for text in item.get("theirs", ())]
                where = f"{item['capture']}, {item['subject']}, {item['peer']}:"
                parts.append("\n".join((where, "", "```text", *lines, "```", "")))
    return "\n".join(parts)


def main() -> None:
    """Write the generated files."""
    (DOCS / "commands.md").write_text(reference(), encoding="utf-8")
    (DOCS / "columns.md").write_text(columns(), encoding="utf-8")
    (DOCS / "faithfulness.md").write_text(faithfulness(), encoding="utf-8")


if __name__ == "__main__":
    sys.path.insert(0, str(DOCS.parent))
    main()
