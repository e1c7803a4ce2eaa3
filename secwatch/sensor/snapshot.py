"""The open flows of a sensor in a file, so that another process can go on with them where this one stopped."""

from __future__ import annotations

import hashlib
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from secwatch.sensor.kernels import state as memory
from secwatch.sensor.kernels.index import PacketIndex
from secwatch.sensor.kernels.state import SensorState

# What is output, room to work in, or said by the configuration: not kept.
_PASSING = frozenset({"packet", "finished", "events", "text_starts", "text_lengths", "arena", "scratch", "settings"})
_OF_INDEX = ("file", "interfaces")


def write(path: Path, state: SensorState, index: PacketIndex) -> str:
    """Write the state, whose output must have been taken, and what the index remembers of the file. Durable.

    Return the SHA-256 of the file, which `read` wants to see again. Raise OSError.
    """
    arrays = {f"index_{name}": getattr(index, name) for name in _OF_INDEX}
    for name, array in state.arrays().items():
        if name not in _PASSING and name != "table":
            arrays[name] = array[: _used(name, state)]
    arrays["table_size"] = np.array([len(state.table)])
    arrays["table_places"] = np.flatnonzero(state.table >= 0)
    arrays["table_entries"] = state.table[arrays["table_places"]]
    partial = path.with_name(path.name + ".partial")
    try:
        descriptor = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w+b") as stream:
            np.savez(stream, allow_pickle=False, **arrays)
            stream.flush()
            os.fsync(stream.fileno())
            stream.seek(0)
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        partial.rename(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    return digest


def read(path: Path, digest: str, state: SensorState, index: PacketIndex, *, whole: bool) -> bool:
    """Fill an empty state with what was written, and with `whole` the index too. Return whether that could be done.

    It cannot if the file is gone or is not the one that was written (kernels trust what is in it), if it
    comes from a version with another layout, or if the table of flows had another size; then nothing is changed.
    """
    try:
        with path.open("rb") as stream:
            if hashlib.file_digest(stream, "sha256").hexdigest() != digest:
                return False
        with np.load(path, allow_pickle=False) as found:
            arrays = {name: found[name] for name in found.files}
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return False
    targets: dict[str, Any] = {f"index_{name}": getattr(index, name) for name in _OF_INDEX}
    targets |= {name: array for name, array in state.arrays().items() if name not in _PASSING and name != "table"}
    if arrays.keys() != targets.keys() | {"table_places", "table_entries", "table_size"}:
        return False
    if arrays["table_size"].tolist() != [len(state.table)]:
        return False
    for name, target in targets.items():
        array = arrays[name]
        if array.dtype != target.dtype or array.shape[1:] != target.shape[1:] or len(array) > len(target):
            return False
    for name, target in targets.items():
        if name.startswith("index_") and not whole:
            continue
        target[: len(arrays[name])] = arrays[name]
    state.table[arrays["table_places"]] = arrays["table_entries"]
    return True


def open_flows(state: SensorState) -> int:
    """Return how many flows are open."""
    return int(np.count_nonzero(state.table >= 0))


def _used(name: str, state: SensorState) -> int | None:
    """How many rows of an array have ever been used; None for all of them."""
    flows, slots = int(state.control[memory.USED_FLOWS]), int(state.control[memory.USED_SLOTS])
    return {
        "flows": flows,
        "streams": flows,
        "troubles": flows,
        "slots": slots,
        "slot_data": slots * memory.SLOT_BYTES,
    }.get(name)
