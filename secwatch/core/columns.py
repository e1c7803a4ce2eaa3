"""The tables of the lake: every column of flows and protocol events, by name, kind and meaning.

Names follow Zeek's conn, dns, ssl and http logs in whole words; `zeek` gives the counterpart.
Times are UTC, microseconds since 1970. The client (who opened the connection) is the source.
One row of dns, tls or http is one transaction, as in Zeek: request and answer together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray


class Kind(Enum):
    """What a column holds; the value is the SQL type."""

    TIME = "TIMESTAMP"
    TEXT = "VARCHAR"
    TEXTS = "VARCHAR[]"
    BOOLEAN = "BOOLEAN"
    UINT8 = "UTINYINT"
    UINT16 = "USMALLINT"
    UINT32 = "UINTEGER"
    UINT64 = "UBIGINT"
    DOUBLE = "DOUBLE"


@dataclass(frozen=True)
class Column:
    """One column. A nullable number carries a mask in `ColumnBatch.nulls`; an empty text is NULL."""

    name: str
    kind: Kind
    meaning: str
    zeek: str = ""
    nullable: bool = False


@dataclass(frozen=True)
class Table:
    """One table; `time_column` places its rows in detection windows."""

    name: str
    time_column: str
    columns: tuple[Column, ...]

    def column(self, name: str) -> Column:
        """Return the column of that name. Raise KeyError if there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)


_ENDS = (
    Column("community_id", Kind.TEXT, "Community ID version 1 of the flow", "community_id"),
    Column("source_address", Kind.TEXT, "address of the client", "id.orig_h"),
    Column("source_port", Kind.UINT16, "port of the client; ICMP: the type", "id.orig_p"),
    Column("destination_address", Kind.TEXT, "address of the server", "id.resp_h"),
    Column("destination_port", Kind.UINT16, "port of the server; ICMP: the code", "id.resp_p"),
)

FLOWS = Table(
    "flows",
    "last_seen",
    (
        Column("first_seen", Kind.TIME, "time of the first packet", "ts"),
        Column("last_seen", Kind.TIME, "time of the last packet so far"),
        *_ENDS,
        Column("transport", Kind.TEXT, "tcp, udp, icmp, icmp6, or ip-N", "proto"),
        Column("ip_protocol", Kind.UINT8, "IP protocol number", "ip_proto"),
        Column("service", Kind.TEXT, "application seen or guessed: dns, tls, http, ssh, …", "service"),
        Column("connection_state", Kind.TEXT, "S0 S1 SF REJ S2 S3 RSTO RSTR RSTOS0 RSTRH SH SHR OTH", "conn_state"),
        Column("history", Kind.TEXT, "letters for what happened, client in capitals", "history"),
        Column("source_packets", Kind.UINT64, "packets from the client", "orig_pkts"),
        Column("source_bytes", Kind.UINT64, "IP bytes from the client", "orig_ip_bytes"),
        Column("source_payload_bytes", Kind.UINT64, "transport payload bytes from the client"),
        Column("destination_packets", Kind.UINT64, "packets from the server", "resp_pkts"),
        Column("destination_bytes", Kind.UINT64, "IP bytes from the server", "resp_ip_bytes"),
        Column("destination_payload_bytes", Kind.UINT64, "transport payload bytes from the server"),
        Column("source_tcp_flags", Kind.UINT8, "all TCP flags the client sent, or-ed"),
        Column("destination_tcp_flags", Kind.UINT8, "all TCP flags the server sent, or-ed"),
        Column("vlan", Kind.UINT16, "innermost VLAN identifier, 0 for none"),
        Column("export_reason", Kind.TEXT, "end, idle, active, evicted, flush"),
    ),
)

DNS = Table(
    "dns",
    "time",
    (
        Column("time", Kind.TIME, "time of the query, or of the answer when no query was seen", "ts"),
        *_ENDS,
        Column("transport", Kind.TEXT, "udp, or tcp for messages that lie within one segment", "proto"),
        Column("transaction_id", Kind.UINT16, "identifier of the query", "trans_id"),
        Column("query", Kind.TEXT, "name asked for, lower case, without the last dot", "query"),
        Column("query_type", Kind.TEXT, "A, AAAA, TXT, … or TYPEn", "qtype_name"),
        Column("response_code", Kind.TEXT, "NOERROR, NXDOMAIN, …; NULL without an answer", "rcode_name"),
        Column("answers", Kind.TEXTS, "answers in words, as Zeek writes them", "answers"),
        Column("round_trip_seconds", Kind.DOUBLE, "from query to answer", "rtt", nullable=True),
    ),
)

TLS = Table(
    "tls",
    "time",
    (
        Column("time", Kind.TIME, "time of the ClientHello, or of the ServerHello when that is all", "ts"),
        *_ENDS,
        Column("version", Kind.TEXT, "TLSv12, TLSv13, … as the server chose", "version"),
        Column("cipher", Kind.TEXT, "cipher suite the server chose, hexadecimal (0x1301)", "cipher"),
        Column("server_name", Kind.TEXT, "server name indication", "server_name"),
        Column("application_protocols", Kind.TEXTS, "ALPN names the client offered"),
        Column("ja3", Kind.TEXT, "JA3 of the ClientHello"),
        Column("ja4", Kind.TEXT, "JA4 of the ClientHello"),
    ),
)

HTTP = Table(
    "http",
    "time",
    (
        Column("time", Kind.TIME, "time of the request, or of the answer when no request was seen", "ts"),
        *_ENDS,
        Column("method", Kind.TEXT, "GET, POST, …", "method"),
        Column("host", Kind.TEXT, "Host header", "host"),
        Column("uri", Kind.TEXT, "request target as sent", "uri"),
        Column("user_agent", Kind.TEXT, "User-Agent header", "user_agent"),
        Column("status_code", Kind.UINT16, "status of the answer", "status_code", nullable=True),
        Column("content_type", Kind.TEXT, "Content-Type header of the answer"),
    ),
)

TABLES: Mapping[str, Table] = {table.name: table for table in (FLOWS, DNS, TLS, HTTP)}


@dataclass(frozen=True)
class TextColumn:
    """Texts in one byte arena: text i is `data[offsets[i]:offsets[i + 1]]`, UTF-8.

    offsets has shape (rows + 1,) and starts at 0.
    """

    offsets: NDArray[numpy.int32]
    data: NDArray[numpy.uint8]


@dataclass(frozen=True)
class TextsColumn:
    """Lists of texts: list i is `values` from offsets[i] to offsets[i + 1]."""

    offsets: NDArray[numpy.int32]
    values: TextColumn


ColumnData: TypeAlias = "NDArray[numpy.generic] | TextColumn | TextsColumn"


@dataclass(frozen=True)
class ColumnBatch:
    """Rows of one table as they pass from the sensor to the lake. TIME columns are int64.

    `nulls` holds, for a nullable number column, a mask of shape (rows,) that is true where the
    value is missing.
    """

    table: str
    rows: int
    columns: Mapping[str, ColumnData]
    nulls: Mapping[str, NDArray[numpy.bool_]] = field(default_factory=dict)
