"""Batches hold exactly the columns of their table: one that nobody fills would be empty in the lake for ever."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import numpy as np
import pytest

from secwatch.core.tables import TABLES
from secwatch.sensor import batches, messages, protocols
from tests.sensor.frames import SYN, ethernet, ipv4, pcap, segment, udp
from tests.sensor.reading import Row, read


def test_many_rows_stand_beside_their_likes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows between the same addresses follow each other as they came; none is lost, and few rows stay as they came."""
    frames = [
        (1e9 + number, frame)
        for number in range(60)
        for frame in (
            ethernet(ipv4(udp(b"x", (1000 + number, 9)), 17, f"10.0.0.{number % 7}", f"10.0.1.{number % 3}")),
            ethernet(ipv4(bytes([8, 0]) + bytes(40), 1, f"10.0.0.{number % 5}", f"10.0.1.{number % 2}")),
        )
    ]
    path = pcap(tmp_path / "many.pcap", frames)
    few = read(path)
    monkeypatch.setattr(batches, "MANY", 10)
    many = read(path)
    for table in ("flows", "icmp"):
        before, after = few.tables[table], many.tables[table]
        assert len(after) > 10
        assert sorted(map(repr, after)) == sorted(map(repr, before))
        between = [ends_of(row) for row in after]
        assert len(list(itertools.groupby(between))) == len(set(between)) < len(after)
        for ends in set(between):
            assert [row for row in after if ends_of(row) == ends] == [row for row in before if ends_of(row) == ends]


def ends_of(row: Row) -> tuple[str, str]:
    """The addresses of a row."""
    return row["destination_address"], row["source_address"]


# Tables whose columns parsers give row by row, beside those that every message has.
OF_PARSERS = sorted(TABLES.keys() - {"flows", "dns", "tls", "http", "icmp", "arp"})


def test_a_column_that_nobody_fills_is_a_mistake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = pcap(tmp_path / "f.pcap", [(1e9, segment(SYN))])
    assert read(path).flows
    whole = batches.BatchMaker._ends
    monkeypatch.setattr(
        batches.BatchMaker,
        "_ends",
        lambda self, records: {name: data for name, data in whole(self, records).items() if name != "source_port"},
    )
    with pytest.raises(ValueError, match="the table flows is not filled as it is defined: source_port"):
        read(path)


def test_columns_and_masks_are_those_of_the_table() -> None:
    columns = {column.name: np.zeros(1, np.uint16) for column in TABLES["dns"].stored}
    masks = {column.name: np.zeros(1, np.bool_) for column in TABLES["dns"].stored if column.nullable}
    assert masks
    assert list(batches._batch("dns", 1, dict(reversed(columns.items())), masks).columns) == list(columns)
    with pytest.raises(ValueError, match=r"table dns .* misspelt"):
        batches._batch("dns", 1, columns | {"misspelt": np.zeros(1, np.uint16)}, masks)
    with pytest.raises(ValueError, match=r"table dns .* round_trip_seconds"):
        batches._batch("dns", 1, columns, {})


@pytest.mark.parametrize("table", OF_PARSERS)
def test_every_column_of_a_message_is_given_by_a_parser(table: str) -> None:
    """Parsers leave out what they do not know, so the name of each column must stand in one of them."""
    directory = Path(protocols.__path__[0])
    named = set(re.findall(r'"([a-z0-9_]+)"', "".join(path.read_text() for path in sorted(directory.glob("*.py")))))
    wanted = {column.name for column in TABLES[table].stored} - messages._GIVEN
    assert wanted <= named, wanted - named
