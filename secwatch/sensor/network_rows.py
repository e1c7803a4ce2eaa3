"""Columns of the tables icmp and arp, from the events that `kernels.network` writes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from secwatch.core.columns import ColumnData, TextColumn
from secwatch.sensor import gathering, names
from secwatch.sensor.kernels import columns as kernels
from secwatch.sensor.kernels import network
from secwatch.sensor.kernels.state import NONE16, Records, SensorState

Columns = tuple[dict[str, ColumnData], dict[str, NDArray[np.bool_]]]


def icmp_columns(state: SensorState, rows: NDArray[np.int64]) -> Columns:
    """Return the columns of these events beside time and ends, and which numbers are missing.

    `destination_port` is among them: for the flow it is the code, for the Community ID the type that answers.
    """
    records = gathering.take(state.events, rows)
    from_source = records["flag"] == 1
    own = from_source | (records["one_way"] == 1)
    codes = records["round_trip"]
    original = state.text_lengths[rows, network.ORIGINAL_TEXT] > 0
    columns: dict[str, ColumnData] = {
        "destination_port": np.where(records["one_way"] == 1, records["destination_port"], codes >> 8).astype(
            np.uint16
        ),
        "from_source": from_source,
        "transport": gathering.from_codes(records["protocol"], names.transport),
        "type": np.where(own, records["source_port"], records["destination_port"]).astype(np.uint8),
        "code": (codes & 255).astype(np.uint8),
        "identifier": records["number"].copy(),
        "sequence": records["code"].copy(),
        "payload_bytes": records["size"].astype(np.uint16),
        "payload_hash": _hexadecimal(records),
        "original_protocol": records["detail"].copy(),
        "original_destination_address": gathering.text_of(state, rows, network.ORIGINAL_TEXT),
        "original_destination_port": np.where(records["answer"] == NONE16, 0, records["answer"]).astype(np.uint16),
    }
    nulls = {"original_protocol": ~original, "original_destination_port": records["answer"] == NONE16}
    return columns, nulls


def arp_columns(state: SensorState, rows: NDArray[np.int64]) -> Columns:
    """Return the columns of these events beside time and addresses."""
    records = gathering.take(state.events, rows)
    columns: dict[str, ColumnData] = {
        "operation": records["code"].copy(),
        "source_hardware": gathering.text_of(state, rows, network.SOURCE_TEXT),
        "destination_hardware": gathering.text_of(state, rows, network.DESTINATION_TEXT),
        "link_source": gathering.text_of(state, rows, network.LINK_TEXT),
        "vlan": records["number"].copy(),
    }
    return columns, {}


def _hexadecimal(records: Records) -> TextColumn:
    """Return the hash of the payload as 16 digits; nothing where there was no payload."""
    offsets = np.zeros(len(records) + 1, np.int32)
    arena = np.empty(16 * len(records), np.uint8)
    values, present = records["value"].copy(), (records["size"] > 0) & (records["value"] != 0)
    size = kernels.write_hexadecimal(values, present, offsets, arena)
    return TextColumn(offsets, arena[:size].copy())
