"""Writes the parts of the documentation that are taken from the program itself: the command reference.

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


def main() -> None:
    """Write the generated files."""
    (DOCS / "commands.md").write_text(reference(), encoding="utf-8")


if __name__ == "__main__":
    sys.path.insert(0, str(DOCS.parent))
    main()
