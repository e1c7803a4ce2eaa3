"""What a row must fulfil for a statement to see it at all: read off the statement itself."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import duckdb

from secwatch.core.columns import Table
from secwatch.core.tables import TABLES
from secwatch.lake.protocol import Watch

# A call of a function may depend on more than the row (the window, chance, the settings), and many are not cheap.
_PLAIN = frozenset(
    {"BETWEEN", "CASE", "CAST", "COLUMN_REF", "COMPARISON", "CONJUNCTION", "CONSTANT", "OPERATOR", "PARAMETER", "TYPE"}
)


@dataclass(frozen=True)
class Condition:
    """A condition on one row as SQL, and the names of the parameters in it; without any it is always true."""

    sql: str = "true"
    parameters: frozenset[str] = frozenset()


def conditions(connection: duckdb.DuckDBPyConnection, watch: Watch) -> Mapping[str, Condition]:
    """Return for each table that a watch consumes what its rows must fulfil to be seen by the accepted statement.

    That is what every SELECT that reads the table demands of a row in its WHERE, calls of functions left
    out; of several such SELECTs one must let the row through. A row that does not fulfil it is not seen;
    one that does need not be.
    """
    row = connection.execute("SELECT json_serialize_sql($sql)", {"sql": watch.sql}).fetchone()
    tree = json.loads(row[0]) if row else {}
    return {name: _condition(connection, tree, TABLES[name]) for name in watch.consumes}


def _condition(connection: duckdb.DuckDBPyConnection, tree: Mapping[str, Any], table: Table) -> Condition:
    nodes = list(_nodes(tree))
    reads = [node for node in nodes if node.get("type") == "BASE_TABLE" and _called(node) == table.name]
    selects = [node for node in nodes if node.get("type") == "SELECT_NODE" and node.get("from_table") in reads]
    renamed = any(entry["key"].lower() == table.name for node in nodes for entry in _defined(node))
    renamed = renamed or any(read.get("column_name_alias") or read.get("sample") for read in reads)
    if renamed or not reads or len(selects) != len(reads):
        return Condition()
    texts: list[str] = []
    parameters: set[str] = set()
    for select in selects:
        demands = [item for item in _demands(select.get("where_clause")) if _of_the_row(item, table, select)]
        if not demands:
            return Condition()
        texts.append(" AND ".join(_text(connection, item) for item in demands))
        parameters.update(str(node["identifier"]) for node in _nodes(demands) if node.get("class") == "PARAMETER")
    return Condition(" OR ".join(f"({text})" for text in texts), frozenset(parameters))


def _demands(where: dict[str, Any] | None) -> Iterator[dict[str, Any]]:
    """Yield the parts of a WHERE that must all be true."""
    stack = [] if where is None else [where]
    while stack:
        node = stack.pop()
        if node.get("type") == "CONJUNCTION_AND":
            stack.extend(node["children"])
        else:
            yield node


def _of_the_row(demand: Mapping[str, Any], table: Table, select: Mapping[str, Any]) -> bool:
    """Return whether an expression looks at nothing but columns of the table; take the table's name off them."""
    known = {column.name for column in table.columns}
    own = {str(select["from_table"].get("alias") or "").lower(), table.name}
    for node in _nodes(demand):
        kind = node.get("class")
        if kind == "COLUMN_REF":
            names = [str(name).lower() for name in node["column_names"]]
            if len(names) == 2 and names[0] in own:
                node["column_names"] = names = names[1:]
            if len(names) != 1 or names[0] not in known:
                return False
        elif not (kind in _PLAIN or kind is None or (kind == "FUNCTION" and node.get("is_operator"))):
            return False
    return True


def _text(connection: duckdb.DuckDBPyConnection, where: Mapping[str, Any]) -> str:
    """Return an expression as SQL: what comes from the engine's own tree is one expression and nothing more."""
    row = connection.execute("SELECT json_serialize_sql('SELECT 1 WHERE true')").fetchone()
    tree = json.loads(row[0]) if row else {}
    tree["statements"][0]["node"]["where_clause"] = where
    made = connection.execute("SELECT json_deserialize_sql($tree::JSON)", {"tree": json.dumps(tree)}).fetchone()
    return f"({str(made[0]).partition(' WHERE ')[2]})" if made else "true"


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    stack = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            yield node
            stack.extend(node.values())
        elif isinstance(node, list):
            stack.extend(node)


def _defined(node: Mapping[str, Any]) -> list[dict[str, Any]]:
    return list((node.get("cte_map") or {}).get("map", []))


def _called(node: Mapping[str, Any]) -> str:
    return str(node.get("table_name")).lower()
