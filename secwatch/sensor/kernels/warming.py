"""Compiling every kernel once with the types used in production."""

from __future__ import annotations

import numpy as np

from secwatch.sensor.kernels.columns import (
    count_items,
    gather,
    gather_items,
    measure,
    write_addresses,
    write_hexadecimal,
    write_histories,
)
from secwatch.sensor.kernels.index import index_pcap, index_pcapng, new_index
from secwatch.sensor.kernels.packets import SUMS, WISH_SIZE, choose, write_blocks
from secwatch.sensor.kernels.ring import index_ring
from secwatch.sensor.kernels.state import new_state
from secwatch.sensor.kernels.track import flush, tick, track


def run_all() -> None:
    """Call every kernel with nearly empty input.

    Two rows, not none: numpy calls empty slices contiguous, and that is another type to numba.
    """
    state = new_state(16, 16, (1, 1, 1, 1, 1, 1), event_rows=2, slots=1)
    index = new_index()
    data = np.zeros(256, np.uint8)
    index_pcap(data, 0, 0, index)
    index_pcapng(data, 0, 0, index)
    index_ring(data, 0, 0, 1, index)
    track(state, data, index, 0, 0)
    tick(state, 0)
    flush(state)
    offsets = np.zeros(3, np.int32)
    none = np.zeros(2, np.int64)
    words = np.zeros(80, np.uint32)
    flows, events = state.finished[:2], state.events[np.arange(2)]
    for records in (flows, events):
        write_addresses(records["version"], records["source_high"], records["source_low"], offsets, data)
    write_blocks(data, index, 0, 0, 0, 1, data, data.view(np.uint32), np.zeros(SUMS, np.int64))
    choose(state, data, index, 0, np.zeros(WISH_SIZE, np.uint64), data, words, none)
    write_histories(flows["history_early"], flows["history_late"], offsets, data)
    spans = data, state.text_starts, state.text_lengths, none, 0
    measure(state.text_lengths, none, 0, offsets)
    gather(*spans, data)
    count_items(*spans, offsets)
    gather_items(*spans, offsets, data)
    write_hexadecimal(np.zeros(2, np.uint64), np.zeros(2, np.bool_), offsets, data)
