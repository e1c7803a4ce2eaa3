"""Slots: bounded places where a message waits for its answer, or for the rest of itself.

Each hangs in its flow's list (oldest first) and in a list of all by age. The bytes of a message are
put where their sequence numbers say, so segments may come in any order; what lies behind a hole
waits for it as an island.
"""

from __future__ import annotations

import numpy as np

from secwatch.sensor.kernels.compiler import part
from secwatch.sensor.kernels.reads import Bytes, signed
from secwatch.sensor.kernels.records import COLLECTING
from secwatch.sensor.kernels.state import (
    FREE_LARGE,
    FREE_SLOT,
    LARGE_BYTES,
    LARGE_SLOTS,
    NEWEST_SLOT,
    OLDEST_SLOT,
    SLOT_BYTES,
    SensorState,
)


@part
def small_slots(state: SensorState) -> int:
    """Return how many slots are of the small kind; they come first."""
    return len(state.slots) - LARGE_SLOTS


@part
def base_of(state: SensorState, place: int) -> int:
    """Return where the bytes of the slot begin in `slot_data`."""
    small = small_slots(state)
    if place < small:
        return place * SLOT_BYTES
    return small * SLOT_BYTES + (place - small) * LARGE_BYTES


@part
def capacity_of(state: SensorState, place: int) -> int:
    """Return how many bytes the slot takes."""
    return SLOT_BYTES if place < small_slots(state) else LARGE_BYTES


@part
def link(state: SensorState, place: int, number: int, time: int, from_source: bool) -> None:
    """Make an unused slot the newest of the flow and of all, empty."""
    flow = state.flows[np.uint64(number)]
    slot = state.slots[np.uint64(place)]
    slot["flow"] = number
    slot["time"] = time
    slot["from_source"] = 1 if from_source else 0
    slot["kind"] = 0
    slot["number"] = 0
    slot["length"] = 0
    slot["islands"] = 0
    slot["counted"] = 0
    slot["collecting"] = 0
    slot["cut"] = 0
    slot["next"] = -1
    slot["previous"] = flow["waiting_tail"]
    if flow["waiting_tail"] >= 0:
        state.slots[np.uint64(flow["waiting_tail"])]["next"] = place
    else:
        flow["waiting_head"] = place
    flow["waiting_tail"] = place
    flow["waiting"] += np.uint16(1)
    if place >= small_slots(state):
        return  # large ones are few and live shortly: they have no age
    newest = state.control[NEWEST_SLOT]
    slot["older"] = newest
    slot["newer"] = -1
    if newest >= 0:
        state.slots[np.uint64(newest)]["newer"] = place
    else:
        state.control[OLDEST_SLOT] = place
    state.control[NEWEST_SLOT] = place


@part
def release(state: SensorState, place: int) -> None:
    """Free the slot and take it out of both lists."""
    stop_collecting(state, place)
    slot = state.slots[np.uint64(place)]
    flow = state.flows[np.uint64(slot["flow"])]
    before, after = signed(slot["previous"]), signed(slot["next"])
    if before >= 0:
        state.slots[np.uint64(before)]["next"] = after
    else:
        flow["waiting_head"] = after
    if after >= 0:
        state.slots[np.uint64(after)]["previous"] = before
    else:
        flow["waiting_tail"] = before
    flow["waiting"] -= np.uint16(1)
    if place >= small_slots(state):
        slot["next"] = state.control[FREE_LARGE]
        state.control[FREE_LARGE] = place
        return
    older, newer = signed(slot["older"]), signed(slot["newer"])
    if older >= 0:
        state.slots[np.uint64(older)]["newer"] = newer
    else:
        state.control[OLDEST_SLOT] = newer
    if newer >= 0:
        state.slots[np.uint64(newer)]["older"] = older
    else:
        state.control[NEWEST_SLOT] = older
    slot["next"] = state.control[FREE_SLOT]
    state.control[FREE_SLOT] = place


@part
def collect(state: SensorState, place: int, sequence: int) -> None:
    """Let the slot put together the message of its side that begins at `sequence`."""
    slot = state.slots[np.uint64(place)]
    slot["collecting"] = 1
    slot["sequence"] = np.uint32(sequence & 0xFFFFFFFF)
    number = signed(slot["flow"])
    side = 1 if slot["from_source"] == 1 else 2
    state.streams[np.uint64(number), np.uint64(side - 1)]["slot"] = place
    flow = state.flows[np.uint64(number)]
    flow["seen"] = signed(flow["seen"]) | (COLLECTING * side)


