"""The differences we know and explain: tests/sensor/differences.toml, compared with those that are there."""

from __future__ import annotations

import tomllib
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.sensor.peers.connections import Facts

FILE = Path(__file__).parent.parent / "differences.toml"


@dataclass(frozen=True)
class Difference:
    """What only we say of a capture, and what only the other program says, as far as it is known."""

    ours: Facts
    theirs: Facts


@cache
def _file() -> dict[str, list[dict[str, object]]]:
    return tomllib.loads(FILE.read_text(encoding="utf-8"))


def places() -> set[tuple[str, str, str]]:
    """Every (peer, capture, subject) with a known difference."""
    return {(str(item["peer"]), str(item["capture"]), str(item["subject"])) for item in _file()["difference"]}


def known(peer: str, capture: str, subject: str) -> Difference:
    """The differences listed for a subject of a capture."""
    ours: Facts = Counter()
    theirs: Facts = Counter()
    for item in _file()["difference"]:
        if (item["peer"], item["capture"], item["subject"]) == (peer, capture, subject):
            ours.update(_texts(item.get("ours", [])))
            theirs.update(_texts(item.get("theirs", [])))
    return Difference(ours, theirs)


def _texts(value: object) -> list[str]:
    assert isinstance(value, list)
    return [str(item) for item in value]


def unexplained(peer: str, capture: str, subject: str, ours: Facts, theirs: Facts) -> list[str]:
    """Every fact that differs and is not listed, and every listed one that no longer differs, as sentences."""
    listed = known(peer, capture, subject)
    there = Difference(ours - theirs, theirs - ours)
    where = f"{capture}, {subject}"
    found = [f"{where}: only we say: {fact}" for fact in (there.ours - listed.ours).elements()]
    found += [f"{where}: only {peer} says: {fact}" for fact in (there.theirs - listed.theirs).elements()]
    gone = (listed.ours - there.ours) + (listed.theirs - there.theirs)
    return found + [f"{where}: listed, but no difference any more: {fact}" for fact in gone.elements()]
