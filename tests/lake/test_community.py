"""Community IDs are computed: as the specification says, as the sensor does, and only if somebody asks."""

# ruff: noqa: S608 -- the texts here are the tests' own

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from secwatch.core.columns import Table
from secwatch.core.tables import TABLES
from secwatch.lake import engine
from secwatch.lake.protocol import File
from secwatch.lake.rows import batch_of
from secwatch.lake.write import Writer
from secwatch.sensor.kernels.community import put_community_id
from secwatch.sensor.kernels.compiler import kernel
from secwatch.sensor.kernels.records import EVENT
from tests.community import ANSWERS, community_id, of_row

START = 1_790_000_000_000_000
WITH_FLOWS = sorted(name for name, table in TABLES.items() if name != "arp" and table.column("community_id"))
Ends = tuple[str, int, str, int, int]


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    """The query engine without a table."""
    with engine.bare(300) as opened:
        yield opened


def computed(connection: duckdb.DuckDBPyConnection, rows: list[Ends]) -> list[str | None]:
    """What SQL makes of these ends."""
    values = ", ".join(f"('{a}', {p}::USMALLINT, '{b}', {q}::USMALLINT, {n}::UTINYINT)" for a, p, b, q, n in rows)
    found = connection.execute(f"SELECT community_id(a, p, b, q, n) FROM (VALUES {values}) AS ends(a, p, b, q, n)")
    return [row[0] for row in found.fetchall()]


@kernel
def write_community_id(record: Any, arena: NDArray[np.uint8], words: NDArray[np.uint32]) -> int:
    """Call the sensor's part, which only kernels can."""
    return put_community_id(arena, 0, record[0], words)


def of_the_sensor(ends: Ends) -> str:
    """What the sensor's kernel makes of a record with these ends."""
    source, source_port, destination, destination_port, protocol = ends
    record = np.zeros(1, EVENT)
    for side, text in (("source", source), ("destination", destination)):
        address = ipaddress.ip_address(text)
        record["version"] = address.version
        record[f"{side}_high"], record[f"{side}_low"] = divmod(int(address), 1 << 64)
    answer = 0 if source_port == 0 else ANSWERS.get(protocol, {}).get(source_port)
    record["one_way"] = protocol in ANSWERS and answer is None
    record["source_port"], record["protocol"] = source_port, protocol
    record["destination_port"] = destination_port if answer is None or protocol not in ANSWERS else answer
    arena = np.zeros(64, np.uint8)
    return arena[: write_community_id(record, arena, np.zeros(80, np.uint32))].tobytes().decode()


six = st.one_of(
    st.ip_addresses(v=6),
    st.lists(st.sampled_from([0, 0, 0, 1, 0xFFFF, 0x10]), min_size=8, max_size=8).map(
        lambda groups: ipaddress.IPv6Address(b"".join(group.to_bytes(2, "big") for group in groups))
    ),
    st.integers(0, (1 << 32) - 1).map(lambda low: ipaddress.IPv6Address((0xFFFF << 32) | low)),
)
four = st.one_of(st.ip_addresses(v=4), st.integers(0, 2).map(ipaddress.IPv4Address))
port = st.integers(0, 65535) | st.integers(0, 150)


