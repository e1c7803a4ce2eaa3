"""Kernels: compiled loops over packet bytes. The only numba imports of the project are in here.

Importing this package chooses the cache directory before numba is imported for the first time.
"""

from __future__ import annotations

import os

from secwatch.sensor.kernels.cache import kernel_directory

CACHE = kernel_directory()
os.environ["NUMBA_CACHE_DIR"] = str(CACHE)


def is_warm() -> bool:
    """Return whether all kernels have been compiled on this machine before, at the cost of a directory listing."""
    return (CACHE / "warm").exists()


def warm() -> None:
    """Compile every kernel with the signatures used in production, or load it from the cache.

    Takes about half a minute the first time. Raise SecwatchError if the cache cannot be written.
    """
    from secwatch.sensor.kernels.warming import run_all

    run_all()
    (CACHE / "warm").touch(mode=0o600)
