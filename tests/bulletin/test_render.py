"""One stored body in three forms and two languages: it fits, lines up, and obeys nothing that was ingested."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from unicodedata import category

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from rich.console import Console
from sqlite_utils import Database
from wcwidth import wcswidth

from secwatch.bulletin.document import (
    Bulletin,
    Cell,
    Column,
    Rating,
    Section,
    Table,
    both,
    from_json,
    to_json,
)
from secwatch.bulletin.render import html, markdown, terminal
from secwatch.core.escape import visible
from secwatch.core.model import Language, Text
from tests.bulletin.conftest import full_city

Composed = Callable[..., Bulletin]
LANGUAGES: tuple[Language, ...] = ("zh", "en")
DIGEST = "0" * 64


def printed(bulletin: Bulletin, language: Language, width: int) -> list[str]:
    """Return the lines of the terminal form at that width."""
    stream = io.StringIO()
    console = Console(file=stream, width=width, no_color=True, highlight=False, markup=False, emoji=False)
    for part in terminal.render(bulletin, DIGEST, language):
        console.print(part, soft_wrap=isinstance(part, str))
    return stream.getvalue().splitlines()


@pytest.fixture
def bulletin(database: Database, composed: Composed) -> Bulletin:
    """The bulletin of a full week, as it comes back from its stored body."""
    full_city(database)
    return from_json(to_json(composed()))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("width", [80, 100])
@pytest.mark.parametrize("ambiguous", [1, 2])
def test_every_line_fits(
    bulletin: Bulletin, language: Language, width: int, ambiguous: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In display cells, also where the terminal draws ambiguous characters wide."""
    monkeypatch.setenv("SECWATCH_AMBIGUOUS", str(ambiguous))
    lines = printed(bulletin, language, width)
    assert len(lines) > 60
    for line in lines:
        assert 0 <= wcswidth(line, ambiguous_width=ambiguous) <= width, line


def _offsets(line: str, letters: str) -> list[int]:
    """Return the display columns at which one of the letters stands."""
    found, at = [], 0
    for letter in line:
        if letter in letters:
            found.append(at)
        at += max(wcswidth(letter, ambiguous_width=2), 0)
    return found


def _tables(lines: list[str]) -> Iterator[list[str]]:
    block: list[str] = []
    for line in [*lines, ""]:
        if line[:1] in ("+", "|"):
            block.append(line)
        elif block:
            yield block
            block = []


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("width", [80, 100])
def test_columns_line_up_in_ascii(
    bulletin: Bulletin, language: Language, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every bar stands under a plus, in cells."""
    monkeypatch.setenv("SECWATCH_AMBIGUOUS", "2")
    tables = list(_tables(printed(bulletin, language, width)))
    assert len(tables) == 7
    for block in tables:
        corners = _offsets(block[0], "+")
        assert len(corners) >= 3
        for line in block:
            assert _offsets(line, "+|") == corners, "\n".join(block)


@pytest.mark.parametrize("language", LANGUAGES)
def test_columns_line_up_without_lines(bulletin: Bulletin, language: Language) -> None:
    """Under the rule of a table every column keeps two blank cells before the next."""
    lines = printed(bulletin, language, 100)
    for number, line in enumerate(lines):
        if not line.startswith("─"):
            continue
        body = [lines[number - 1]]
        for row in lines[number + 1 :]:
            if not row or row.startswith("  "):
                break
            body.append(row)
        cells = [_cells(row, wcswidth(line)) for row in body]
        blank = [all(row[at] == " " for row in cells) for at in range(wcswidth(line))]
        gaps = sum(1 for one, other in pairwise(blank) if one and not other)
        heads = [part for part in lines[number - 1].split("   ") if part.strip()]
        assert gaps >= len(heads) - 1, "\n".join(body)


def _cells(line: str, width: int) -> list[str]:
    spread: list[str] = []
    for letter in line:
        spread += [letter] + ["."] * (wcswidth(letter) - 1)
    return (spread + [" "] * width)[:width]


def test_both_languages_come_from_one_body(bulletin: Bulletin) -> None:
    """The Chinese one says 周报, the English one has no Chinese beyond names that have no English."""
    chinese, english = "\n".join(printed(bulletin, "zh", 100)), "\n".join(printed(bulletin, "en", 100))
    assert "〔2026〕第47期" in chinese and "[危]" in chinese and "[橙色]" in chinese
    assert "2026, No. 47" in english and "[critical]" in english and "[orange]" in english
    assert not any("\u4e00" <= letter <= "\u9fff" for letter in english)
    for text in (html.render(bulletin, DIGEST, "en"), markdown.render(bulletin, DIGEST, "en")):
        assert not any("\u4e00" <= letter <= "\u9fff" for letter in text)


def test_the_order_is_that_of_the_weekly_reports(bulletin: Bulletin) -> None:
    """What every form shows, in the same order."""
    titles = ["总体态势", "网络攻击", "恶意程序", "备份与灾难恢复", "预警", "单位情况", "下周预报", "处置建议", "附录"]
    for text in (
        "\n".join(printed(bulletin, "zh", 100)),
        markdown.render(bulletin, DIGEST, "zh"),
        html.render(bulletin, DIGEST, "zh"),
    ):
        places = [text.index(f"、{title}") for title in titles]
        assert places == sorted(places)
        for fact in ("TLP:AMBER", "市财政局", "DNS 隧道外传", "health-records", "未达标", DIGEST, "有橙色预警"):
            assert fact.replace("+", "\\+") in text or fact in text


class _Page(HTMLParser):
    """Collects tags, attributes and text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def page(text: str) -> _Page:
    """Return what a browser would make of it."""
    parser = _Page()
    parser.feed(text)
    parser.close()
    return parser


def test_the_page_stands_alone(bulletin: Bulletin) -> None:
    """No script, no link, no image, no outside resource; a policy that would forbid them."""
    found = page(html.render(bulletin, DIGEST, "zh"))
    assert not {"script", "link", "img", "iframe", "object", "base", "form", "a"} & set(found.tags)
    assert not {name for name, _ in found.attributes} & {"src", "href", "style", "onload", "onclick"}
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'") in found.attributes
    assert "url(" not in html.render(bulletin, DIGEST, "zh")


HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "\x1b[2J\x1b]0;owned\x07",
    "[bold red]markup[/bold red]",
    ":smiley: {{ 7 * 7 }} {% raw %}",
    "| a | b |\n# heading\n- item",
    "[click](javascript:alert(1)) <https://evil.example> www.evil.example http://evil.example",
    "**bold** _it_ `code` ~~no~~ &lt;b&gt; \\| $x$",
    "\u202egnp.exe\u200b\ufeff",
    "1. list",
    "=====",
    "ａ" * 300,
    "é́́́́ 🙂👨‍👩‍👧 ｆｕｌｌ",
]

