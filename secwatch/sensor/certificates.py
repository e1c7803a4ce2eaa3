"""The certificate_… columns of tls rows, out of what servers sent: each distinct chain is read once."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from secwatch.core.columns import ColumnData, TextColumn
from secwatch.core.tables import TABLES
from secwatch.sensor import gathering
from secwatch.sensor.protocols import certificate
from secwatch.sensor.protocols.row import Malformed, Value

_REMEMBERED = 8192  # chains; their facts take about 2 KB each
_COLUMNS = [column for column in TABLES["tls"].columns if column.name.startswith("certificate_")]
_NOTHING: Mapping[str, Value] = {}


class Certificates:
    """Reads Certificate messages, remembering those seen before. Not for two threads."""

    def __init__(self) -> None:
        self.malformed = 0
        self._known: dict[bytes, Mapping[str, Value] | None] = {}

    def columns(self, messages: TextColumn) -> tuple[dict[str, ColumnData], dict[str, NDArray[np.bool_]]]:
        """Return the columns for the bodies of these messages, and the masks of those that may be NULL."""
        data = messages.data.tobytes()
        distinct: list[Mapping[str, Value]] = [_NOTHING]
        numbers: dict[bytes, int] = {}
        choices = np.zeros(len(messages.offsets) - 1, np.int64)
        starts, ends = messages.offsets[:-1], messages.offsets[1:]
        rows = np.flatnonzero(ends > starts)
        for row, start, end in zip(rows.tolist(), starts[rows].tolist(), ends[rows].tolist(), strict=True):
            message = data[start:end]
            key = hashlib.blake2b(message, digest_size=16).digest()
            if key not in numbers:
                facts = self._facts(key, message)
                numbers[key] = len(distinct) if facts is not None else 0
                distinct += [facts] if facts is not None else []
            choices[row] = numbers[key]
            self.malformed += not numbers[key]
        columns: dict[str, ColumnData] = {}
        nulls: dict[str, NDArray[np.bool_]] = {}
        for column in _COLUMNS:
            values = [facts.get(column.name) for facts in distinct]
            columns[column.name] = gathering.of_values(column, values, choices)
            if column.nullable:
                nulls[column.name] = np.array([value is None for value in values], np.bool_)[choices]
        return columns, nulls

    def _facts(self, key: bytes, message: bytes) -> Mapping[str, Value] | None:
        if key not in self._known:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            try:
                self._known[key] = certificate.facts(message)
            except Malformed:
                self._known[key] = None
        return self._known[key]