@part
def stop_collecting(state: SensorState, place: int) -> None:
    """Let the slot keep what it has; its side puts nothing more into it."""
    slot = state.slots[np.uint64(place)]
    if slot["collecting"] == 0:
        return
    slot["collecting"] = 0
    flow = state.flows[np.uint64(slot["flow"])]
    side = 1 if slot["from_source"] == 1 else 2
    flow["seen"] = signed(flow["seen"]) & ~(COLLECTING * side)


@part
def fill(state: SensorState, place: int, data: Bytes, start: int, end: int) -> None:
    """Make data[start:end], as far as it fits, the content of the slot."""
    size = min(end - start, capacity_of(state, place))
    base = base_of(state, place)
    for offset in range(size):
        state.slot_data[np.uint64(base + offset)] = data[np.uint64(start + offset)]
    state.slots[np.uint64(place)]["length"] = size


@part
def add(state: SensorState, place: int, data: Bytes, start: int, end: int, position: int) -> None:
    """Put data[start:end] at `position` (which may be negative) of the message; bytes that are there stay."""
    slot = state.slots[np.uint64(place)]
    length = signed(slot["length"])
    if position < length:
        start += length - position
        position = length
    stop = min(position + end - start, capacity_of(state, place))
    if start >= end or position >= stop:
        return
    if position > length and not _remember_island(state, place, position, stop):
        return
    base = base_of(state, place)
    for offset in range(stop - position):
        state.slot_data[np.uint64(base + position + offset)] = data[np.uint64(start + offset)]
    if position == length:
        slot["length"] = stop
        _absorb_islands(state, place)


@part
def _remember_island(state: SensorState, place: int, position: int, stop: int) -> bool:
    """Add a stretch to the islands of the slot, joined with those it touches. Return whether there was room."""
    slot = state.slots[np.uint64(place)]
    islands = state.islands[np.uint64(place)]
    count = signed(slot["islands"])
    kept = signed(0)
    for index in range(count):
        begin, end = signed(islands[np.uint64(index), 0]), signed(islands[np.uint64(index), 1])
        if begin <= stop and position <= end:
            position, stop = min(position, begin), max(stop, end)
        else:
            islands[np.uint64(kept), 0] = begin
            islands[np.uint64(kept), 1] = end
            kept += 1
    if kept == len(islands):
        slot["islands"] = kept
        return False
    index = kept
    while index > 0 and islands[np.uint64(index - 1), 0] > position:
        islands[np.uint64(index), 0] = islands[np.uint64(index - 1), 0]
        islands[np.uint64(index), 1] = islands[np.uint64(index - 1), 1]
        index -= 1
    islands[np.uint64(index), 0] = position
    islands[np.uint64(index), 1] = stop
    slot["islands"] = kept + 1
    return True


@part
def _absorb_islands(state: SensorState, place: int) -> None:
    """Count the islands that the beginning has reached into the beginning."""
    slot = state.slots[np.uint64(place)]
    islands = state.islands[np.uint64(place)]
    kept = signed(0)
    for index in range(signed(slot["islands"])):
        begin, end = signed(islands[np.uint64(index), 0]), signed(islands[np.uint64(index), 1])
        if begin <= slot["length"]:
            slot["length"] = max(signed(slot["length"]), end)
        else:
            islands[np.uint64(kept), 0] = begin
            islands[np.uint64(kept), 1] = end
            kept += 1
    slot["islands"] = kept


@part
def shift(state: SensorState, place: int, size: int) -> None:
    """Drop the first `size` bytes of the slot, which are all there; what follows moves to the beginning."""
    slot = state.slots[np.uint64(place)]
    base = base_of(state, place)
    last = signed(slot["length"])
    islands = state.islands[np.uint64(place)]
    for index in range(signed(slot["islands"])):
        last = signed(islands[np.uint64(index), 1])
        islands[np.uint64(index), 0] -= np.int16(size)
        islands[np.uint64(index), 1] -= np.int16(size)
    for offset in range(last - size):
        state.slot_data[np.uint64(base + offset)] = state.slot_data[np.uint64(base + offset + size)]
    slot["length"] = signed(slot["length"]) - size
    slot["sequence"] = np.uint32((signed(slot["sequence"]) + size) & 0xFFFFFFFF)


@part
def find_request(state: SensorState, number: int, kind: int, key: int, from_source: bool) -> int:
    """Return the oldest slot of this kind and key whose message the other side sent, -1 if there is none."""
    place = signed(state.flows[np.uint64(number)]["waiting_head"])
    while place >= 0:
        slot = state.slots[np.uint64(place)]
        if slot["kind"] == kind and slot["number"] == key and (slot["from_source"] == 1) != from_source:
            return place
        place = signed(slot["next"])
    return place
