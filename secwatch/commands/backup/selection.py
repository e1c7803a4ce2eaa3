"""What the backup verbs share: which jobs are meant, what they work with, and how outcomes are shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import click

from secwatch.commands.application import Application
from secwatch.core.errors import ExitCode, SecwatchError, UsageProblem, combine
from secwatch.core.model import Text
from secwatch.system import console
from secwatch.system.console import Output

if TYPE_CHECKING:
    from backup.model import Job, Outcome
    from backup.progress import OnProgress
    from backup.session import Surroundings

Function = TypeVar("Function", bound=Callable[..., Any])

# Status events a second: a person watches a bar, a log does not.
_WATCHED, _UNWATCHED = 4.0, 0.2

ENDINGS = (
    "10 no repository, 11 locked, 12 wrong password, 13 configuration invalid, "
    "14 restic missing or too old, 16 refused by a guard, 130 interrupted, 143 terminated."
)


def jobs_argument(function: Function) -> Function:
    """Add `JOB…` and --all; the command gets `names` and `every`."""
    function = click.argument("names", nargs=-1, metavar="[JOB]...")(function)
    return click.option("--all", "every", is_flag=True, help="Every job of the configuration.")(function)


def filled(_context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Return what an option was given. Raise UsageProblem for nothing at all: a script's variable was not set."""
    if value == "":
        raise UsageProblem(f"{parameter.opts[0]} is empty", "give it a value, or leave it out")
    return value


def state_alerts(application: Application) -> None:
    """Make alerts of what the verbs found, so that it is seen at once and not at the next warning."""
    from secwatch.bridge import pull_anomalies

    pull_anomalies(application.database, datetime.now(UTC))


def number(value: int | None) -> object:
    """Return a number; a dash for none."""
    return "—" if value is None else value


def configured(application: Application) -> Mapping[str, Job]:
    """Return the jobs of the configuration by name."""
    from backup.jobs import from_settings

    return from_settings(application.settings.backup, application.resolve)


def chosen(application: Application, names: Sequence[str], every: bool = False) -> tuple[Job, ...]:
    """Return the jobs that the command line names. Raise UsageProblem if it names none or unknown ones."""
    from backup.jobs import choose

    return choose(configured(application), names, every)


def surroundings(application: Application) -> Surroundings:
    """Return what the verbs work with."""
    from backup.session import Surroundings
    from secwatch.core.durations import seconds

    settings, place = application.settings.backup, application.place
    watched = console.stderr().is_terminal
    return Surroundings(
        database=application.database,
        state=place.state,
        cache=place.cache,
        runtime=place.runtime,
        program=settings.restic,
        timeout=seconds(settings.timeout),
        lock_wait=seconds(settings.lock_wait),
        progress_per_second=_WATCHED if watched else _UNWATCHED,
    )


@contextmanager
def progress(label: str, output: Output) -> Iterator[OnProgress]:
    """Show restic's progress as a line on the terminal; give what to call with it."""
    with console.progress(label, output) as line:

        def on_progress(how_far: Any) -> None:
            total = None if how_far.fraction is None else 1.0
            line.update(how_far.fraction or 0.0, total, how_far.current)

        yield on_progress


def size(value: int | None) -> str:
    """Return bytes in words: `512 B`, `3.1 MiB`; a dash for none."""
    if value is None:
        return "—"
    amount = float(value)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"


def finish(
    application: Application,
    output: Output,
    outcomes: Sequence[Outcome],
    title: Text,
    columns: Mapping[Text, Callable[[Outcome], object]],
) -> int:
    """Make alerts of what was found, show outcomes, say what failed on standard error, and return the exit code.

    columns are those after job and result. One failed job is reported as the error that it is,
    several with one sentence each.
    """
    from rich.text import Text as Styled

    state_alerts(application)
    language = application.language
    styles = {True: "green", False: "bold red"}
    heads = [Text("作业", "job"), Text("结果", "result"), *columns]
    rows = [
        (
            outcome.job,
            Styled(outcome.result.label.to(language), style=styles[outcome.result.good]),
            *(column(outcome) for column in columns.values()),
        )
        for outcome in outcomes
    ]
    right = [head.to(language) for head in list(columns)[1:]]
    picture = console.table(title.to(language), [head.to(language) for head in heads], rows, right=right)
    fine = all(outcome.code is ExitCode.DONE for outcome in outcomes)
    tell = console.announce if fine else console.show
    tell(output, {"items": [outcome.as_item() for outcome in outcomes]}, picture)
    code = combine(*(outcome.code for outcome in outcomes))
    _report(outcomes, output, code)
    return int(code)


def _report(outcomes: Sequence[Outcome], output: Output, code: ExitCode) -> None:
    failed = [outcome for outcome in outcomes if outcome.code is not ExitCode.DONE]
    if not failed:
        return
    if len(outcomes) == 1:
        only = failed[0]
        error = SecwatchError(f"{only.job}: {only.message or only.result.value}", only.hint, only.code)
        console.report(error, as_json=output.json)
    elif output.json:
        sentence = f"{len(failed)} of {len(outcomes)} jobs did not end well: {', '.join(item.job for item in failed)}"
        console.report(SecwatchError(sentence, "see message and hint of each item", code), as_json=True)
    else:
        for outcome in failed:
            error = SecwatchError(f"{outcome.job}: {outcome.message or outcome.result.value}", outcome.hint)
            console.report(error, as_json=False)
