"""What a statement demands of a row is read off it: never more than it demands."""

from __future__ import annotations

from pathlib import Path

import pytest

from secwatch.lake.conditions import Condition, conditions
from secwatch.lake.engine import bare, connect
from secwatch.lake.protocol import File, Watch
from secwatch.lake.rows import batch_of
from secwatch.lake.write import Writer

PLAIN = "SELECT 1 FROM flows WHERE transport = 'tcp' AND destination_port > $port"
NAMED = "WITH a AS (SELECT * FROM FLOWS f WHERE f.transport = 'tcp' AND f.Destination_Port > $port) FROM a"
BOTH = {"(transport = 'tcp')", "(destination_port > $port)"}


def condition(sql: str, table: str = "flows") -> Condition:
    with bare(200) as connection:
        return conditions(connection, Watch("w", sql, {}, [table], 300, 60))[table]


@pytest.mark.parametrize(
    ("sql", "parts"),
    [
        (PLAIN, BOTH),
        (NAMED, BOTH),
        ("SELECT 1 FROM flows WHERE query IS NULL OR transport = 'tcp'", set()),
        ("SELECT 1 FROM flows WHERE transport = 'x' AND random() < 0.5", {"(transport = 'x')"}),
        ("SELECT 1 FROM flows WHERE transport = 'x' AND fresh", {"(transport = 'x')"}),
        ("SELECT 1 FROM flows WHERE transport = 'x' AND last_seen > getvariable('window_end')", {"(transport = 'x')"}),
        ("SELECT 1 FROM flows WHERE transport = 'x' AND service IN (SELECT 'ssh')", {"(transport = 'x')"}),
        ("SELECT 1 FROM flows WHERE transport LIKE 'a; DROP''%'", {"(transport ~~ 'a; DROP''%')"}),
        ("SELECT 1 FROM flows", set()),
        ("SELECT 1 FROM flows AS f(a, b) WHERE b = 'x'", set()),
        ("SELECT 1 FROM flows TABLESAMPLE 10% WHERE transport = 'x'", set()),
        ("SELECT 1 FROM flows JOIN dns ON true WHERE transport = 'x'", set()),
        ("SELECT 1 FROM flows WHERE transport = 'x' AND EXISTS (SELECT 1 FROM flows)", set()),
        ("WITH flows AS (SELECT 1 AS transport) SELECT 1 FROM flows WHERE transport = 2", set()),
        ("SELECT 'tcp' AS kind FROM flows WHERE kind = 'udp'", set()),
    ],
)
def test_what_is_read_off(sql: str, parts: set[str]) -> None:
    """Parts that look beyond the row are left out; where nothing is left, every row counts."""
    found = condition(sql)
    assert (found == Condition()) == (not parts)
    assert all(part in found.sql for part in parts)
    assert found.sql.count(" AND ") == max(len(parts) - 1, 0)
    assert found.parameters == ({"port"} if any("$port" in part for part in parts) else frozenset())


def test_one_of_several_selects_must_let_a_row_through() -> None:
    both = "SELECT 1 FROM flows WHERE transport = 'tcp' UNION ALL SELECT 1 FROM flows WHERE destination_port = 53"
    found = condition(both).sql
    assert " OR " in found
    assert "transport = 'tcp'" in found
    assert "destination_port = 53" in found


def test_the_engine_takes_it(tmp_path: Path) -> None:
    with Writer(tmp_path) as writer:
        rows = [{"last_seen": at, "transport": "tcp" if at % 2 else "udp", "destination_port": at} for at in range(9)]
        writer.add(batch_of("flows", rows))
        (segment,) = writer.finish()
    files = {"flows": [File(segment.path, segment.first_time, segment.last_time, new=True)]}
    found = condition(NAMED)
    connection = connect(str(tmp_path), files, 200)
    ports = f"SELECT destination_port FROM all_flows WHERE {found.sql}"  # noqa: S608 -- made above
    assert {port for (port,) in connection.execute(ports, {"port": 3}).fetchall()} == {5, 7}
