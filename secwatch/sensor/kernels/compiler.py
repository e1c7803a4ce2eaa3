"""How kernels are compiled: typed wrappers around numba's decorators.

`kernel` is an entry point: cached on disk, and it releases the interpreter lock. `part` is a
piece of a kernel, compiled into every kernel that calls it. No kernel may use wraparound
indices: offsets are signed while they are computed and unsigned when they index.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba

from secwatch.sensor.kernels import CACHE

numba.config.CACHE_DIR = str(CACHE)  # also right when somebody imported numba before us

Function = TypeVar("Function", bound=Callable[..., Any])


def kernel(function: Function) -> Function:
    """Compile an entry point."""
    compiled: Function = numba.njit(cache=True, nogil=True)(function)
    return compiled


def part(function: Function) -> Function:
    """Compile a piece that only kernels call."""
    compiled: Function = numba.njit(nogil=True)(function)
    return compiled
