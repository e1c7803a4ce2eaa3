"""Writes the parts of the documentation that are taken from the program itself: commands, columns.

`make docs` writes them; the tests fail when they are older than the program.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

DOCS = Path(__file__).resolve().parent
WIDTH = 100


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
    from secwatch.lake.macros import MACROS

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
    functions = "\n".join(f"| `{macro.signature}` | {macro.meaning} |" for macro in MACROS)
    parts.append(f"## Functions beyond plain SQL\n\n| function | meaning |\n|---|---|\n{functions}\n")
    return "\n".join(parts)


def main() -> None:
    """Write the generated files."""
    (DOCS / "commands.md").write_text(reference(), encoding="utf-8")
    (DOCS / "columns.md").write_text(columns(), encoding="utf-8")


if __name__ == "__main__":
    sys.path.insert(0, str(DOCS.parent))
    main()
