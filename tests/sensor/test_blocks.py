"""Captures are read a block ahead by another thread."""

from __future__ import annotations

import gc
import os
import threading
import weakref
from pathlib import Path

from secwatch.sensor.pcapfile import BLOCK_BYTES
from secwatch.sensor.reader import FlowReader
from tests.sensor.frames import SYN, pcap, segment
from tests.sensor.reading import read


def _large(path: Path, packets: int) -> Path:
    return pcap(path, [(1_700_000_000, segment(SYN, port=1024 + n) + bytes(1000)) for n in range(packets)])


def test_a_reader_leaves_nothing_behind(tmp_path: Path) -> None:
    """Its tables are large: a directory of many captures must not wait for Python to look for cycles."""
    path = _large(tmp_path / "x.pcap", 3000)
    gc.disable()
    try:
        with FlowReader(str(path)) as reader:
            flows = sum(batch.rows for batch in reader.batches())
            seen = weakref.ref(reader)
        assert flows == 3000
        del reader
        assert seen() is None
    finally:
        gc.enable()


def test_whoever_stops_early_leaves_no_thread(tmp_path: Path) -> None:
    """And the file is not read by anybody once the reader is closed."""
    path = _large(tmp_path / "x.pcap", 4000)
    with FlowReader(str(path)) as reader:
        next(reader.outputs())
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("reading")]


def test_a_file_that_shrinks_while_it_is_read_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    path = _large(tmp_path / "x.pcap", 5000)
    with FlowReader(str(path)) as reader:
        blocks = reader._read_blocks()
        buffer, start, end = next(blocks)
        os.truncate(path, 2 * BLOCK_BYTES)
        list(reader._take_block(buffer, start, end))
        for buffer, start, end in blocks:
            list(reader._take_block(buffer, start, end))
        packets = reader.counters.packets
    assert 2 * BLOCK_BYTES // 1100 < packets < 5000
    assert reader.counters.malformed == {"truncated_file": 1}


def test_a_file_of_whole_blocks_has_its_own_identity(tmp_path: Path) -> None:
    """What was read and what is stored are the same, wherever the file ends."""
    path = _large(tmp_path / "x.pcap", 3000)
    content = path.read_bytes()
    path.write_bytes(content[: 2 * BLOCK_BYTES])
    with FlowReader(str(path), key=bytes(32)) as reader:
        read_packets = sum(batch.rows for batch in reader.batches() if batch.table == "flows")
    assert reader.content.length == 2 * BLOCK_BYTES
    assert reader.identity == reader.content.tag
    assert read_packets == read(path).counters.flows
