"""How many arrays reach a kernel: as one pointer to their descriptors.

numba passes a tuple of arrays as seven numbers an array. The state has 21 arrays: 1.2 KB that every call
which LLVM does not inline copied onto the stack. A subclass of `Arrays` is one pointer instead;
its fields are read where they are used. They never change while a kernel runs, and LLVM is told so
(`invariant.load`), so that it reads each only once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numba
import numpy as np
from numba import extending
from numba.core import cgutils, types
from numba.core.typing.templates import AttributeTemplate
from numba.np import arrayobj

_WORD: Any = cgutils.intp_t
# Without types of their own, and mypy is not to guess at them.
_numba: Any = numba
_extending: Any = extending
_arrays: Any = arrayobj


class Arrays:
    """Base of a frozen dataclass whose fields are arrays. Kernels see its fields under their names."""

    descriptors: np.ndarray[Any, Any]
    address: int
    kind: ArraysType

    def __post_init__(self) -> None:
        """Write down where the arrays are: address, shape and strides of each."""
        words: list[int] = []
        members = []
        for item in fields(self):  # type: ignore[arg-type]
            array = getattr(self, item.name)
            members.append((item.name, _numba.typeof(array), len(words)))
            words += [array.ctypes.data, *array.shape, *array.strides]
        descriptors = np.array(words, np.int64)
        object.__setattr__(self, "descriptors", descriptors)
        object.__setattr__(self, "address", descriptors.ctypes.data)
        object.__setattr__(self, "kind", ArraysType(type(self).__name__, tuple(members)))

    def arrays(self) -> Mapping[str, np.ndarray[Any, Any]]:
        """Return the fields by name."""
        return {item.name: getattr(self, item.name) for item in fields(self)}  # type: ignore[arg-type]


class ArraysType(types.Type):
    """What a kernel knows of a class of arrays: for each field its name, type, and the place of its descriptor."""

    def __init__(self, name: str, members: tuple[tuple[str, Any, int], ...]):
        self.members = {field: (kind, place) for field, kind, place in members}
        text = repr([(field, str(kind)) for field, kind, _ in members])
        super().__init__(f"{name}.{hashlib.sha256(text.encode()).hexdigest()[:16]}")


_extending.register_model(ArraysType)(_extending.models.OpaqueModel)


@_extending.typeof_impl.register(Arrays)
def _typeof(value: Arrays, _: object) -> ArraysType:
    return value.kind


@_extending.unbox(ArraysType)
def _unbox(_: ArraysType, value: Any, context: Any) -> Any:
    address = context.pyapi.object_getattr_string(value, "address")
    pointer = context.pyapi.long_as_voidptr(address)
    context.pyapi.decref(address)
    return _extending.NativeValue(pointer)


@_extending.infer_getattr
class _Fields(AttributeTemplate):
    key = ArraysType

    def generic_resolve(self, kind: ArraysType, name: str) -> Any:  # type: ignore[override]
        return kind.members[name][0] if name in kind.members else None


@_extending.lower_getattr_generic(ArraysType)
def _field(context: Any, builder: Any, kind: ArraysType, pointer: Any, name: str) -> Any:
    array_kind, place = kind.members[name]
    words = builder.bitcast(pointer, _WORD.as_pointer())
    nothing = builder.module.add_metadata([])

    def word(number: int) -> Any:
        value = builder.load(builder.gep(words, [_WORD(place + number)], inbounds=True))
        value.set_metadata("invariant.load", nothing)
        return value

    array = context.make_array(array_kind)(context, builder)
    dimensions = array_kind.ndim
    _arrays.populate_array(
        array,
        data=builder.inttoptr(word(0), array.data.type),
        shape=[word(1 + axis) for axis in range(dimensions)],
        strides=[word(1 + dimensions + axis) for axis in range(dimensions)],
        itemsize=_WORD(context.get_abi_sizeof(context.get_data_type(array_kind.dtype))),
        meminfo=None,
    )
    return array._getvalue()
