"""What the tests of scanning share: rules and scanners made of text, and what the shipped samples hold."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from secwatch.scan import rulebook, sources
from secwatch.scan.engine import ENGINES
from secwatch.scan.exclude import Excludes
from secwatch.scan.rule import Rule
from secwatch.scan.rulebook import Rulebook
from secwatch.scan.samples import Sample, of_rule
from secwatch.scan.scan_walk import scan as scan_walk
from secwatch.scan.scanner import Limits, Scanner
from secwatch.scan.verdicts import Examined, Tally
from secwatch.scan.walk import Policy, Walk
from secwatch.system.paths import shipped
from tests.conftest import run_secwatch

MARKER = b"SECWATCH-TEST-MARKER"
RULE = 'rule marker { meta: severity = "high" strings: $m = "SECWATCH-TEST-MARKER" condition: $m }'


@pytest.fixture(params=list(ENGINES))
def engine_name(request: pytest.FixtureRequest) -> str:
    """Every engine of this machine."""
    return str(request.param)


@pytest.fixture(scope="session")
def fresh_workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace that nobody works in, to be copied: making one takes a process."""
    directory = tmp_path_factory.mktemp("fresh") / "city"
    made = run_secwatch("init", directory)
    assert made.code == 0, made.stderr
    return directory


@pytest.fixture
def workspace(fresh_workspace: Path, tmp_path: Path) -> Path:
    """A workspace of the test's own, as `secwatch init` makes it."""
    return Path(shutil.copytree(fresh_workspace, tmp_path / "city"))


@pytest.fixture
def book(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Rulebook]:
    """Make a rulebook of rule files given as `name="text"`; they lie outside of what tests scan."""
    directory = tmp_path_factory.mktemp("book")

    def make(choice: str = "auto", **files: str) -> Rulebook:
        for name, text in files.items():
            (directory / f"{name}.yar").write_text(text, encoding="utf-8")
        return rulebook.load(sources.read([sources.Origin("test", directory)]), choice)

    return make


@pytest.fixture
def scan(book: Callable[..., Rulebook]) -> Callable[..., tuple[dict[str, Examined], Tally]]:
    """Scan paths for the marker; gives what was found by path, and the count."""

    def run(
        *paths: Path,
        threads: int = 2,
        exclude: Sequence[str] = (),
        one_file_system: bool = False,
        rule: str = RULE,
        limits: Limits | None = None,
    ) -> tuple[dict[str, Examined], Tally]:
        tally = Tally()
        made = book(marker=rule)
        walk = Walk([str(path) for path in paths], Policy(Excludes(exclude), one_file_system))
        found = [
            examined for results in scan_walk(walk, made, limits or Limits(), threads, tally) for examined in results
        ]
        assert len({examined.path for examined in found}) == len(found), "a path is reported once"
        return {examined.path: examined for examined in found}, tally

    return run


def scanner_of(made: Rulebook, limits: Limits | None = None) -> Scanner:
    """Return what scans inside a child, here in this process."""
    return Scanner(made.compiled, made.contents.externals, limits or Limits())


def shipped_rules() -> Iterator[tuple[Rule, Sequence[Sample]]]:
    """Yield the rules that ship with secwatch, each with its samples."""
    loaded = rulebook.load(sources.read([sources.Origin("secwatch", shipped("rules") / "yara")]))
    for rule in loaded.contents.rules:
        yield rule, of_rule(rule.path, rule.name)


def sample_content(rule_name: str, sample_name: str) -> bytes:
    """Return a shipped sample, decoded."""
    for rule, samples in shipped_rules():
        for sample in samples:
            if rule.name == rule_name and sample.name == sample_name:
                return sample.content()
    raise AssertionError(f"no sample {sample_name} of {rule_name}")
