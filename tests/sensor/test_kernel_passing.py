"""Arrays that reach kernels as one pointer: every field, shape and layout is what it is in Python."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from secwatch.sensor.kernels.compiler import kernel, part
from secwatch.sensor.kernels.passing import Arrays

_RECORD = np.dtype([("small", "u1"), ("large", "i8")], align=True)


@dataclass(frozen=True, eq=False)
class _Sample(Arrays):
    numbers: NDArray[Any]
    square: NDArray[Any]
    cube: NDArray[Any]
    records: NDArray[Any]


def _sample(rows: int) -> _Sample:
    return _Sample(
        numbers=np.arange(rows, dtype=np.int64),
        square=np.arange(rows * 5, dtype=np.int16).reshape(rows, 5),
        cube=np.arange(rows * 6, dtype=np.uint8).reshape(rows, 3, 2),
        records=np.zeros(rows, _RECORD),
    )


@part
def _write(sample: _Sample, row: int, value: int) -> None:
    sample.records[row]["large"] = value
    sample.square[row, 4] = value


@kernel
def _visit(sample: _Sample, sums: NDArray[np.int64]) -> int:
    for row in range(len(sample.numbers)):
        sums[0] += sample.numbers[row]
        sums[1] += sample.square[row, 4]
        sums[2] += sample.cube[row, 2, 1]
        _write(sample, row, -row)
        sums[3] += sample.records[row]["large"] + sample.square[row, 4]
    return len(sample.cube)


@pytest.mark.parametrize("rows", [1, 7])
def test_every_field_is_read_and_written_in_place(rows: int) -> None:
    sample = _sample(rows)
    expected = [int(item.sum()) for item in (sample.numbers, sample.square[:, 4], sample.cube[:, 2, 1])]
    sums = np.zeros(4, np.int64)
    assert _visit(sample, sums) == rows
    assert sums.tolist() == [*expected, -2 * sum(range(rows))]
    assert sample.records["large"].tolist() == [-row for row in range(rows)]
    assert sample.square[:, 4].tolist() == [-row for row in range(rows)]


def test_a_changed_copy_has_its_own_arrays_and_shares_the_others() -> None:
    sample = _sample(3)
    other = replace(sample, numbers=np.array([10, 20, 30, 40], np.int64)[:2])
    sums = np.zeros(4, np.int64)
    _visit(other, sums)
    assert sums[0] == 30
    assert sample.records["large"].tolist() == [0, -1, 0]
    assert list(sample.arrays()) == ["numbers", "square", "cube", "records"]
    assert sample.arrays()["square"] is sample.square


def test_a_field_that_is_not_there_is_refused_when_compiled() -> None:
    @kernel
    def wrong(sample: Any) -> int:
        return len(sample.missing)

    with pytest.raises(Exception, match="missing"):
        wrong(_sample(2))
