"""The detections that come with secwatch: without a mistake, alert where they must and only there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from secwatch.detect import cases
from secwatch.detect.catalogue import load
from secwatch.detect.lint import lint
from secwatch.system.settings import Detect

CATALOGUE = load(None)
BOUNDS = Detect()


def test_they_have_no_mistakes() -> None:
    assert not CATALOGUE.mistakes
    assert lint(CATALOGUE.definitions, BOUNDS) == []


@pytest.mark.parametrize("item", CATALOGUE.definitions, ids=lambda item: item.id)
def test_they_say_what_they_saw_in_both_languages(item: Any) -> None:
    """That the sentences say every column, the check above has seen."""
    assert item.header.evidence is not None
    assert re.search(r"[\u4e00-\u9fff]", item.header.evidence.zh)
    assert not re.search(r"[\u4e00-\u9fff]", item.header.evidence.en)


def test_the_four_are_there() -> None:
    assert {"port_scan", "ssh_guessing", "dns_tunnel", "beacon"} <= {item.id for item in CATALOGUE.definitions}


@pytest.mark.parametrize("item", CATALOGUE.definitions, ids=lambda item: item.id)
def test_cases_of_both_kinds_pass(item: Any) -> None:
    verdicts = cases.run_cases(item, BOUNDS)
    assert {verdict.must_alert for verdict in verdicts} == {True, False}
    assert [verdict for verdict in verdicts if verdict.problem] == []


@pytest.mark.parametrize(
    ("detection", "case", "looser"),
    [
        ("port_scan", "near_miss_monitor", {"minimum_ports": 8}),
        ("port_scan", "near_miss_backscatter", {"traceroute_first": 1, "traceroute_last": 2}),
        ("ssh_guessing", "near_miss_work", {"minimum_sessions": 9}),
        ("ssh_guessing", "near_miss_work", {"largest_bytes": 100_000}),
        ("ssh_guessing", "near_miss_work", {"smallest_bytes": 0}),
        ("dns_tunnel", "near_miss_block_lists", {"block_lists": [], "longest_usual": 15}),
        ("dns_tunnel", "near_miss_browsing", {"longest_usual": 5}),
        ("dns_tunnel", "near_miss_slow", {"minimum_names": 40}),
        ("beacon", "near_miss_time", {"time_port": 1}),
        ("beacon", "near_miss_burst", {"minimum_span_seconds": 30}),
        ("beacon", "near_miss_everybody", {"common_discount": 0}),
    ],
)
def test_a_near_miss_is_near(detection: str, case: str, looser: Mapping[str, Any]) -> None:
    """A case that could not alert under any threshold would prove nothing."""
    item = CATALOGUE.find(detection)
    loosened = replace(item, parameters={**item.parameters, **looser})
    found, problems = cases.evaluate(loosened, cases.table_rows(cases.load(item.tests / f"{case}.toml")), BOUNDS)
    assert not problems
    assert found
