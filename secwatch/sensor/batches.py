"""What the kernels have finished, as column batches of the tables flows, dns, tls and http."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from secwatch.core.columns import ColumnBatch, ColumnData, TextColumn, TextsColumn
from secwatch.core.tables import TABLES
from secwatch.sensor import gathering, names
from secwatch.sensor.events import Fingerprints
from secwatch.sensor.kernels import columns as kernels
from secwatch.sensor.kernels import dns, http, tls
from secwatch.sensor.kernels.state import (
    NONE16,
    REASONS,
    SERVICE_DNS,
    SERVICE_HTTP,
    SERVICE_TLS,
    SERVICES,
    TUNNELS,
    Output,
    Records,
    SensorState,
    hand_over,
)
from secwatch.sensor.kernels.tcp import CONNECTION_STATES
from secwatch.sensor.messages import MessageStage

_OWN_TABLES = (SERVICE_DNS, SERVICE_TLS, SERVICE_HTTP)  # whose rows kernels write


class BatchMaker:
    """Makes column batches of what a sensor state has finished. Not for two threads."""

    def __init__(self, state: SensorState):
        self._state = state
        self._fingerprints = Fingerprints()
        self._messages = MessageStage()
        self._words = np.zeros(80, np.uint32)
        self.event_counts: dict[str, int] = {}

    def drain(self) -> Iterator[ColumnBatch]:
        """Yield one batch per table that has rows, and mark the output as empty."""
        yield from self.batches(hand_over(self._state))

    def batches(self, output: Output) -> Sequence[ColumnBatch]:
        """Return one batch per table that has rows; they share nothing with the arrays of the output."""
        self._state = output.state
        batches = []
        if output.flows:
            batches.append(self._flows(self._state.finished[: output.flows]))
        kinds = self._state.events["kind"][: output.events]
        for kind in np.flatnonzero(np.bincount(kinds, minlength=len(SERVICES))).tolist():
            rows = np.flatnonzero(kinds == kind)
            if kind in _OWN_TABLES:
                batches.append(self._events(SERVICES[kind], rows))
            else:
                batches.extend(self._message_batches(kind, rows, output.text))
        for batch in batches:
            if batch.table != "flows":
                self.event_counts[batch.table] = self.event_counts.get(batch.table, 0) + batch.rows
        return batches

    def _flows(self, records: Records) -> ColumnBatch:
        icmp = (records["protocol"] == 1) | (records["protocol"] == 58)
        payload = (records["source_payload"] > 0) | (records["destination_payload"] > 0)
        columns: dict[str, ColumnData] = {
            "first_seen": records["first"].copy(),
            "last_seen": records["last"].copy(),
            **self._ends(records),
            "transport": gathering.from_codes(records["protocol"], names.transport),
            "ip_protocol": records["protocol"].copy(),
            "service": gathering.from_codes(names.services(records, payload), names.SERVICES.__getitem__),
            "connection_state": gathering.from_codes(records["state"], CONNECTION_STATES.__getitem__),
            "history": self._histories(records),
        }
        columns["destination_port"] = np.where(icmp, records["icmp_code"], records["destination_port"])
        for side in ("source", "destination"):
            columns[f"{side}_packets"] = records[f"{side}_packets"].copy()
            columns[f"{side}_bytes"] = records[f"{side}_bytes"].copy()
            columns[f"{side}_payload_bytes"] = records[f"{side}_payload"].copy()
            columns[f"{side}_tcp_flags"] = records[f"{side}_flags"].copy()
            columns[f"{side}_retransmissions"] = records[f"{side}_retransmissions"].copy()
            columns[f"{side}_first_payload_bytes"] = records[f"{side}_first_payload"].copy()
            columns[f"{side}_ttl"] = records[f"{side}_ttl"].copy()
        for name in ("vlan", "outer_vlan", "tunnel_id"):
            columns[name] = records[name].copy()
        columns["tunnel"] = gathering.from_codes(records["tunnel"], TUNNELS.__getitem__)
        columns["service_seen"] = records["service"] > 0
        columns["export_reason"] = gathering.from_codes(records["reason"], REASONS.__getitem__)
        return _batch("flows", len(records), columns, {})

    def _events(self, table: str, rows: NDArray[np.int64]) -> ColumnBatch:
        records = self._state.events[rows]
        columns: dict[str, ColumnData] = {"time": records["time"].copy(), **self._ends(records)}
        nulls: dict[str, NDArray[np.bool_]] = {}
        if table == "dns":
            answered = records["round_trip"] >= 0
            columns["transport"] = gathering.from_codes(records["protocol"], names.transport)
            columns["transaction_id"] = records["number"].copy()
            columns["query"] = self._texts(rows, dns.QUERY_TEXT)
            columns["query_type"] = gathering.from_codes(records["code"], names.query_type)
            columns["response_code"] = gathering.from_codes(records["answer"], names.response_code)
            columns["answers"] = self._lists(rows, dns.ANSWERS_TEXT)
            columns["round_trip_seconds"] = np.where(answered, records["round_trip"] / 1e6, 0.0)
            nulls["round_trip_seconds"] = ~answered
        elif table == "tls":
            columns["version"] = gathering.from_codes(records["answer"], names.tls_version)
            columns["cipher"] = self._ciphers(records)
            columns["server_name"] = self._texts(rows, tls.NAME_TEXT)
            columns["application_protocols"] = self._lists(rows, tls.PROTOCOLS_TEXT)
            columns["ja3"] = self._fingerprints.ja3(self._texts(rows, tls.JA3_TEXT))
            columns["ja4"] = self._fingerprints.ja4(self._texts(rows, tls.JA4_TEXT))
        else:
            columns["method"] = self._texts(rows, http.METHOD_TEXT)
            columns["host"] = self._texts(rows, http.HOST_TEXT)
            columns["uri"] = self._texts(rows, http.URI_TEXT)
            columns["user_agent"] = self._texts(rows, http.AGENT_TEXT)
            unanswered = records["answer"] == NONE16
            columns["status_code"] = np.where(unanswered, 0, records["answer"]).astype(np.uint16)
            nulls["status_code"] = unanswered
            columns["content_type"] = self._texts(rows, http.TYPE_TEXT)
        return _batch(table, len(rows), columns, nulls)

    def _message_batches(self, kind: int, events: NDArray[np.int64], text: int) -> Iterator[ColumnBatch]:
        """Yield the rows that parsers make of messages, a batch a table."""
        arena = self._state.arena[:text].tobytes()
        for table, rows in self._messages.rows(self._state, kind, events, arena).items():
            records = self._state.events[np.array(rows.events, np.int64)]
            columns, nulls = rows.columns(table)
            columns |= {"time": records["time"].copy(), **self._ends(records)}
            columns["transport"] = gathering.from_codes(records["protocol"], names.transport)
            yield _batch(table, len(records), columns, nulls)

    @property
    def malformed(self) -> Mapping[str, int]:
        """Messages that the parsers refused, by cause."""
        return self._messages.malformed

    def _ends(self, records: Records) -> dict[str, ColumnData]:
        rows = len(records)
        offsets = np.zeros(rows + 1, np.int32)
        arena = np.empty(rows * kernels.COMMUNITY_ID_BYTES, np.uint8)
        kernels.write_community_ids(records, offsets, arena, self._words)
        return {
            "community_id": TextColumn(offsets, arena),
            "source_address": _addresses(records, "source"),
            "source_port": records["source_port"].copy(),
            "destination_address": _addresses(records, "destination"),
            "destination_port": records["destination_port"].copy(),
        }

    def _histories(self, records: Records) -> TextColumn:
        offsets = np.zeros(len(records) + 1, np.int32)
        arena = np.empty(len(records) * kernels.LONGEST_HISTORY, np.uint8)
        size = kernels.write_histories(records["history_early"], records["history_late"], offsets, arena)
        return TextColumn(offsets, arena[:size].copy())

    def _texts(self, rows: NDArray[np.int64], column: int) -> TextColumn:
        starts, lengths = self._state.text_starts[rows, column], self._state.text_lengths[rows, column]
        return gathering.gather(self._state.arena, starts, lengths)

    def _lists(self, rows: NDArray[np.int64], column: int) -> TextsColumn:
        starts, lengths = self._state.text_starts[rows, column], self._state.text_lengths[rows, column]
        offsets = np.zeros(len(rows) + 1, np.int32)
        items = kernels.count_items(self._state.arena, starts, lengths, offsets)
        item_starts, item_lengths = np.zeros(items, np.int64), np.zeros(items, np.int64)
        kernels.find_items(self._state.arena, starts, lengths, item_starts, item_lengths)
        return TextsColumn(offsets, gathering.gather(self._state.arena, item_starts, item_lengths))

    def _ciphers(self, records: Records) -> TextColumn:
        chosen = np.where(records["answer"] == NONE16, -1, records["code"].astype(np.int64))
        return gathering.from_codes(chosen, names.cipher)


def _batch(table: str, rows: int, columns: dict[str, ColumnData], nulls: dict[str, NDArray[np.bool_]]) -> ColumnBatch:
    """Return the columns in the order of the table; those that nothing fills are NULL."""
    ordered: dict[str, ColumnData] = {}
    for column in TABLES[table].columns:
        ordered[column.name] = columns[column.name] if column.name in columns else gathering.empty(column, rows)
        if column.nullable and column.name not in nulls:
            nulls[column.name] = np.ones(rows, np.bool_)
    return ColumnBatch(table, rows, ordered, nulls)


def _addresses(records: Records, side: str) -> TextColumn:
    offsets = np.zeros(len(records) + 1, np.int32)
    arena = np.empty(len(records) * kernels.LONGEST_ADDRESS, np.uint8)
    size = kernels.write_addresses(records["version"], records[f"{side}_high"], records[f"{side}_low"], offsets, arena)
    return TextColumn(offsets, arena[:size].copy())
