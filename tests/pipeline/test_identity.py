"""What an input is known by: tags under the city's key, and the SHA-256 that earlier versions recorded."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import pytest
from sqlite_utils import Database

from secwatch.sensor.content import KEYED
from secwatch.sensor.pcapfile import quick_identity
from secwatch.store import lake
from tests.pipeline.captures import write_scan
from tests.pipeline.test_inputs import City


@pytest.fixture
def city(tmp_path: Path) -> City:
    """An empty place."""
    return City(tmp_path / "city")


def _as_before_there_was_a_key(database: Database, path: Path, content: bytes) -> None:
    """Give the only input what an earlier version recorded for this file."""
    hashes = [hashlib.sha256(path.read_bytes()).hexdigest(), hashlib.sha256(content).hexdigest()]
    hint = quick_identity(str(path))
    database.execute("UPDATE inputs SET identity = ?, content_tag = ?, quick_identity = ?", [*hashes, hint])


def test_every_place_has_a_key_of_its_own(city: City, tmp_path: Path) -> None:
    other = City(tmp_path / "other")
    key = lake.identity_key(city.database)
    assert len(key) == lake.KEY_BYTES
    assert lake.identity_key(city.database) == key != lake.identity_key(other.database)
    path = write_scan(tmp_path / "scan.pcap", packets=5)
    found = []
    for place in (city, other):
        place.read(path)
        (row,) = place.database.query("SELECT identity, content_tag FROM inputs")
        assert row["identity"] == row["content_tag"]
        assert row["identity"].startswith(KEYED)
        found.append(row["identity"])
    assert found[0] != found[1]


@pytest.mark.parametrize("packed", [False, True])
def test_what_an_earlier_version_read_is_known(city: City, tmp_path: Path, packed: bool) -> None:
    content = write_scan(tmp_path / "scan.pcap", packets=30).read_bytes()
    path = tmp_path / "first"
    path.write_bytes(gzip.compress(content) if packed else content)
    city.read(path)
    _as_before_there_was_a_key(city.database, path, content)
    other = tmp_path / "other"
    other.write_bytes(content if packed else gzip.compress(content))
    for again in (path, other):
        (read,) = city.read(again).inputs
        assert (read.result, city.flows) == ("known", 30)


@pytest.mark.parametrize("packed", [False, True])
def test_what_an_earlier_version_read_may_have_grown(city: City, tmp_path: Path, packed: bool) -> None:
    whole = write_scan(tmp_path / "whole.pcap", packets=30).read_bytes()
    path = tmp_path / "live.pcap"
    path.write_bytes(whole[: 24 + 70 * 10])
    city.read(path)
    _as_before_there_was_a_key(city.database, path, path.read_bytes())
    path.write_bytes(gzip.compress(whole) if packed else whole)
    (read,) = city.read(path).inputs
    assert (read.result, read.replaced, city.flows) == ("read", 1, 30)
    # Other bytes with the same beginning are another capture.
    (row,) = city.database.query("SELECT content_tag FROM inputs")
    assert row["content_tag"].startswith(KEYED)


def test_a_false_hash_of_an_earlier_version_is_another_input(city: City, tmp_path: Path) -> None:
    path = write_scan(tmp_path / "scan.pcap", packets=30)
    city.read(path)
    _as_before_there_was_a_key(city.database, path, b"other bytes of the same length")
    city.database.execute("UPDATE inputs SET identity = 'x'")
    (read,) = city.read(path).inputs
    assert (read.result, read.replaced, city.flows) == ("read", 0, 60)


def test_flows_only_is_replaced_by_more_and_not_by_less(city: City, tmp_path: Path) -> None:
    path = write_scan(tmp_path / "scan.pcap", packets=30)
    for flows_only, result in ((True, "read"), (True, "known"), (False, "read"), (True, "known"), (False, "known")):
        (read,) = city.read(path, flows_only=flows_only).inputs
        assert (read.result, city.flows) == (result, 30)
    assert [row["flows_only"] for row in city.database.query("SELECT flows_only FROM inputs")] == [0]
    assert [fact[3] for fact in city.facts()] == [30]
