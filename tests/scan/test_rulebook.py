"""The rulebook: what is broken is named and left out, what is compiled is kept safely."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from secwatch.core.errors import SecwatchError, UnreadableInput
from secwatch.core.model import Severity
from secwatch.scan import compiled_cache, rulebook, sources
from secwatch.scan.engine import BOREAL
from secwatch.scan.rule import scale
from secwatch.scan.rulebook import Rulebook

GOOD = 'rule good { strings: $a = "good content" condition: $a }'
Make = Callable[..., Rulebook]


def _read(directory: Path) -> list[sources.RuleFile]:
    return list(sources.read([sources.Origin("test", directory)]))


def test_a_broken_file_is_named_with_its_line_and_the_others_are_used(book: Make, engine_name: str) -> None:
    made = book(engine_name, good=GOOD, bad="rule bad\n{\n condition: nosuch\n}")
    (broken,) = made.contents.broken
    assert (Path(broken.path).name, broken.line) == ("bad.yar", 3)
    assert "nosuch" in broken.message
    assert made.compiled.match(b"good content", {}, 10).hits[0].rule == "good"


def test_the_same_name_in_two_files_is_two_rules(book: Make, engine_name: str) -> None:
    made = book(engine_name, one=GOOD, two='rule good { strings: $a = "content" condition: $a }')
    hits = made.compiled.match(b"good content", {}, 10).hits
    assert sorted(hit.namespace for hit in hits) == ["test/one.yar", "test/two.yar"]
    assert {made.rule(hit.namespace, hit.rule).path.rpartition("/")[2] for hit in hits} == {"one.yar", "two.yar"}


def test_a_global_rule_silences_only_its_own_file(book: Make, engine_name: str) -> None:
    made = book(engine_name, good=GOOD, other=f"global rule never {{ condition: false }}\n{GOOD}")
    assert [hit.namespace for hit in made.compiled.match(b"good content", {}, 10).hits] == ["test/good.yar"]


def test_files_that_cannot_be_read_as_rules_are_broken(tmp_path: Path) -> None:
    (tmp_path / "good.yar").write_text(GOOD)
    (tmp_path / "latin.yar").write_bytes(b'rule a {\n meta: author = "J\xf6rg"\n condition: true }')
    (tmp_path / "directory.yar").mkdir()
    (tmp_path / "gone.yara").symlink_to(tmp_path / "nowhere")
    (tmp_path / "samples").mkdir()
    (tmp_path / "samples" / "no-rule.yar").write_text("this is a sample, not a rule")
    made = rulebook.load(_read(tmp_path))
    assert {(Path(item.path).name, item.line) for item in made.contents.broken} == {("latin.yar", 2), ("gone.yara", 0)}


def test_a_book_in_which_nothing_works_is_an_error_with_the_first_mistake(book: Make) -> None:
    with pytest.raises(SecwatchError, match="not one of the 2 rule files"):
        book(bad="rule bad {", worse="nothing")


def test_no_rules_at_all_is_unreadable(book: Make, tmp_path: Path) -> None:
    with pytest.raises(UnreadableInput, match="no YARA rules"):
        book()
    with pytest.raises(UnreadableInput, match="no such file"):
        sources.origins(None, [str(tmp_path / "nowhere")])  # type: ignore[arg-type]


@pytest.mark.skipif(BOREAL is None, reason="boreal is not installed here")
def test_auto_takes_the_reference_engine_when_the_fast_one_refuses_a_rule(book: Make) -> None:
    """The module `tests` exists in yara-python only."""
    only_yara = 'import "tests" rule only_yara { condition: tests.constants.one == 1 }'
    made = book("auto", good=GOOD, only_yara=only_yara)
    assert made.contents.engine == "yara"
    assert "boreal" in made.contents.note
    assert not made.contents.broken
    assert book("auto", only_yara=GOOD).contents.engine == "boreal"
    made = book("boreal", good=GOOD, only_yara=only_yara)
    assert [Path(item.path).name for item in made.contents.broken] == ["only_yara.yar"]
    assert [rule.name for rule in made.contents.rules] == ["good"]


@pytest.mark.parametrize(
    ("meta", "severity"),
    [
        ({}, Severity.MEDIUM),
        ({"severity": "critical"}, Severity.CRITICAL),
        ({"severity": "HIGH"}, Severity.HIGH),
        ({"severity": "严重"}, Severity.CRITICAL),
        ({"severity": 1}, Severity.LOW),
        ({"severity": 100}, Severity.CRITICAL),
        ({"score": 75}, Severity.HIGH),
        ({"score": 80}, Severity.CRITICAL),
        ({"score": 40}, Severity.MEDIUM),
        ({"score": 0}, Severity.LOW),
        ({"score": "60"}, Severity.HIGH),
        ({"score": True}, Severity.MEDIUM),
        ({"severity": "whatever", "score": 90}, Severity.CRITICAL),
    ],
)
def test_severity_comes_from_the_meta(meta: dict[str, str | int | bool], severity: Severity) -> None:
    assert scale().of(meta) is severity


def _load(directory: Path, cache: Path, choice: str) -> Rulebook:
    return rulebook.load(_read(directory), choice, cache)


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """A directory with one good and one broken rule file."""
    directory = tmp_path / "rules"
    directory.mkdir()
    (directory / "good.yar").write_text(GOOD)
    (directory / "bad.yar").write_text("rule bad {")
    return directory


def test_the_second_load_comes_from_the_cache_and_is_the_same(rules: Path, tmp_path: Path, engine_name: str) -> None:
    cache = tmp_path / "cache"
    first, second = _load(rules, cache, engine_name), _load(rules, cache, engine_name)
    assert (first.from_cache, second.from_cache) == (False, True)
    assert first.contents == second.contents
    assert second.compiled.match(b"good content", {}, 10).hits == first.compiled.match(b"good content", {}, 10).hits
    assert cache.stat().st_mode & 0o077 == 0
    (rules / "good.yar").write_text(GOOD + "\n")
    assert not _load(rules, cache, engine_name).from_cache


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "link", "writable"])
def test_a_kept_book_that_is_not_as_it_was_written_is_compiled_anew(rules: Path, tmp_path: Path, damage: str) -> None:
    cache = tmp_path / "cache"
    _load(rules, cache, "yara")
    (kept,) = cache.iterdir()
    content = kept.read_bytes()
    if damage == "cut":
        kept.write_bytes(content[:-10])
    elif damage == "flip":
        kept.write_bytes(content[:-10] + bytes([content[-10] ^ 1]) + content[-9:])
    elif damage == "empty":
        kept.write_bytes(b"")
    elif damage == "link":
        kept.rename(tmp_path / "elsewhere")
        kept.symlink_to(tmp_path / "elsewhere")
    else:
        kept.chmod(0o666)
    made = _load(rules, cache, "yara")
    assert not made.from_cache
    assert made.compiled.match(b"good content", {}, 10).hits
    assert _load(rules, cache, "yara").from_cache, "the next run finds it repaired"


def test_a_cache_that_others_may_write_to_is_not_used(rules: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    _load(rules, cache, "yara")
    cache.chmod(0o777)
    made = _load(rules, cache, "yara")
    assert not made.from_cache
    assert "others may write" in made.cache_note


def test_the_cache_keeps_the_newest_few(tmp_path: Path) -> None:
    for number in range(compiled_cache.MAX_KEPT + 3):
        assert not compiled_cache.save(tmp_path, f"key{number}", b"{}", b"compiled")
    assert len(list(tmp_path.iterdir())) == compiled_cache.MAX_KEPT
    assert compiled_cache.load(tmp_path, f"key{number}")[0] == compiled_cache.Kept(b"{}", b"compiled")
    assert compiled_cache.load(tmp_path, "another") == (None, "")
