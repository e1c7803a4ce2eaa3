"""Compiling every kernel once with the types used in production."""

from __future__ import annotations

import numpy as np

from secwatch.sensor.kernels.columns import (
    count_items,
    find_items,
    gather,
    write_addresses,
    write_community_ids,
    write_histories,
)
from secwatch.sensor.kernels.index import index_pcap, index_pcapng, new_index
from secwatch.sensor.kernels.state import new_state
from secwatch.sensor.kernels.track import flush, track


def run_all() -> None:
    """Call every kernel with empty input."""
    state = new_state(2, 16, (1, 1, 1, 1, 1), event_rows=1, slots=1)
    index = new_index()
    data = np.zeros(64, np.uint8)
    index_pcap(data, 0, 0, index)
    index_pcapng(data, 0, 0, index)
    track(state, data, index, 0, 0)
    flush(state)
    offsets = np.zeros(1, np.int32)
    none = np.zeros(0, np.int64)
    write_addresses(state.finished[:0]["version"], state.finished[:0]["source_high"],
                    state.finished[:0]["source_low"], offsets, data)  # fmt: skip
    words = np.zeros(80, np.uint32)
    write_community_ids(state.finished[:0], offsets, data, words)
    write_community_ids(state.events[:0], offsets, data, words)
    write_histories(state.finished[:0]["history_early"], state.finished[:0]["history_late"], offsets, data)
    gather(data, none, none, offsets, data)
    count_items(data, none, none, offsets)
    find_items(data, none, none, none, none)
