"""Rule files that kill an engine are named and left out; the command and the other files live on."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from secwatch.scan import compiler as compiler_module
from secwatch.scan import sources
from secwatch.scan.compiler import Compiler, EngineDied
from secwatch.scan.engine import BOREAL, ENGINES, EngineFailure, EnginePanic, RuleMistake
from secwatch.scan.rulebook import Rulebook
from tests.conftest import ROOT, Run
from tests.scan.conftest import MARKER, RULE

Secwatch = Callable[..., Run]
FAKE = "tests.fakes.scanning.mute"
# boreal 1.4.0 parses these until its stack is used up; yara-python takes the first and refuses the second.
DEADLY = {
    "sum": f"rule deadly {{ condition: {'1+' * 400_000}1 }}",
    "not": f"rule deadly {{ condition: {'not ' * 400_000}true }}",
}
needs_boreal = pytest.mark.skipif(BOREAL is None, reason="boreal is not installed here")


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """A directory with a rule that finds the marker and both deadly files."""
    directory = tmp_path / "rules"
    directory.mkdir()
    (directory / "marker.yar").write_text(RULE)
    for name, text in DEADLY.items():
        (directory / f"{name}.yar").write_text(text)
    return directory


@needs_boreal
def test_a_scan_names_the_files_that_kill_the_engine_and_uses_the_others(
    secwatch: Secwatch, workspace: Path, rules: Path, tmp_path: Path
) -> None:
    (tmp_path / "page").write_bytes(MARKER)
    for _ in range(2):  # compiled, and from the cache
        done = secwatch("-w", workspace, "scan", "files", tmp_path / "page", "--rules", rules, "--json", "-n")
        assert done.code == 4, done.stderr
        assert [match["rule"] for match in done.json["matches"]] == ["marker"]
        assert done.json["engine"] == "boreal"
        broken = {line.partition(".yar")[0].rpartition("/")[2]: line for line in done.json["broken_rules"]}
        assert set(broken) == {"sum", "not"}
        assert "died" in broken["sum"]


@needs_boreal
def test_lint_list_and_test_live_on(secwatch: Secwatch, workspace: Path, rules: Path) -> None:
    done = secwatch("-w", workspace, "rules", "lint", rules, "--json")
    assert done.code == 1, done.stderr
    died = {Path(item["path"]).stem for item in done.json["items"] if "died" in item["problem"]}
    assert died == {"sum", "not"}
    assert "marker" in {Path(item["path"]).stem for item in done.json["items"]}
    done = secwatch("-w", workspace, "rules", "list", "--rules", rules, "--json")
    assert done.code == 0, done.stderr
    assert "marker" in {item["rule"] for item in done.json["items"]}
    samples = rules / "samples" / "deadly" / "match"
    samples.mkdir(parents=True)
    (samples / "any").write_bytes(b"")
    done = secwatch("-w", workspace, "rules", "test", "deadly", "--rules", rules, "--json")
    assert done.code == 1, done.stderr
    assert "died" in done.json["items"][0]["problem"]


@needs_boreal
def test_the_chosen_engine_leaves_out_what_kills_it(book: Callable[..., Rulebook]) -> None:
    made = book("boreal", good=RULE, **DEADLY)
    assert [rule.name for rule in made.contents.rules] == ["marker"]
    assert len(made.contents.broken) == 2


@pytest.mark.parametrize(
    ("how", "bound", "said"),
    [
        ("sleep", {"QUESTION_SECONDS": 1.0}, "more than 1 s"),
        ("eat", {"MEMORY_BYTES": 200 << 20}, "more than 200 MiB"),
        ("end", {}, "no such library"),
        ("babble", {}, "died"),
    ],
)
def test_a_child_that_fails_is_given_up_and_said(
    how: str, bound: dict[str, float], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("SECWATCH_FAKE", how)
    for name, value in bound.items():
        monkeypatch.setattr(compiler_module, name, value)
    started = time.monotonic()
    with Compiler(FAKE) as compiler, pytest.raises(EngineDied, match=said):
        compiler.describe(sources.RuleFile("a", "a", RULE, ""))
    assert time.monotonic() - started < 20


def test_one_mistake_does_not_end_the_child() -> None:
    with Compiler() as compiler:
        with pytest.raises(RuleMistake, match="nosuch"):
            compiler.describe(sources.RuleFile("a", "a", "rule a { condition: nosuch }", ""))
        described = compiler.describe(
            sources.RuleFile("a", "a", 'rule a : t { meta: n = 1 s = "é" condition: owner == "x" }', "")
        )
    assert described.externals == ["owner"]
    (rule,) = described.rules
    assert (rule.name, rule.tags, dict(rule.meta)) == ("a", ("t",), {"n": 1, "s": "é"})


def test_a_panic_of_an_engine_is_its_failure(engine_name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A panic of Rust code is no Exception; boreal 1.4.0 was seen to panic over a regular expression."""

    class Panic(BaseException):
        pass

    class Panicking:
        def match(self, **_options: object) -> object:
            raise Panic("invalid span 3..1\nand its stack")

    compiled = ENGINES[engine_name].compile({"a": RULE})
    monkeypatch.setattr(compiled, "_rules", Panicking())
    with pytest.raises(EngineFailure, match=r"^Panic: invalid span 3\.\.1$") as caught:
        compiled.match(b"", {}, 1)
    assert isinstance(caught.value, EnginePanic)
