"""The threads of a reading: order, and errors of any of them."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from secwatch.core.columns import ColumnBatch
from secwatch.pipeline.conveyor import convey
from secwatch.sensor.reader import FlowReader, SensorSettings
from tests.sensor.frames import SYN, pcap, segment

FLOWS = 5000


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    """A capture of many flows, each of a second of its own."""
    return pcap(tmp_path / "many.pcap", [(1e9 + number, segment(SYN, port=1024 + number)) for number in range(FLOWS)])


def _reader(capture: Path) -> FlowReader:
    return FlowReader(str(capture), settings=SensorSettings(batch_rows=1024))


def test_all_rows_come_in_order_from_one_other_thread(capture: Path) -> None:
    taken: list[int] = []
    threads: set[int] = set()
    calls: list[int] = []

    def take(batch: ColumnBatch) -> None:
        threads.add(threading.get_ident())
        taken.extend(np.asarray(batch.columns["source_port"]).tolist())

    interval = sys.getswitchinterval()
    with _reader(capture) as reader:
        convey(reader, take, lambda: calls.append(threading.get_ident()))
        assert reader.counters.flows == FLOWS
        assert reader.identity
    assert taken == list(range(1024, 1024 + FLOWS))
    assert len(threads) == 1
    assert set(calls) == {threading.get_ident()} != threads
    assert sys.getswitchinterval() == interval


def test_what_the_other_thread_raises_is_raised_here(capture: Path) -> None:
    def full(batch: ColumnBatch) -> None:
        raise OSError("no space left")

    with _reader(capture) as reader, pytest.raises(OSError, match="no space left"):
        convey(reader, full, lambda: None)
    assert threading.active_count() == 1


def test_what_this_thread_raises_ends_the_other(capture: Path) -> None:
    taken: list[int] = []

    def stop() -> None:
        raise KeyboardInterrupt

    with _reader(capture) as reader, pytest.raises(KeyboardInterrupt):
        convey(reader, lambda batch: taken.append(batch.rows), stop)
    assert threading.active_count() == 1
    assert len(taken) <= 1
