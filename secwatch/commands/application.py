"""What every command works with: the place, the settings, the database, the language, made when first needed."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import cached_property, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from zoneinfo import ZoneInfo

import click

from secwatch.core.errors import UsageProblem
from secwatch.core.model import Language, Organisation, Text
from secwatch.core.ownership import Ownership
from secwatch.system import console
from secwatch.system.config import load
from secwatch.system.console import Output
from secwatch.system.paths import Place, find_place
from secwatch.system.settings import Settings

if TYPE_CHECKING:
    from secwatch.system.database import Database

Function = TypeVar("Function", bound=Callable[..., Any])


class Application:
    """The command line's shared objects. Nothing is opened before a command asks for it."""

    def __init__(
        self,
        workspace: str | None = None,
        configuration: str | None = None,
        language: str | None = None,
        user: str | None = None,
        *,
        quiet: bool = False,
        verbose: bool = False,
        debug: bool = False,
    ):
        self._workspace = workspace
        self.configuration = configuration
        self._language = language
        self.user = user
        self.quiet = quiet
        self.verbose = verbose
        self.debug = debug

    @cached_property
    def place(self) -> Place:
        """The directories in use."""
        return find_place(self._workspace)

    @cached_property
    def settings(self) -> Settings:
        """The configuration in force."""
        return load(self.place, self.configuration)

    @property
    def chosen_language(self) -> Language | None:
        """What --lang said, if anything."""
        return self._language  # type: ignore[return-value]

    @property
    def language(self) -> Language:
        """The language of what is shown: --lang, else the configuration's."""
        chosen: Language = self._language or self.settings.general.language  # type: ignore[assignment]
        return chosen

    @property
    def zone(self) -> ZoneInfo:
        """The time zone in which people read times and weeks begin."""
        return ZoneInfo(self.settings.general.time_zone)

    def speak(self, language: str | None) -> None:
        """Use this language from here on, if one is given (a command's own --lang)."""
        self._language = language or self._language

    def say(self, text: Text, output: Output | None = None) -> None:
        """Say a sentence on standard error in the language of what is shown; nothing of it may come from outside."""
        console.note(f"secwatch: {text.to(self.language)}", output)

    def reload_settings(self) -> Settings:
        """Read the configuration anew and return it; what this object holds stays as it was."""
        return load(self.place, self.configuration)

    @cached_property
    def database(self) -> Database:
        """The database, migrated."""
        return self.open_database()

    def close(self) -> None:
        """Close the database, if it was opened: what its log holds goes into the file, and the log is removed."""
        if "database" in self.__dict__:
            self.database.conn.close()

    def open_database(self) -> Database:
        """Open a connection of one's own to the database, for another thread."""
        from backup.ledger import MIGRATIONS as LEDGER
        from secwatch.store.migrations import MIGRATIONS as STORE
        from secwatch.system.database import open_database

        return open_database(self.place.database, (STORE, LEDGER))

    @cached_property
    def organisations(self) -> Sequence[Organisation]:
        """The registry."""
        from secwatch.store import organisations

        return organisations.every(self.database)

    @cached_property
    def ownership(self) -> Ownership:
        """The registry, ready to be asked who owns what."""
        return Ownership(self.organisations)

    def load_ownership(self, database: Database) -> Ownership:
        """Return the registry as it is now, read by that connection."""
        from secwatch.store import organisations

        return Ownership(organisations.every(database))

    def resolve(self, path: str) -> Path:
        """Return a path of the configuration: relative ones start at the workspace."""
        candidate = Path(path).expanduser()
        return candidate if candidate.is_absolute() else self.place.configuration / candidate


_pass_application = click.make_pass_decorator(Application)
_PATHS = frozenset({"DIR", "FILE", "PATH"})  # how options that take one say so


def pass_application(function: Function) -> Function:
    """Give a command the application; for every command alike, refuse empty arguments and settle as whom it works."""
    passing = _pass_application(function)

    @wraps(function)
    def wrapper(*arguments: Any, **rest: Any) -> Any:
        context = click.get_current_context()
        refuse_empty(context)
        application = context.find_object(Application)
        if application is not None and (os.geteuid() == 0 or application.user is not None):
            from secwatch.commands.becoming import settle

            settle(application, context.command_path.split()[1:], rest.get("output", console.Output()))
        return passing(*arguments, **rest)

    return wrapper  # type: ignore[return-value]


def refuse_empty(context: click.Context) -> None:
    """Raise UsageProblem for an empty argument or path: a variable that was not set, not the current directory."""
    for parameter in context.command.params:
        named = isinstance(parameter, click.Option)
        if named and parameter.metavar not in _PATHS:
            continue
        value = context.params.get(parameter.name or "")
        if "" in (value if isinstance(value, tuple) else (value,)):
            name = parameter.opts[-1] if named else parameter.make_metavar(context)
            raise UsageProblem(f"{name} is empty", f"{context.command_path} --help")


def output_options(function: Function) -> Function:
    """Add the options that every command with a result has; the command gets one `output: Output`."""

    @click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
    @click.option("-o", "--output", "output_path", metavar="FILE", help="Write the result to this file.")
    @click.option("--no-color", "plain", is_flag=True, help="Use no colour.")
    @click.option("-q", "--quiet", is_flag=True, help="Say nothing but results and errors.")
    @wraps(function)
    def wrapper(*arguments: Any, as_json: bool, output_path: str | None, plain: bool, quiet: bool, **rest: Any) -> Any:
        context = click.get_current_context()
        application = context.find_object(Application)
        output = Output(
            json=as_json,
            path=output_path,
            colour=not plain,
            quiet=quiet or (application.quiet if application else False),
        )
        return function(*arguments, output=output, **rest)

    return wrapper  # type: ignore[return-value]


def language_option(function: Function) -> Function:
    """Add --lang to a command, so that it may stand after the command as well as before it."""

    @click.option("--lang", "language", type=click.Choice(["zh", "en"]), help="Language of what is shown.")
    @wraps(function)
    def wrapper(*arguments: Any, language: str | None, **rest: Any) -> Any:
        application = click.get_current_context().find_object(Application)
        if application is not None:
            application.speak(language)
        return function(*arguments, **rest)

    return wrapper  # type: ignore[return-value]


class Group(click.Group):
    """A group of verbs; called bare it shows its help and ends with the code for a usage mistake."""

    def __init__(self, *arguments: Any, **rest: Any):
        rest.setdefault("context_settings", {"help_option_names": ["-h", "--help"], "max_content_width": 100})
        super().__init__(*arguments, **rest)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the verbs in the order in which they were written: the order of use."""
        return list(self.commands)


__all__ = ["Application", "Group", "console", "language_option", "output_options", "pass_application"]
