"""Rows of events as kernels write them: numbers in a record, texts as spans of the arena."""

from __future__ import annotations

import numpy as np

from secwatch.sensor.kernels.compiler import part
from secwatch.sensor.kernels.reads import Bytes, signed
from secwatch.sensor.kernels.state import ARENA, EVENTS, NONE16, TEXTS, Record, SensorState


@part
def new_row(state: SensorState, flow: Record, kind: int, time: int, client_is_source: bool) -> int:
    """Begin a row of an event of this flow and return its number. The caller has made sure of room."""
    number = signed(state.control[EVENTS])
    state.control[EVENTS] = number + 1
    row = state.events[np.uint64(number)]
    row["kind"] = kind
    row["time"] = time
    row["round_trip"] = -1
    row["number"] = 0
    row["code"] = 0
    row["answer"] = NONE16
    row["protocol"] = flow["protocol"]
    row["version"] = flow["version"]
    row["one_way"] = 0
    row["value"] = 0
    row["size"] = 0
    row["flag"] = 0
    row["detail"] = 0
    if client_is_source:
        row["source_high"], row["source_low"] = flow["source_high"], flow["source_low"]
        row["destination_high"], row["destination_low"] = flow["destination_high"], flow["destination_low"]
        row["source_port"], row["destination_port"] = flow["source_port"], flow["destination_port"]
    else:
        row["source_high"], row["source_low"] = flow["destination_high"], flow["destination_low"]
        row["destination_high"], row["destination_low"] = flow["source_high"], flow["source_low"]
        row["source_port"], row["destination_port"] = flow["destination_port"], flow["source_port"]
    for column in range(TEXTS):
        state.text_lengths[np.uint64(number), column] = 0
    return number


@part
def set_span(state: SensorState, row: int, column: int, data: Bytes, start: int, end: int) -> None:
    """Copy data[start:end], a slot's content at most, into the arena as a column of the row."""
    place = signed(state.control[ARENA])
    for offset in range(end - start):
        state.arena[np.uint64(place + offset)] = data[np.uint64(start + offset)]
    set_text(state, row, column, place + end - start)


@part
def set_text(state: SensorState, row: int, column: int, end: int) -> None:
    """Make arena[ARENA:end] the text of a column of the row."""
    start = state.control[ARENA]
    state.text_starts[np.uint64(row), column] = start
    state.text_lengths[np.uint64(row), column] = end - start
    state.control[ARENA] = end