def as_written(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    """As the sensor writes it: IPv4 inside of IPv6 in its mixed form."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return f"::ffff:{mapped}" if mapped is not None else str(address)


@st.composite
def ends(draw: st.DrawFn) -> Ends:
    """Ends of a flow of any protocol; of ICMP a type and a code."""
    addresses = draw(st.sampled_from([four, six]))
    source, destination = as_written(draw(addresses)), as_written(draw(addresses))
    protocol = draw(st.sampled_from([1, 6, 17, 58, 132]) | st.integers(0, 255))
    if protocol in ANSWERS:
        return source, draw(st.integers(0, 255)), destination, draw(st.integers(0, 255)), protocol
    return source, draw(port), destination, draw(port), protocol


@given(st.lists(ends(), min_size=1, max_size=40))
@settings(max_examples=60, deadline=None)
def test_sql_equals_the_specification_and_the_sensor(connection: duckdb.DuckDBPyConnection, rows: list[Ends]) -> None:
    found = computed(connection, rows)
    assert found == [community_id(*row) for row in rows]
    assert found == [of_the_sensor(row) for row in rows]


@given(four, four, port, port, st.sampled_from([6, 17, 132]))
@settings(max_examples=30, deadline=None)
def test_both_directions_have_one_identity(
    connection: duckdb.DuckDBPyConnection, one: Any, other: Any, first: int, second: int, protocol: int
) -> None:
    assume((one, first) != (other, second))
    rows = [(str(one), first, str(other), second, protocol), (str(other), second, str(one), first, protocol)]
    there, back = computed(connection, rows)
    assert there == back is not None


def test_the_published_example(connection: duckdb.DuckDBPyConnection) -> None:
    """The example of the specification's own page."""
    assert computed(connection, [("128.232.110.120", 34855, "66.35.250.204", 80, 6)]) == [
        "1:LQU9qZlK+B5F3KDmev6m5PMibrg="
    ]


@pytest.mark.parametrize(
    "text", ["", "x", "1.2.3", "1.2.3.4.5.6", "1:2", "fe80::1%eth0", "-1.2.3.4", "::x.1.2.3", "中"]
)
def test_what_is_no_address_has_no_identity_and_harms_no_query(
    connection: duckdb.DuckDBPyConnection, text: str
) -> None:
    (found,) = computed(connection, [(text, 1, "2001:db8::1", 2, 6)])
    assert found is None or (found.startswith("1:") and len(found) == 30)
    row = connection.execute(
        "SELECT community_id(NULL, 1, '192.0.2.1', 2, 6), community_id('192.0.2.1', 1, NULL, 2, 6)"
    )
    assert row.fetchone() == (None, None)


def row_of(table: Table, number: int) -> dict[str, Any]:
    transports = ["icmp", "icmp6"] if table.name == "icmp" else ["tcp", "udp"]
    known = {
        "source_address": f"192.0.2.{number}",
        "source_port": 8 + number,
        "destination_address": f"198.51.100.{number * 3 % 7}",
        "destination_port": 53,
        "ip_protocol": (6, 17)[number % 2],
        "transport": transports[number % 2],
        table.time_column: START + number,
    }
    names = {column.name for column in table.stored}
    return {name: value for name, value in known.items() if name in names}


@pytest.mark.parametrize("name", WITH_FLOWS)
def test_every_table_shows_it_though_no_file_holds_it(tmp_path: Path, name: str) -> None:
    table = TABLES[name]
    rows = [row_of(table, number) for number in range(9)]
    with Writer(tmp_path) as writer:
        writer.add(batch_of(name, rows))
        (segment,) = writer.finish()
    files = {name: [File(segment.path, segment.first_time, segment.last_time)]}
    with engine.connect(str(tmp_path), files, 300) as opened:
        engine.show_tables(opened)
        shown = opened.execute(f'SELECT community_id FROM {name} ORDER BY "{table.time_column}"').fetchall()
        assert [row[0] for row in shown] == [of_row(name, row) for row in rows]
        described = opened.execute(f"DESCRIBE {name}").fetchall()
        assert [row[0] for row in described] == [column.name for column in table.columns]
        first = opened.execute(f"SELECT source_port FROM {name} WHERE community_id = ?", [shown[4][0]]).fetchall()
        assert first == [(rows[4]["source_port"],)]


def test_files_that_still_hold_it_are_read(tmp_path: Path) -> None:
    (tmp_path / "flows").mkdir()
    with duckdb.connect() as writing:
        writing.execute(
            f"COPY (SELECT make_timestamp({START}::BIGINT) AS last_seen, 'stored' AS community_id, '192.0.2.1' AS"
            " source_address, 1::USMALLINT AS source_port, '192.0.2.2' AS destination_address, 2::USMALLINT AS"
            f" destination_port, 6::UTINYINT AS ip_protocol) TO '{tmp_path}/flows/old.parquet'"
        )
    with engine.connect(str(tmp_path), {"flows": [File("flows/old.parquet", START, START)]}, 300) as opened:
        engine.show_tables(opened)
        found = opened.execute("SELECT community_id FROM flows").fetchall()
    assert found == [(community_id("192.0.2.1", 1, "192.0.2.2", 2, 6),)]


def test_nothing_is_computed_that_is_not_asked_for(tmp_path: Path) -> None:
    with Writer(tmp_path) as writer:
        writer.add(batch_of("flows", [row_of(TABLES["flows"], number) for number in range(9)]))
        (segment,) = writer.finish()
    files = {"flows": [File(segment.path, segment.first_time, segment.last_time)]}

    def plan(sql: str) -> str:
        with engine.connect(str(tmp_path), files, 300) as opened:
            engine.show_tables(opened)
            return json.dumps(opened.execute(f"EXPLAIN (FORMAT json) {sql}").fetchall())

    asked = plan("SELECT source_port, community_id FROM flows")
    assert "destination_address" in asked
    others = plan("SELECT source_port, source_bytes FROM flows WHERE destination_port = 53")
    assert "community_id" not in others
    assert "destination_address" not in others


def test_rows_of_test_cases_cannot_give_it() -> None:
    with pytest.raises(ValueError, match="computed"):
        batch_of("flows", [{"community_id": "1:x"}])
