"""A bulletin on a terminal: every line fits the width, columns line up in Chinese, levels read without colour."""

from __future__ import annotations

from collections.abc import Iterator

from rich.align import Align
from rich.console import Console, ConsoleOptions, RenderableType
from rich.text import Text as Styled

from secwatch.bulletin.document import Bulletin, Section, Table
from secwatch.bulletin.render.words import header, label, section_number
from secwatch.core.model import Language
from secwatch.core.wrapping import cells
from secwatch.system.console import Paragraph, ambiguous_is_wide, harmless, table

_TONES = {
    "notice": "dim",
    "blue": "bold blue",
    "yellow": "bold yellow",
    "orange": "bold dark_orange",
    "red": "bold red",
    "good": "green",
    "warn": "yellow",
    "bad": "red",
}
_RATINGS = {"excellent": "green", "good": "cyan", "fair": "yellow", "poor": "dark_orange", "critical": "red"}


class _Rule:
    """A line across the width, in ASCII where box drawing would be too wide."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Styled]:
        letter = "=" if ambiguous_is_wide() else "═"
        yield Styled(letter * options.max_width, style="dim")


def render(bulletin: Bulletin, fingerprint: str, language: Language) -> list[RenderableType]:
    """Return the bulletin as things to print; fingerprint is the hexadecimal SHA-256 of its stored body."""
    city, title = harmless(bulletin.city.to(language), 60), harmless(bulletin.title.to(language), 100)
    lines = header(bulletin, language)
    width = max(cells(name) for name, _ in lines)
    rating = bulletin.rating
    return [
        _Rule(),
        Align.center(Styled(city, style="bold")),
        Align.center(Styled(title, style="bold red")),
        _Rule(),
        *(Paragraph(value, lead=f"{name}{' ' * (width - cells(name))}  ") for name, value in lines),
        "",
        Styled(
            f"{label('rating', language)}  [{harmless(rating.label.to(language))}]",
            style=f"bold {_RATINGS[rating.key]}",
        ),
        *(part for number, section in enumerate(bulletin.sections, 1) for part in _section(section, number, language)),
        _Rule(),
        Paragraph(f"{label('fingerprint', language)}: {fingerprint}", style="dim"),
    ]


def _section(section: Section, number: int, language: Language) -> Iterator[RenderableType]:
    yield ""
    yield Styled(f"{section_number(number, language)}{harmless(section.title.to(language))}", style="bold")
    for paragraph in section.paragraphs:
        yield Paragraph(paragraph.to(language), lead="  ")
    for found in section.tables:
        if found.title is not None:
            yield Styled(f"  {harmless(found.title.to(language))}", style="bold")
        yield _table(found, language)
    for position, item in enumerate(section.items, 1):
        yield Paragraph(item.to(language), lead=f"{position:>4}. ")
    for note in section.notes:
        yield Paragraph(note.to(language), lead="  * ", style="dim")


def _table(found: Table, language: Language) -> RenderableType:
    heads = [harmless(column.heading.to(language)) for column in found.columns]
    right = tuple(head for head, column in zip(heads, found.columns, strict=True) if column.right)
    whole = tuple(head for head, column in zip(heads, found.columns, strict=True) if column.whole or column.right)
    rows = [[Paragraph(cell.text.to(language), style=_TONES.get(cell.tone, "")) for cell in row] for row in found.rows]
    return table(None, heads, rows, right=right, whole=whole)
