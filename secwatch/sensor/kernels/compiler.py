"""How kernels are compiled: typed wrappers around numba's decorators.

`kernel` is an entry point: cached on disk, and it releases the interpreter lock. `part` is a
piece of a kernel, compiled into every kernel that calls it. No kernel may use wraparound
indices: offsets are signed while they are computed and unsigned when they index.

Kernels allocate nothing, so numba's reference counting is off (`_nrt`): counting the arrays of
the state at every access made the packet loop nine times slower (0.46 against 4.1 million
packets a second).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
from numba.core.codegen import CPUCodeLibrary

from secwatch.sensor.kernels import CACHE

# Also right when somebody imported numba before us.
numba.config.CACHE_DIR = str(CACHE)  # type: ignore[attr-defined]

_ENTRY: dict[str, Any] = {"cache": True, "nogil": True, "_nrt": False}
# Nothing but other kernels calls a part: without wrappers for Python and C it compiles faster.
_PIECE: dict[str, Any] = {"nogil": True, "_nrt": False, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}

# A part never runs by itself: its code is optimised again within every kernel that calls it, so
# optimising it alone is time lost: a third of the compilation (measured).
_parts: set[str] = set()
_optimise: Any = CPUCodeLibrary._optimize_final_module


def _optimise_kernels(library: Any) -> None:
    if library.name not in _parts:
        _optimise(library)


CPUCodeLibrary._optimize_final_module = _optimise_kernels  # type: ignore[method-assign]

Function = TypeVar("Function", bound=Callable[..., Any])


def kernel(function: Function) -> Function:
    """Compile an entry point."""
    return cast(Function, numba.njit(**_ENTRY)(function))


def part(function: Function) -> Function:
    """Compile a piece that only kernels call."""
    _parts.add(function.__qualname__)
    return cast(Function, numba.njit(**_PIECE)(function))
