"""A bulletin as one self-contained HTML file: inline style, no script, no outside resource, prints on A4."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from secwatch.bulletin.document import Bulletin
from secwatch.bulletin.render.words import header, label, section_number
from secwatch.core.escape import visible
from secwatch.core.model import Language

_LIMIT = 4000


@cache
def _template() -> Template:
    """Autoescape is on for everything: whatever was ingested is text, never markup."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent.parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["shown"] = lambda text: visible(str(text), _LIMIT)
    return environment.get_template("bulletin.html")


def render(bulletin: Bulletin, fingerprint: str, language: Language) -> str:
    """Return the whole file; fingerprint is the hexadecimal SHA-256 of its stored body."""
    return _template().render(
        bulletin=bulletin,
        language=language,
        header=header(bulletin, language),
        label=lambda key: label(key, language),
        section_number=lambda number: section_number(number, language),
        fingerprint=fingerprint,
    )
