"""A bulletin as Markdown (GitHub's flavour): whatever was ingested is text there, never markup."""

from __future__ import annotations

import re
from collections.abc import Iterator

from secwatch.bulletin.document import Bulletin, Section, Table
from secwatch.bulletin.render.words import header, label, section_number
from secwatch.core.escape import visible
from secwatch.core.model import Language

_LIMIT = 4000
# Punctuation that means something to Markdown anywhere in a line (CommonMark 0.31, sections 2.4
# and 6; pipes and strikethrough of GFM 0.29). < and & become entities: no parser takes them for HTML.
_MARKS = re.compile(r"([\\`*_{}\[\]()#+!|~>@])")
# What GFM would make a link of without any markup.
_LINKS = re.compile(r"(?i)\b(https?|ftp|xmpp|mailto)(:)|\b(www)(\.)")
# What begins a list, a heading underline or a rule when it stands first in a line.
_FIRST = re.compile(r"^(\s*)(?:([-=])|(\d+)([.]))")


def escape(text: str) -> str:
    """Return ingested text as Markdown shows it: itself. Blanks around it would undo emphasis."""
    shown = _MARKS.sub(r"\\\1", visible(text, _LIMIT).strip()).replace("&", "&amp;").replace("<", "&lt;")
    shown = _LINKS.sub(lambda found: f"{found[1] or found[3]}\\{found[2] or found[4]}", shown)
    return _FIRST.sub(lambda found: f"{found[1]}{found[3] or ''}\\{found[2] or found[4]}", shown)


def render(bulletin: Bulletin, fingerprint: str, language: Language) -> str:
    """Return the bulletin; fingerprint is the hexadecimal SHA-256 of its stored body."""
    return "\n".join(_lines(bulletin, fingerprint, language)) + "\n"


def _lines(bulletin: Bulletin, fingerprint: str, language: Language) -> Iterator[str]:
    yield f"# {escape(bulletin.city.to(language))} {escape(bulletin.title.to(language))}"
    yield ""
    for name, value in header(bulletin, language):
        yield f"- **{name}** {escape(value)}"
    yield f"- **{label('rating', language)}** **{escape(bulletin.rating.label.to(language))}**"
    for number, section in enumerate(bulletin.sections, 1):
        yield ""
        yield f"## {section_number(number, language)}{escape(section.title.to(language))}"
        yield from _section(section, language)
    yield ""
    yield f"{label('fingerprint', language)}: `{fingerprint}`"


def _section(section: Section, language: Language) -> Iterator[str]:
    for paragraph in section.paragraphs:
        yield ""
        yield escape(paragraph.to(language))
    for found in section.tables:
        yield ""
        if found.title is not None:
            yield f"**{escape(found.title.to(language))}**"
            yield ""
        yield from _table(found, language)
    if section.items:
        yield ""
    for position, item in enumerate(section.items, 1):
        yield f"{position}. {escape(item.to(language))}"
    for note in section.notes:
        yield ""
        yield f"*{escape(note.to(language))}*"


def _table(found: Table, language: Language) -> Iterator[str]:
    yield "| " + " | ".join(escape(column.heading.to(language)) for column in found.columns) + " |"
    yield "| " + " | ".join("---:" if column.right else "---" for column in found.columns) + " |"
    for row in found.rows:
        yield "| " + " | ".join(escape(cell.text.to(language)) or " " for cell in row) + " |"
