"""Ending what has been silent for its time: idle flows, and fragments whose first one never came."""

from __future__ import annotations

import numpy as np

from secwatch.sensor.kernels.compiler import part
from secwatch.sensor.kernels.flows import finish, has_room
from secwatch.sensor.kernels.fragments import release
from secwatch.sensor.kernels.state import (
    FLUSH,
    FRAGMENTS_TIMEOUT,
    IDLE,
    LISTS,
    NEXT_SWEEP,
    PENDING_DATAGRAMS,
    PENDING_SIZE,
    SensorState,
)

SWEEP_EVERY = 100_000  # µs of packet time between looks at the heads of the lists


@part
def sweep(state: SensorState, time: int) -> None:
    """Export the flows whose time is over. Stops early when the output is full, to go on at the next packet."""
    for chain in range(LISTS):
        limit = state.settings[chain]
        while True:
            number = state.heads[0, chain]
            if number < 0:
                break
            if abs(time - state.flows[np.uint64(number)]["last"]) <= limit:
                break
            if not has_room(state):
                return
            state.flows[np.uint64(number)]["reason"] = IDLE
            finish(state, number)
    if state.control[PENDING_DATAGRAMS] > 0:
        for place in range(PENDING_SIZE):
            entry = state.pending[np.uint64(place)]
            if entry["packets"] > 0 and abs(time - entry["last"]) > FRAGMENTS_TIMEOUT:
                if not has_room(state):
                    return
                release(state, place, state.arena)
    state.control[NEXT_SWEEP] = time + SWEEP_EVERY


@part
def end_all(state: SensorState) -> bool:
    """Export all flows, oldest first in each list. Return whether there was room for all."""
    for place in range(PENDING_SIZE):
        if state.pending[np.uint64(place)]["packets"] > 0:
            if not has_room(state):
                return False
            release(state, place, state.arena)
    for chain in range(LISTS):
        while state.heads[0, chain] >= 0:
            if not has_room(state):
                return False
            number = state.heads[0, chain]
            state.flows[np.uint64(number)]["reason"] = FLUSH
            finish(state, number)
    return True