hostile = st.sampled_from(HOSTILE) | st.text(max_size=60)


def poisoned(bulletin: Bulletin, text: str) -> Bulletin:
    """Return a bulletin in which every place that ingested words may reach holds this text."""
    words = Text(text, text)
    section = Section(
        "attacks",
        words,
        (words,),
        (Table((Column(words), Column(both("n"), right=True)), ((Cell(words), Cell(both(1))),), words),),
        (words,),
        (words,),
    )
    return replace(
        bulletin, city=words, issuer=words, title=words, rating=Rating("fair", words, words, "x"), sections=(section,)
    )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(text=hostile)
def test_hostile_words_are_harmless_on_the_terminal(bulletin: Bulletin, text: str) -> None:
    """No control reaches it, no markup is obeyed, no line overflows."""
    lines = printed(poisoned(bulletin, text), "zh", 80)
    for line in lines:
        assert not {category(letter) for letter in line} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
        assert wcswidth(line) <= 80
    if "[bold red]" in text:
        assert any("[bold red]" in line for line in lines)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(text=hostile)
def test_hostile_words_are_harmless_in_html(bulletin: Bulletin, text: str) -> None:
    """The page has the tags of the template and no other, and shows the words."""
    found = page(html.render(poisoned(bulletin, text), DIGEST, "zh"))
    calm = page(html.render(poisoned(bulletin, "words"), DIGEST, "zh"))
    assert found.tags == calm.tags
    assert [name for name, _ in found.attributes] == [name for name, _ in calm.attributes]
    assert visible(text, 4000) in "".join(found.words)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(text=hostile)
def test_hostile_words_are_harmless_in_markdown(bulletin: Bulletin, text: str) -> None:
    """A parser finds the same structure as with plain words, no link and no HTML, and the words as text."""
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])

    def structure(value: str) -> list[str]:
        tokens = parser.parse(markdown.render(poisoned(bulletin, value), DIGEST, "zh"))
        kinds = [token.type for token in tokens]
        inner = [child.type for token in tokens for child in token.children or () if child.type != "text"]
        return [*kinds, *(kind for kind in inner if kind not in ("text_special", "entity", "softbreak"))]

    if text.strip():
        assert structure(text) == structure("words")
    rendered = markdown.render(poisoned(bulletin, text), DIGEST, "zh")
    assert "http:" not in rendered and "www." not in rendered


def test_ambiguous_characters_are_written_in_ascii(bulletin: Bulletin, monkeypatch: pytest.MonkeyPatch) -> None:
    """Quotes, dashes, Greek and Cyrillic would be drawn two cells wide."""
    monkeypatch.setenv("SECWATCH_AMBIGUOUS", "2")
    lines = printed(poisoned(bulletin, "“引” — Ω ж ① … ★"), "zh", 80)
    for line in lines:
        assert wcswidth(line, ambiguous_width=2) == wcswidth(line) <= 80
