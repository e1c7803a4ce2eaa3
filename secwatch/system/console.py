"""Everything that is shown: results on standard output, the rest on standard error, all through rich.

click's own styling ignores NO_COLOR, rich obeys it; hence nothing else in the project writes colour.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from secwatch.core.errors import SecwatchError
from secwatch.core.escape import certain, storable, unambiguous, visible
from secwatch.core.wrapping import cells, wrap
from secwatch.system.writing import write_text

if TYPE_CHECKING:  # rich takes longer to import than any --help may take; each function imports what it uses
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.measure import Measurement
    from rich.progress import Progress, TaskID
    from rich.table import Table
    from rich.text import Text

# Without a terminal there is no width to ask for: cron mails and files get this one.
PLAIN_WIDTH = 100


@dataclass(frozen=True)
class Output:
    """How a command shows its result, as the shared output options said."""

    json: bool = False
    path: str | None = None
    colour: bool = True
    quiet: bool = False


def stdout(output: Output | None = None) -> Console:
    """Return the console for results."""
    return _console(sys.stdout, output)


def stderr(output: Output | None = None) -> Console:
    """Return the console for everything that is not the result."""
    return _console(sys.stderr, output)


def _console(stream: Any, output: Output | None) -> Console:
    from rich.console import Console

    class Plain(Console):
        def on_broken_pipe(self) -> None:
            """Leave it to us: rich would end the process with 1."""
            raise BrokenPipeError

    plain = output is not None and not output.colour
    terminal = stream.isatty()
    columns = os.environ.get("COLUMNS", "")
    return Plain(
        file=stream,
        no_color=True if plain else None,
        width=None
        if terminal
        else int(columns)
        if columns.isdecimal() and 1 <= int(columns) <= 10_000
        else PLAIN_WIDTH,
        highlight=False,
        markup=False,
        emoji=False,
        soft_wrap=False,
    )


def show(output: Output, data: Any, *renderables: RenderableType) -> None:
    """Show a result: `data` as one JSON object with --json, else the renderables; to -o FILE if given."""
    from rich.console import Console

    if output.json:
        show_text(output, encode(data) + "\n")
    elif output.path and output.path != "-":
        stream = io.StringIO()
        _print(
            Console(file=stream, width=PLAIN_WIDTH, no_color=True, highlight=False, markup=False, emoji=False),
            renderables,
        )
        show_text(output, stream.getvalue())
    else:
        with reader_may_leave():
            _print(stdout(output), renderables)
            sys.stdout.flush()


def show_text(output: Output, text: str) -> None:
    """Show a text that has its final form (JSON, CSV), or write it to -o FILE. Raise SecwatchError if that fails."""
    if output.path and output.path != "-":
        try:
            write_text(Path(output.path), storable(text))
        except OSError as error:
            hint = "choose another file with -o FILE"
            raise SecwatchError(f"cannot write {output.path}: {error.strerror}", hint) from error
        return
    with reader_may_leave():
        sys.stdout.write(text)
        sys.stdout.flush()


@contextmanager
def reader_may_leave() -> Iterator[None]:
    """Let the reader of a pipe (head, less) leave while the block prints: the command ends as it would have."""
    try:
        yield
    except BrokenPipeError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def announce(output: Output, data: Any, *renderables: RenderableType) -> None:
    """Show the result of an act that went well: nothing with --quiet, unless --json or -o asks for it."""
    if output.json or output.path or not output.quiet:
        show(output, data, *renderables)


def _print(console: Console, renderables: Sequence[RenderableType]) -> None:
    """A plain sentence is not broken into lines: terminals do that, files and mails must not have it."""
    for renderable in renderables:
        console.print(renderable, soft_wrap=isinstance(renderable, str))


def encode(data: Any) -> str:
    """Return one JSON object on one line; mappings get `"schema": 1` first."""
    if isinstance(data, Mapping):
        data = {"schema": 1, **data}
    try:
        return msgspec.json.encode(data, enc_hook=str).decode()
    except UnicodeEncodeError:  # a name that is not UTF-8: rare, so only then is every text looked at
        return msgspec.json.encode(_storable(msgspec.to_builtins(data, enc_hook=str))).decode()


def _storable(data: Any) -> Any:
    if isinstance(data, str):
        return storable(data)
    if isinstance(data, Mapping):
        return {storable(str(key)): _storable(value) for key, value in data.items()}
    return [_storable(value) for value in data] if isinstance(data, list | tuple) else data


def table(title: str | None, columns: Sequence[str], rows: Sequence[Sequence[object]], **styles: Any) -> Table:
    """Return a table whose headings and cells are escaped texts. Columns named in `right` are aligned right, those in
    `whole` give way last when the width does not suffice.

    SECWATCH_AMBIGUOUS=2 says that the terminal draws ambiguous characters two cells wide, as
    terminals set up for Chinese do: then only ASCII draws the lines.
    """
    from rich.box import ASCII2, SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    right, whole = styles.pop("right", ()), styles.pop("whole", ())
    box = ASCII2 if ambiguous_is_wide() else SIMPLE_HEAD
    styles.setdefault("pad_edge", box is ASCII2)
    result = Table(title=title, box=box, title_justify="left", title_style="bold", show_edge=box is ASCII2, **styles)
    for name in columns:
        justify: Literal["left", "right"] = "right" if name in right else "left"
        result.add_column(Text(harmless(name)), justify=justify, overflow="fold", no_wrap=name in whole)
    for row in rows:
        result.add_row(*(cell if isinstance(cell, Text | Paragraph) else Text(harmless(str(cell))) for cell in row))
    return result


def ambiguous_is_wide() -> bool:
    """Return whether the terminal draws characters of ambiguous width two cells wide."""
    return os.environ.get("SECWATCH_AMBIGUOUS") == "2"


def harmless(text: str, limit: int = 500) -> str:
    """Return ingested text as a terminal may show it: hidden characters visible, widths certain."""
    shown = certain(visible(text, limit))
    return unambiguous(shown) if ambiguous_is_wide() else shown


@dataclass(frozen=True)
class Paragraph:
    """Ingested text in lines that fit, broken as Chinese is; later lines are indented by the lead's width."""

    text: str
    lead: str = ""
    style: str = ""
    limit: int = 4000

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        """Yield the lines for the width at hand; `lead` stands before the first of them."""
        from rich.text import Text

        hanging = cells(self.lead)
        lines = wrap(harmless(self.text, self.limit), options.max_width - hanging)
        for number, line in enumerate(lines):
            yield Text(f"{' ' * hanging if number else self.lead}{line}", style=self.style)

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        """Return the narrowest and the widest that it can be, for the columns of a table."""
        from rich.measure import Measurement

        hanging = cells(self.lead)
        widest = hanging + cells(harmless(self.text, self.limit))
        return Measurement(min(hanging + 2, widest), widest).with_maximum(options.max_width)


