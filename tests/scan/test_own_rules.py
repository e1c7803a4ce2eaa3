"""The rules that ship with secwatch: every check holds, every sample says what it must."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from secwatch.scan import rulebook, sources
from secwatch.scan.engine import ENGINES
from secwatch.scan.lint import CHECKS, lint
from secwatch.scan.rule import Rule
from secwatch.scan.samples import try_rule
from secwatch.system.paths import shipped
from tests.scan.conftest import sample_content, shipped_rules

FILES = sources.read([sources.Origin("secwatch", shipped("rules") / "yara")])
EICAR_SHA256 = "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f"  # as published with the file


@pytest.mark.parametrize("file", FILES, ids=lambda file: Path(file.path).stem)
def test_every_shipped_rule_passes_every_check(file: sources.RuleFile) -> None:
    assert list(lint([file])) == []


@pytest.mark.parametrize("rule", [rule for rule, _ in shipped_rules()], ids=lambda rule: rule.name)
def test_every_sample_says_what_it_must_under_every_engine(rule: Rule) -> None:
    file = next(file for file in FILES if file.namespace == rule.namespace)
    trials = list(try_rule(rule, file))
    assert [trial for trial in trials if not trial.passed] == []
    assert {trial.engine for trial in trials} == set(ENGINES)


def test_the_eicar_sample_is_the_eicar_file() -> None:
    assert hashlib.sha256(sample_content("eicar_test_file", "plain.com")).hexdigest() == EICAR_SHA256


@pytest.mark.parametrize("length", [68, 69, 127, 128, 129])
def test_eicar_holds_up_to_128_characters(length: int, engine_name: str) -> None:
    content = sample_content("eicar_test_file", "plain.com").ljust(length, b"\n")
    matched = rulebook.load(FILES, engine_name).compiled.match(content, {}, 10)
    assert bool(matched.hits) == (length <= 128)


def test_engines_find_the_same_in_every_sample_with_the_whole_rulebook() -> None:
    """What a rule says of another rule's samples must be the same too, and where it says it."""
    if len(ENGINES) < 2:
        pytest.skip("only one engine is installed here")
    books = [rulebook.load(FILES, name) for name in ENGINES]
    compared = 0
    for _, samples in shipped_rules():
        for sample in samples:
            first, second = ({hit for hit in book.compiled.match(sample.content(), {}, 30).hits} for book in books)
            assert first == second, sample.path
            compared += 1
    assert compared >= 9


def test_rules_and_matching_samples_do_not_match_in_the_checkout_itself() -> None:
    """Rules and samples as they are stored are found by no rule: scanning secwatch with secwatch is quiet."""
    book = rulebook.load(FILES)
    for path in sorted((shipped("rules") / "yara").rglob("*")):
        if path.is_file():
            assert not book.compiled.match(path.read_bytes(), {}, 30).hits, path


def test_every_check_has_a_recommendation() -> None:
    assert len(CHECKS) >= 8
    assert all(check.recommendation for check in CHECKS.values())
