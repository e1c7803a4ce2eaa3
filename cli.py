"""The `secwatch` command: lazy groups; errors and signals become exit codes. Nothing else."""

from __future__ import annotations

import atexit
import importlib
import io
import os
import sys
import threading
from collections.abc import Sequence
from typing import NoReturn

import click

from secwatch import __version__
from secwatch.core.errors import ExitCode, SecwatchError

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}

# name → (module, one line of help). The line equals the first line of the command's own help
# (tested): with it here, `secwatch --help` imports none of the modules.
COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("secwatch.commands.init", "Make a workspace: a directory with a configuration and room for data."),
    "demo": ("secwatch.commands.demo", "Carry you through the whole of secwatch on sample data, for real."),
    "sense": ("secwatch.commands.sense", "Read packets into flows, events and alerts."),
    "flows": ("secwatch.commands.flows", "Ask questions of the flows and events in SQL."),
    "lake": ("secwatch.commands.lake", "Keep the lake: how full it is, merge small files, drop the oldest."),
    "detect": ("secwatch.commands.detect", "List, check and test detections."),
    "scan": ("secwatch.commands.scan", "Scan files with YARA rules."),
    "rules": ("secwatch.commands.rules", "List, check and test YARA rules."),
    "alerts": ("secwatch.commands.alerts", "Look at alerts."),
    "warn": ("secwatch.commands.warn", "Turn alerts into early warnings and look at them."),
    "bulletin": ("secwatch.commands.bulletin", "Compose and show the weekly warning bulletin."),
    "backup": ("secwatch.commands.backup.group", "Back departments up, verify, drill and restore."),
    "org": ("secwatch.commands.organisations", "Keep the registry of organisations: who owns what."),
    "config": ("secwatch.commands.config", "Check and show the configuration."),
    "doctor": ("secwatch.commands.doctor", "Check this machine, and say how to fix what is missing."),
    "status": ("secwatch.commands.status", "Say at one glance how everything stands."),
}


class LazyGroup(click.Group):
    """A group that imports a command's module only when the command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order in which a newcomer needs them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of that name, imported now."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(COMMANDS[cmd_name][0]).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings=CONTEXT, no_args_is_help=False, invoke_without_command=True)
@click.version_option(__version__, "--version", prog_name="secwatch")
@click.option("-w", "--workspace", metavar="DIR", envvar="SECWATCH_WORKSPACE", help="Work in this workspace.")
@click.option("--config", "configuration", metavar="FILE", help="Use this configuration file over the others.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but results and errors.")
@click.option("-v", "--verbose", is_flag=True, help="Say more of what is done.")
@click.option("--debug", is_flag=True, help="Show the traceback of an unexpected failure.")
@click.option("--lang", "language", type=click.Choice(["zh", "en"]), help="Language of what is shown.")
@click.option(
    "--user",
    metavar="NAME",
    help="Started by root, work as this user. By default the workspace's owner, but for backup, scan, doctor.",
)
@click.pass_context
def cli(
    context: click.Context,
    workspace: str | None,
    configuration: str | None,
    quiet: bool,
    verbose: bool,
    debug: bool,
    language: str | None,
    user: str | None,
) -> None:
    """Early warning and disaster recovery for a city's departments.

    \b
    Start here:
      secwatch demo                 everything once, on sample data
      secwatch init my-city         a workspace of your own
      secwatch -w my-city doctor    what this machine still needs

    \b
    Exit codes: 0 done, 1 failed, 2 usage, 3 something could not be read, 4 findings,
    10 no repository, 11 locked, 12 wrong password, 13 configuration invalid,
    14 program missing or too old, 15 verification or drill failed, 16 refused by a guard,
    130 interrupted, 143 terminated.
    """
    from secwatch.commands.application import Application, refuse_empty

    refuse_empty(context)
    context.obj = Application(workspace, configuration, language, user, quiet=quiet, verbose=verbose, debug=debug)
    context.call_on_close(context.obj.close)
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command and end the process with its exit code."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    _end(int(_run(arguments)))


def _end(code: int) -> NoReturn:
    """End the process as Python does, but leave its memory to Linux: to take numba and DuckDB apart lasts 0.3 s."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stderr, sys.stdout):
        try:
            stream.flush()
        except (OSError, ValueError):
            code = code or (ExitCode.FAILED if stream is sys.stdout else code)
    os._exit(code)


