"""Columns of the events whose rows kernels write: DNS, TLS, HTTP."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from secwatch.core.columns import ColumnData, NumbersColumn, TextColumn, TextsColumn
from secwatch.sensor import gathering, names
from secwatch.sensor.certificates import Certificates
from secwatch.sensor.events import Fingerprints
from secwatch.sensor.kernels import dns, http, tls
from secwatch.sensor.kernels.state import NONE16, Records, SensorState

Columns = dict[str, ColumnData]
Nulls = dict[str, NDArray[np.bool_]]

_HTTP_TEXTS = {
    "method": http.METHOD_TEXT,
    "host": http.HOST_TEXT,
    "uri": http.URI_TEXT,
    "user_agent": http.AGENT_TEXT,
    "referrer": http.REFERRER_TEXT,
    "content_type": http.TYPE_TEXT,
    "request_body": http.REQUEST_BODY,
    "response_body": http.RESPONSE_BODY,
}
_HTTP_LISTS = {
    "request_header_names": http.REQUEST_NAMES,
    "request_header_values": http.REQUEST_VALUES,
    "response_header_names": http.RESPONSE_NAMES,
    "response_header_values": http.RESPONSE_VALUES,
}


class EventColumns:
    """Takes the numbers and texts of finished events out of a sensor state. Not for two threads."""

    def __init__(self) -> None:
        self._fingerprints = Fingerprints()
        self._certificates = Certificates()

    @property
    def malformed(self) -> Mapping[str, int]:
        """What servers sent that could not be read, by cause."""
        count = self._certificates.malformed
        return {"malformed_certificate": count} if count else {}

    def columns(
        self, state: SensorState, table: str, records: Records, rows: NDArray[np.int64]
    ) -> tuple[Columns, Nulls]:
        """Return the columns of `table` but time and ends, and the masks of those that may be NULL."""
        self._state = state
        make = {"dns": self._dns, "tls": self._tls, "http": self._http}[table]
        return make(records, rows)

    def _dns(self, records: Records, rows: NDArray[np.int64]) -> tuple[Columns, Nulls]:
        answered = records["round_trip"] >= 0
        ttls = self._texts(rows, dns.TTLS_TEXT)
        columns: Columns = {
            "transport": gathering.from_codes(records["protocol"], names.transport),
            "transaction_id": records["number"].copy(),
            "query": self._texts(rows, dns.QUERY_TEXT),
            "query_type": gathering.from_codes(records["code"], names.query_type),
            "response_code": gathering.from_codes(records["answer"], names.response_code),
            "answers": self._lists(rows, dns.ANSWERS_TEXT),
            "answer_ttls": NumbersColumn(ttls.offsets // 4, ttls.data.view("<u4")),
            "round_trip_seconds": np.where(answered, records["round_trip"] / 1e6, 0.0),
        }
        return columns, {"round_trip_seconds": ~answered}

    def _tls(self, records: Records, rows: NDArray[np.int64]) -> tuple[Columns, Nulls]:
        chosen = np.where(records["answer"] == NONE16, -1, records["code"].astype(np.int64))
        columns: Columns = {
            "version": gathering.from_codes(records["answer"], names.tls_version),
            "client_version": gathering.from_codes(records["number"], names.tls_version),
            "cipher": gathering.from_codes(chosen, names.cipher),
            "server_name": self._texts(rows, tls.NAME_TEXT),
            "application_protocols": self._lists(rows, tls.PROTOCOLS_TEXT),
            "application_protocol": self._texts(rows, tls.ALPN_TEXT),
            "ja3": self._fingerprints.ja3(self._texts(rows, tls.JA3_TEXT)),
            "ja3s": self._fingerprints.ja3(self._texts(rows, tls.JA3S_TEXT)),
            "ja4": self._fingerprints.ja4(self._texts(rows, tls.JA4_TEXT)),
        }
        facts, nulls = self._certificates.columns(self._texts(rows, tls.CERTIFICATE_TEXT))
        return columns | facts, nulls

    def _http(self, records: Records, rows: NDArray[np.int64]) -> tuple[Columns, Nulls]:
        columns: Columns = {name: self._texts(rows, text) for name, text in _HTTP_TEXTS.items()}
        columns |= {name: self._lists(rows, text) for name, text in _HTTP_LISTS.items()}
        columns["version"] = gathering.from_codes(records["number"], names.http_version)
        unanswered = records["answer"] == NONE16
        columns["status_code"] = np.where(unanswered, 0, records["answer"]).astype(np.uint16)
        columns["request_length"] = records["value"].copy()
        unstated = unanswered | (records["round_trip"] < 0)
        columns["response_length"] = np.where(unstated, 0, records["round_trip"]).astype(np.uint64)
        nulls = {"status_code": unanswered, "request_length": records["flag"] == 0, "response_length": unstated}
        return columns, nulls

    def _texts(self, rows: NDArray[np.int64], column: int) -> TextColumn:
        return gathering.text_of(self._state, rows, column)

    def _lists(self, rows: NDArray[np.int64], column: int) -> TextsColumn:
        return gathering.list_of(self._state, rows, column)