@contextmanager
def progress(label: str, output: Output | None = None, *, itself: bool = True) -> Iterator[ProgressLine]:
    """Show a progress line on standard error while the block runs; nothing at all without a terminal.

    It moves by itself, in a thread of its own, or only when it is updated.
    """
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    console = stderr(output)
    hidden = not console.is_terminal or (output is not None and (output.quiet or output.json))
    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TextColumn("{task.percentage:>3.0f}%", markup=False),
        TextColumn("{task.fields[note]}", markup=False),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=hidden,
        auto_refresh=itself,
    )
    with bar:
        yield ProgressLine(bar, bar.add_task(label, total=None, note=""))


class ProgressLine:
    """One line of progress; `update` may be called as often as is convenient."""

    def __init__(self, bar: Progress, task: TaskID):
        self._bar = bar
        self._task = task

    def update(self, done: float, total: float | None, note: str = "") -> None:
        """Say how far the work is; total is None while unknown."""
        self._bar.update(self._task, completed=done, total=total, note=visible(note, 60))
        if not self._bar.live.auto_refresh:
            self._bar.refresh()


@contextmanager
def unbuffered_errors() -> Iterator[None]:
    """Write standard error without a buffer in the block.

    A thread that is stuck in writing to a buffered one holds its lock, and Python aborts at its end when it meets that.
    """
    before = sys.stderr
    raw = io.FileIO(before.fileno(), "w", closefd=False)
    sys.stderr = io.TextIOWrapper(raw, before.encoding, before.errors, write_through=True)
    try:
        yield
    finally:
        sys.stderr = before


def note(text: str, output: Output | None = None) -> None:
    """Say something on standard error, unless --quiet."""
    if output is None or not output.quiet:
        _print(stderr(output), [text])


def report(error: SecwatchError, *, as_json: bool) -> None:
    """Say an error on standard error: one sentence and a hint, or one JSON object with --json."""
    if as_json:
        data: dict[str, Any] = {"error": error.message, "hint": error.hint, "exit_code": int(error.exit_code)}
        problems = getattr(error, "problems", ())
        if problems:
            data["problems"] = list(problems)
        sys.stderr.write(encode(data) + "\n")
        return
    from rich.text import Text

    console = stderr()
    problems = getattr(error, "problems", ())
    text = error.message.partition(":")[0] if problems else error.message
    console.print(Text.assemble(("secwatch: error: ", "bold red"), visible(text, 4000)), soft_wrap=True)
    for problem in problems:
        console.print(Text(f"  {visible(problem, 1000)}"), soft_wrap=True)
    if error.hint:
        console.print(Text.assemble(("secwatch: hint: ", "bold"), visible(error.hint, 1000)), soft_wrap=True)