def _run(arguments: list[str]) -> int:
    from secwatch.system import signals

    signals.install()
    _prepare_streams()
    try:
        result = cli.main(args=arguments, prog_name="secwatch", standalone_mode=False)
        return int(result) if isinstance(result, int) else ExitCode.DONE
    except signals.Terminated as stop:
        return _stopped("terminated", 128 + stop.number, arguments)
    except (click.Abort, KeyboardInterrupt):
        return _stopped("interrupted", ExitCode.INTERRUPTED, arguments)
    except BrokenPipeError:
        # The reader of our output (head, less) has left: nobody is there to be told.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return ExitCode.DONE
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return ExitCode.USAGE
    except Exception as error:
        if "--debug" in arguments and not isinstance(error, click.ClickException | SecwatchError):
            raise
        return _report(_explain(error), arguments)


def _prepare_streams() -> None:
    """A stream that the caller closed leads nowhere; a letter that a stream cannot show is shown escaped."""
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            mode = os.O_WRONLY if descriptor else os.O_RDONLY
            opened = os.open(os.devnull, mode)
            if opened != descriptor:
                os.dup2(opened, descriptor)
                os.close(opened)
            setattr(sys, name, os.fdopen(descriptor, "w" if descriptor else "r", closefd=False))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _stopped(word: str, code: int, arguments: list[str]) -> int:
    from secwatch.system import console

    console.report(SecwatchError(word, None, _code(code)), as_json="--json" in arguments)
    return code


def _code(number: int) -> ExitCode:
    return ExitCode(number) if number in ExitCode.__members__.values() else ExitCode.TERMINATED


def _usage(error: click.ClickException) -> SecwatchError:
    text = error.format_message().rstrip(".")
    path = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "secwatch"
    code = ExitCode.USAGE if error.exit_code == 2 else ExitCode.FAILED
    return SecwatchError(text[:1].lower() + text[1:], f"{path} --help", code)


def _explain(error: Exception) -> SecwatchError:
    """Return what the user is told of any failure; the last cases are mistakes of ours or of the system."""
    import errno
    import sqlite3

    if isinstance(error, SecwatchError):
        return error
    if isinstance(error, click.ClickException):
        return _usage(error)
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return SecwatchError(
            f"no space left on the disk{f' for {error.filename}' if error.filename else ''}",
            "free some space and run the command again; what was there before is unchanged",
        )
    if isinstance(error, PermissionError):
        return _forbidden(error)
    if isinstance(error, OverflowError) and "SQLite" in str(error):
        return SecwatchError("that number is too large", "secwatch --help", ExitCode.USAGE)
    if isinstance(error, sqlite3.OperationalError):
        from pathlib import Path

        from secwatch.system.database import explain

        return explain(error, Path("secwatch.db"))
    return SecwatchError(
        f"unexpected failure: {type(error).__name__}: {error}", "run it again with: secwatch --debug …"
    )


def _forbidden(error: PermissionError) -> SecwatchError:
    from secwatch.system import privileges

    place, name = error.filename or "that", privileges.became()
    if name is None:
        return SecwatchError(f"no permission for {place}", "run as its owner, or fix its permissions")
    return SecwatchError(f"the user {name} has no permission for {place}", "to stay root: secwatch --user root …")


def _report(error: SecwatchError, arguments: list[str]) -> int:
    from secwatch.system import console

    console.report(error, as_json="--json" in arguments)
    return int(error.exit_code)


if __name__ == "__main__":
    main()
