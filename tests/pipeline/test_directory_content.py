"""Files of directories are known by their content: read alone before, packed, renamed, twice there, in part."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from secwatch.pipeline.novelty import stale_parts
from secwatch.store.follows import Part
from tests.conftest import Run
from tests.pipeline.rotated import FRAMES, City, packed, rotate
from tests.sensor.frames import pcap

Secwatch = Callable[..., Run]
FRAMES_IN = {2: 528, 4: 1056, 5: len(FRAMES)}  # of five files
WHOLE = (len(FRAMES), 40)  # packets in flows, look-ups


@pytest.fixture
def city(tmp_path: Path) -> City:
    """An empty place."""
    return City(tmp_path / "city")


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """An empty directory."""
    made = tmp_path / "captures"
    made.mkdir()
    return made


def part(path: Path, packets: int = len(FRAMES)) -> Path:
    """Write the first so many frames."""
    return pcap(path, FRAMES[:packets])


def results(city: City, directory: Path, **options: bool) -> list[str]:
    """Read a directory; return how its files went."""
    return [item.result for item in city.read(directory, **options).inputs]


def test_standard_input_then_the_directory(
    tmp_path: Path, directory: Path, workspace: Path, secwatch: Secwatch
) -> None:
    """What came through a pipe has no place on disk: its content is what is known."""
    path = part(directory / "x.pcap")
    assert secwatch("sense", "read", "-", directory=workspace, stdin=path.read_bytes()).code == 0
    read = secwatch("sense", "read", directory, "--json", directory=workspace)
    assert [item["result"] for item in read.json["inputs"]] == ["known"]
    counted = "select sum(source_packets + destination_packets) as packets from flows"
    assert f'"packets":{len(FRAMES)}' in secwatch("flows", "query", counted, "--json", directory=workspace).stdout


@pytest.mark.parametrize("pack", [False, True])
def test_what_was_read_alone_is_known_packed_or_not(city: City, tmp_path: Path, directory: Path, pack: bool) -> None:
    content = part(tmp_path / "whole.pcap").read_bytes()
    alone = tmp_path / "alone"
    alone.write_bytes(content if pack else gzip.compress(content))
    city.read_file(alone)
    (directory / "x").write_bytes(gzip.compress(content) if pack else content)
    assert results(city, directory) == ["known"]
    assert city.totals() == WHOLE
    assert results(city, directory, again=True) == ["read"]
    assert city.totals() == WHOLE


def test_what_was_read_alone_and_has_grown_is_replaced(city: City, directory: Path) -> None:
    """A file that is being written is read by hand, and its directory later."""
    path = part(directory / "x.pcap", 900)
    city.read_file(path)
    part(path)
    (read,) = city.read(directory).inputs
    assert (read.result, read.replaced) == ("read", 1)
    assert city.totals() == WHOLE


def test_a_grown_copy_takes_the_place_of_the_newest_file(city: City, tmp_path: Path, directory: Path) -> None:
    path = part(directory / "x.pcap", 900)
    city.read(directory)
    assert city.read_file(part(tmp_path / "copy.pcap", 1000)).replaced == 1
    assert results(city, directory) == ["known"]
    assert city.totals()[0] == 1000
    part(path)
    assert results(city, directory) == ["read"]
    assert city.totals() == WHOLE
    assert results(city, directory) == ["known"]


def test_what_a_file_was_before_it_grew_is_known(city: City, tmp_path: Path, directory: Path) -> None:
    """Alone or in a directory: the same bytes twice add nothing, whatever came between."""
    early, late = part(tmp_path / "early.pcap", 900), part(tmp_path / "late.pcap", 1000)
    packed_early = tmp_path / "early.gz"
    packed_early.write_bytes(gzip.compress(early.read_bytes()))
    assert [city.read_file(path).result for path in (early, late, early, packed_early)] == ["read"] * 2 + ["known"] * 2
    assert city.read_file(early, again=True).result == "known"  # it can only be read anew with the rest
    assert city.totals()[0] == 1000
    shutil.copy(late, directory / "x.pcap")
    assert results(city, directory) == ["known"]
    part(directory / "x.pcap")
    assert results(city, directory) == ["read"]
    assert [city.read_file(path).result for path in (early, late, packed_early)] == ["known"] * 3
    assert city.totals() == WHOLE


def test_twins_in_one_directory(city: City, directory: Path) -> None:
    part(directory / "a.pcap")
    part(directory / "b.pcap")
    (directory / "c.pcap.gz").write_bytes(gzip.compress((directory / "a.pcap").read_bytes()))
    assert sorted(results(city, directory)) == ["known", "known", "read"]
    assert city.totals() == WHOLE
    assert results(city, directory) == ["known"] * 3
    assert city.totals() == WHOLE


def test_rotated_files_are_renamed_and_packed_between_runs(city: City, directory: Path) -> None:
    """As tcpdump -z and logrotate do: the newest one too, of which more was written since."""
    rotate(directory, 3)
    later = (directory / "x.pcap2").read_bytes()
    (directory / "x.pcap2").write_bytes(later[: len(later) // 2])
    city.read(directory)
    for name, content in (("0", None), ("1", None), ("2", later)):
        path = directory / f"x.pcap{name if name != '0' else ''}"
        (directory / f"old{name}.pcap.gz").write_bytes(gzip.compress(content or path.read_bytes()))
        path.unlink()
    summary = city.read(directory)
    assert sorted(item.result for item in summary.inputs) == ["known", "known", "read"], summary
    assert city.totals() == WHOLE
    assert results(city, directory) == ["known"] * 3


def test_a_copy_that_goes_on_where_another_ends(city: City, directory: Path) -> None:
    """Half a capture and the whole one lie side by side: the rest is read, once."""
    part(directory / "a.pcap", 900)
    part(directory / "b.pcap")
    assert results(city, directory) == ["read", "read"]
    assert city.totals() == WHOLE
    assert results(city, directory) == ["known", "known"]
    assert results(city, directory, again=True) == ["read", "read"]
    assert city.totals() == WHOLE


def test_more_of_an_older_file_is_not_read_and_said(city: City, directory: Path) -> None:
    rotate(directory, 3)
    city.read(directory)
    frames = FRAMES[: len(FRAMES) // 2]
    pcap(directory / "copy.pcap", frames)
    summary = city.read(directory)
    assert summary.incomplete
    (flaw,) = (item for item in summary.inputs if item.error)
    assert "goes on where" in (flaw.error or "")
    assert flaw.hint == f"secwatch sense read {directory} --again"
    assert city.totals()[0] == len(FRAMES)


@pytest.mark.parametrize("pieces", [1, 4])
def test_flows_only_is_replaced_when_more_is_wanted(city: City, directory: Path, pieces: int) -> None:
    rotate(directory, pieces, packed)
    assert results(city, directory, flows_only=True) == ["read"] * pieces
    assert city.totals() == (len(FRAMES), 0)
    assert results(city, directory) == ["read"] * pieces
    assert city.totals() == WHOLE
    for flows_only in (True, False):
        assert results(city, directory, flows_only=flows_only) == ["known"] * pieces
    assert city.totals() == WHOLE


@pytest.mark.parametrize(("cut", "anew"), [(False, 3), (True, 5)])
def test_flows_only_in_between(city: City, tmp_path: Path, directory: Path, cut: bool, anew: int) -> None:
    """The files that share flows with those that are read anew go with them, and no others."""
    rotate(tmp_path / "all", 5)
    for number, flows_only in ((2, False), (4, True), (5, False)):
        for place in range(number):
            shutil.copy(tmp_path / "all" / f"x.pcap{place or ''}", directory)
        if cut and number == 2:
            content = (directory / "x.pcap1").read_bytes()
            (directory / "x.pcap1").write_bytes(content[: len(content) // 2])
        read = results(city, directory, flows_only=flows_only)
        assert city.totals()[0] == FRAMES_IN[number] or (cut and number == 2)
    assert read.count("read") == anew
    packets, lookups = city.totals()
    assert packets == len(FRAMES)
    assert 40 <= lookups <= 42  # a look-up whose answer is in the next run's file is there in two halves
    assert results(city, directory) == ["known"] * 5


def test_what_is_read_anew() -> None:
    """Parts read for their flows only, and those that share flows with them; not what lies before what was kept."""

    def stale(*parts: tuple[bool, int], last: int | None = None) -> list[int]:
        made = {str(at): Part(at, str(at), "x", at, only, carried) for at, (only, carried) in enumerate(parts)}
        return sorted(stale_parts(made, last))

    assert stale() == []
    assert stale((True, 0)) == [0]
    assert stale((False, 0), (True, 0), (False, 0)) == [1]
    assert stale((False, 0), (False, 3), (True, 2), (False, 1), (False, 0)) == [0, 1, 2, 3]
    assert stale((False, 0), (False, 3), (True, 2), last=1) == [2]


def test_the_same_packets_are_told_once(city: City, directory: Path) -> None:
    path = part(directory / "x.pcap", 900)
    assert city.read(directory).total("packets") == 900
    again = city.read(directory)
    assert ([item.result for item in again.inputs], again.total("packets")) == (["known"], 0)
    part(path)
    grown = city.read(directory)
    assert ([item.result for item in grown.inputs], grown.total("packets")) == (["read"], len(FRAMES) - 900)
    assert grown.totals("events")["dns"] < 40
    assert city.totals()[0] == len(FRAMES)
