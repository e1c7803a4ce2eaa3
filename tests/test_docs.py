"""The documentation: generated parts are fresh, every command is documented and helpful, links lead somewhere."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

import click
import pytest

import cli
from tests.conftest import ROOT

GENERATE: dict[str, Any] = runpy.run_path(str(ROOT / "docs" / "generate.py"))
COMMANDS: list[tuple[tuple[str, ...], click.Command]] = list(GENERATE["commands"](cli.cli))
PAGES = sorted([*(ROOT / "docs").rglob("*.md"), ROOT / "README.md"])


def test_the_command_reference_is_fresh() -> None:
    """`make docs` writes it."""
    assert (ROOT / "docs" / "commands.md").read_text(encoding="utf-8") == GENERATE["reference"](), "run: make docs"


@pytest.mark.parametrize(("path", "command"), COMMANDS[1:], ids=[" ".join(path) for path, _ in COMMANDS[1:]])
def test_every_command_helps(path: tuple[str, ...], command: click.Command) -> None:
    """One line, an example with the command itself, the exit codes last."""
    text = GENERATE["help_text"](command, path)
    assert "Example:" in text
    assert f"secwatch {path[0]}" in text.partition("Example:")[2]
    assert command.help and command.help.strip().partition("\n")[0].endswith(".")
    if not isinstance(command, click.Group):
        assert command.epilog and command.epilog.startswith("Exit codes: 0 ")
        assert all(parameter.help for parameter in command.params if isinstance(parameter, click.Option))


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_the_lazy_line_is_the_commands_own(name: str) -> None:
    """The list in cli.py may not say something else than the command."""
    command = cli.cli.get_command(click.Context(cli.cli), name)
    assert command is not None and command.help
    assert cli.COMMANDS[name][1] == command.help.strip().partition("\n")[0]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    """A relative link names a file that is there."""
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_configuration_key_is_explained() -> None:
    """The annotated file has every table of the settings (its keys are compared in tests/system)."""
    from secwatch.system.settings import Settings, as_builtins

    text = (ROOT / "configs" / "secwatch.toml").read_text(encoding="utf-8")
    for section in as_builtins(Settings()):
        assert f"[{section}]" in text


def test_commands_named_in_the_documentation_exist() -> None:
    """A page never tells a user to type what is not there."""
    known = {" ".join(path) for path, _ in COMMANDS}
    groups = {" ".join(path) for path, command in COMMANDS if isinstance(command, click.Group)}
    for page in PAGES:
        for match in re.findall(r"secwatch((?: -w [\w.-]+)?(?: [a-z][a-z-]+)+)", page.read_text(encoding="utf-8")):
            words = re.sub(r" -w [\w.-]+", "", match).split()
            if words[0] not in cli.COMMANDS:
                continue  # prose: "secwatch is", not a command
            name = " ".join(words[:2]) if words[0] in groups and len(words) > 1 else words[0]
            assert name in known, f"{page.name}: secwatch {' '.join(words)}"
