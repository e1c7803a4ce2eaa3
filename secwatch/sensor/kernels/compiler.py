"""How kernels are compiled: typed wrappers around numba's decorators.

`kernel` is an entry point: cached on disk, and it releases the interpreter lock. `part` is a
piece of a kernel, compiled into every kernel that calls it; `hot` is one that is always inlined.
No kernel may use wraparound indices: offsets are signed while they are computed and unsigned when
they index.

Kernels allocate nothing, so numba's reference counting is off (`_nrt`): counting the arrays of
the state at every access made the packet loop nine times slower (0.46 against 4.1 million
packets a second).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
from numba.core import codegen
from numba.core.cpu import CPUContext

from secwatch.sensor.kernels import CACHE

# Also right when somebody imported numba before us.
numba.config.CACHE_DIR = str(CACHE)  # type: ignore[attr-defined]

_ENTRY: dict[str, Any] = {"cache": True, "nogil": True, "_nrt": False}
# Nothing but other kernels calls a part: without wrappers for Python and C it compiles faster.
_PIECE: dict[str, Any] = {"nogil": True, "_nrt": False, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}

# A part never runs by itself: its instructions become part of every kernel that calls it. Optimising
# it and making machine code of it alone, with all that it calls, took two thirds of the compilation
# (130 s of processor time with it, 47 s without), so numba's steps for both are left out for parts.
_parts: set[str] = set()


def _unless_part(step: Any, name_of: Callable[..., str]) -> Any:
    """Return the step of the compiler so that it does nothing for a part."""

    def only_kernels(*arguments: Any) -> Any:
        return None if name_of(*arguments) in _parts else step(*arguments)

    return only_kernels


def _executable(step: Any) -> Any:
    def of_kernel(context: Any, library: Any, description: Any, environment: Any) -> Any:
        if library.name not in _parts:
            return step(context, library, description, environment)
        # numba finds the instructions of a part by this object, which must be a builtin function, one of
        # its own for each part; nobody calls it.
        nothing: list[object] = []
        return nothing.append

    return of_kernel


_library: Any = codegen.JITCodeLibrary
_library._optimize_final_module = _unless_part(_library._optimize_final_module, lambda library: library.name)
_library._finalize_specific = _unless_part(_library._finalize_specific, lambda library: library.name)
_code: Any = codegen.JITCPUCodegen
_code._add_module = _unless_part(_code._add_module, lambda _, module: module.name)
_context: Any = CPUContext
_context.get_executable = _executable(_context.get_executable)

# What each packet passes is inlined: tracking 20 million packets of real traffic takes 8.3 s of processor time so,
# 10.2 s if LLVM decides; compiling, once, takes 9 s more.
_HOT: dict[str, Any] = _PIECE | {"forceinline": True}

Function = TypeVar("Function", bound=Callable[..., Any])


def kernel(function: Function) -> Function:
    """Compile an entry point."""
    return cast(Function, numba.njit(**_ENTRY)(function))


def part(function: Function) -> Function:
    """Compile a piece that only kernels call."""
    _parts.add(function.__qualname__)
    return cast(Function, numba.njit(**_PIECE)(function))


def hot(function: Function) -> Function:
    """Compile a piece that every packet passes: always inlined."""
    _parts.add(function.__qualname__)
    return cast(Function, numba.njit(**_HOT)(function))
