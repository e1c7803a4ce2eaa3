"""The sensor says of every real capture what tshark and Zeek say, but for differences that are known and explained."""

from __future__ import annotations

import runpy
import tomllib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.sensor.peers import differences, tshark, zeek
from tests.sensor.peers.subjects import TSHARK
from tests.sensor.reading import Reading, read

Manifest = Sequence[Mapping[str, Any]]


@cache
def _reading(path: Path) -> Reading:
    return read(path)


@pytest.fixture(scope="module")
def seen(captures: Path, manifest: Manifest) -> Mapping[str, Sequence[tshark.Packet]]:
    """What tshark reads in every capture."""
    assert tshark.version()
    names = [entry["file"] for entry in manifest]
    with ThreadPoolExecutor(2) as pool:
        return dict(zip(names, pool.map(tshark.packets, [captures / name for name in names]), strict=True))


@pytest.mark.parametrize("subject", TSHARK)
def test_rows_equal_what_tshark_reads(
    subject: str, captures: Path, manifest: Manifest, seen: Mapping[str, Sequence[tshark.Packet]]
) -> None:
    problems: list[str] = []
    equal = 0
    for entry in manifest:
        ours = TSHARK[subject].ours(_reading(captures / entry["file"]))
        theirs = TSHARK[subject].theirs(seen[entry["file"]])
        problems += differences.unexplained("tshark", entry["file"], subject, ours, theirs)
        equal += (ours & theirs).total()
    assert not problems, "\n".join(problems)
    assert equal, "nothing was compared"


@pytest.mark.parametrize("subject", zeek.ZEEK)
def test_rows_equal_what_zeek_stores(subject: str, captures: Path, manifest: Manifest) -> None:
    problems: list[str] = []
    equal = 0
    for entry in manifest:
        if not zeek.lines(entry, zeek.ZEEK[subject].log):
            continue
        found = {name: facts for name, *facts in zeek.comparisons(entry, _reading(captures / entry["file"]))}
        ours, theirs = found[subject]
        problems += differences.unexplained("zeek", entry["file"], subject, ours, theirs)
        equal += (ours & theirs).total()
    assert not problems, "\n".join(problems)
    assert equal, "nothing was compared"


def test_every_known_difference_is_about_something_compared(manifest: Manifest) -> None:
    """A misspelt place would hide nothing and explain nothing."""
    files = {entry["file"] for entry in manifest}
    subjects = {"tshark": set(TSHARK), "zeek": set(zeek.ZEEK)}
    for peer, capture, subject in differences.places():
        assert capture in files and subject in subjects[peer]


def test_every_difference_has_a_reason_and_the_page_tells_all() -> None:
    """`make docs` writes docs/faithfulness.md."""
    known = tomllib.loads(differences.FILE.read_text(encoding="utf-8"))
    assert {item["reason"] for item in known["difference"]} == set(known["reasons"])
    page = runpy.run_path(str(ROOT / "docs" / "generate.py"))["faithfulness"]()
    assert (ROOT / "docs" / "faithfulness.md").read_text(encoding="utf-8") == page, "run: make docs"
    for item in known["difference"]:
        assert all(text in page for text in (*item.get("ours", ()), *item.get("theirs", ())))


def test_a_new_difference_and_one_that_is_gone_are_noticed() -> None:
    """The comparison itself can fail, both ways."""
    from collections import Counter

    place = ("tshark", "suricata-verify__bug-6875-01_fuzz.pcap", "packets")
    listed = differences.known(*place)
    assert differences.unexplained(*place, listed.ours, listed.theirs) == []
    more = listed.ours + Counter({"another": 1})
    assert any("only we say: another" in text for text in differences.unexplained(*place, more, listed.theirs))
    same: Counter[str] = Counter()
    assert len(differences.unexplained(*place, same, same)) == 2
