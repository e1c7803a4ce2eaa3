"""Where the engines answer differently, `auto` takes the reference; each known difference is shown by a small case."""

from __future__ import annotations

from pathlib import Path

import pytest

from secwatch.scan import rulebook
from secwatch.scan.engine import BOREAL
from secwatch.scan.engine_differences import difference
from secwatch.scan.sources import Origin, read
from tests.conftest import ROOT, run_secwatch

WIDE = b"\x61\x00" + b"".join(b"%d\x00" % digit for digit in range(1, 9))
CASES = [
    ("$a = /[0-9a-f]{8}/ fullword wide", WIDE),
    ("$a = /a*?$/", b"x"),
]


@pytest.mark.skipif(BOREAL is None, reason="boreal has no wheel for this machine")
@pytest.mark.parametrize(("string", "content"), CASES)
def test_the_engines_still_differ_and_auto_is_right(string: str, content: bytes, tmp_path: Path) -> None:
    """When this fails because they agree, boreal was mended and the construct can go."""
    rule = tmp_path / "a.yar"
    rule.write_text(f"rule a {{ strings: {string} condition: $a }}")
    (tmp_path / "content").write_bytes(content)
    matches = {}
    for engine in ("yara", "boreal", "auto"):
        city = tmp_path / engine
        run_secwatch("init", city)
        run = run_secwatch("-w", city, "scan", "files", tmp_path / "content", "--rules", rule, "--engine", engine,
                           "--json")  # fmt: skip
        matches[engine] = len(run.json["matches"])
    assert matches["yara"] != matches["boreal"]
    assert matches["auto"] == matches["yara"]


@pytest.mark.parametrize(
    "string",
    [
        *(string for string, _ in CASES),
        "$a = /\\s+\\W+/ wide fullword",
        "$a = /x\\/y\\B/i",
        "$a = { 61 ( 6? | 41 ?? ) ?? 30 }",
        "$a = { 61 ( 62 | ( 63 | 64 ) ) ?? }",
        "$a = {\n 61 // x\n ( 6? | 41 ) }",
    ],
)
def test_what_differs_is_found(string: str) -> None:
    assert difference(f"rule a {{ strings: {string} condition: $a }}")


@pytest.mark.parametrize(
    "string",
    [
        '$a = "text" fullword wide',
        "$a = /a$b/",
        "$a = /costs \\$/",
        "$a = /\\d{4}/ wide",
        "$a = { 61 ( 62 | 63 ) ?? 30 }",
        "$a = { 6? 61 }",
    ],
)
def test_what_does_not_differ_is_left_alone(string: str) -> None:
    assert difference(f"rule a {{ strings: {string} condition: $a }}") is None


def test_our_own_rules_are_for_the_fast_engine() -> None:
    texts = {path.name: path.read_text() for path in (ROOT / "rules" / "yara").rglob("*.yar")}
    assert len(texts) >= 3
    assert {name: difference(text) for name, text in texts.items() if difference(text)} == {}


def test_the_reason_is_said(tmp_path: Path) -> None:
    path = tmp_path / "a.yar"
    path.write_text(f"rule a {{ strings: {CASES[0][0]} condition: $a }}")
    book = rulebook.load(read([Origin("own", path)]))
    assert book.contents.engine == "yara"
    if BOREAL is not None:
        assert "a regular expression with fullword" in book.contents.note
