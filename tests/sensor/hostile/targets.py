"""What is attacked, and what must hold whatever the bytes: each target takes bytes and raises if it does not.

`packets`: kernels give the same for packets that lie in one block between other bytes as for packets
that fill an array each (so nothing behind or before a packet is looked at), every packet is in a flow,
no IP, or counted by its cause, and all memory is free in the end. `files`: a reader takes any file to
its end or refuses it as unreadable, with the same sum, and packets can be chosen from it. `finders`, `rings`:
what lies around a block of a file, or of a capture ring, changes nothing. `parts`: what recognises, delimits
and sorts messages of protocols keeps to its contract. `messages`: parsers of protocols give rows that fit
their tables, or say Malformed.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from secwatch.core.errors import UnreadableInput
from secwatch.sensor.kernels import state, track
from secwatch.sensor.reader import FlowReader, SensorSettings
from secwatch.sensor.selection import Selector, Wish
from tests.sensor.fuzzing import Sensor
from tests.sensor.hostile import corpus, mutation
from tests.sensor.hostile.finders import check_finders, check_rings, next_block, next_ring, ring_seeds
from tests.sensor.hostile.parsers import check_messages, message_seeds, next_message
from tests.sensor.hostile.parts import check_parts, next_part
from tests.sensor.reading import accounted, read


@dataclass(frozen=True)
class Target:
    """What to attack: `check` raises on a finding; `inputs` makes the next input."""

    check: Callable[[bytes], None]
    seeds: Callable[[], Sequence[bytes]]
    next_input: Callable[[random.Random], bytes]
    plain: bool = False  # only as plain Python: no kernel of its own to call


def _times(stretch: corpus.Stretch) -> list[int]:
    moment, times = 10**15, []
    for sent in stretch:
        step = 10 ** (sent.wait % 10)
        moment += -step if sent.wait & 0x80 else step
        times.append(moment)
    return times


def _in_one_block(sensor: Sensor, stretch: corpus.Stretch) -> None:
    """Run the packets from one block, between bytes that do not belong to them."""
    around = random.Random(len(stretch))
    block = bytearray(around.randbytes(64))
    for place, (sent, time) in enumerate(zip(stretch, _times(stretch), strict=True)):
        sensor.index.offsets[place], sensor.index.captured[place] = len(block), len(sent.data)
        sensor.index.wire[place] = len(sent.data) + 100 * sent.missing
        sensor.index.times[place], sensor.index.links[place] = time, sent.link
        block += sent.data + around.randbytes(around.randrange(1, 100))
    data = np.frombuffer(block, np.uint8)
    done = 0
    while True:
        done = track.track(sensor.state, data, sensor.index, done, len(stretch))
        if done == len(stretch):
            break
        sensor.drain()


def check_packets(data: bytes) -> None:
    """Raise unless both ways of laying out the packets give the same and nothing is lost."""
    stretch = tuple(sent for sent in corpus.decode(data) if sent.data)
    with np.errstate(over="ignore"):
        between, alone = Sensor(), Sensor()
        _in_one_block(between, stretch)
        for sent, time in zip(stretch, _times(stretch), strict=True):
            alone.take(sent.data, sent.link, time, len(sent.data) + 100 * sent.missing)
        between.finish()
        alone.finish()
    assert between.digest.digest() == alone.digest.digest(), "what lies around a packet changes what is read of it"
    assert (between.state.control == alone.state.control)[[state.PACKETS, state.BYTES, state.NOT_IP]].all()


_SETTINGS = SensorSettings(max_flows=64, batch_rows=1024)


def check_files(data: bytes) -> None:
    """Raise unless the file is read to its end with every packet accounted for, or refused as unreadable."""
    with tempfile.NamedTemporaryFile(dir=_fast_place(), suffix=".pcap") as file:
        file.write(data)
        file.flush()
        try:
            FlowReader(file.name, settings=_SETTINGS).__exit__(None, None, None)
        except UnreadableInput:
            return
        try:
            with np.errstate(over="ignore"):
                reading = read(file.name, _SETTINGS)
                chosen = sum(1 for _ in Selector(Wish(ports=(53, 80))).packets(file.name))
        except UnreadableInput:
            return
    assert accounted(reading), f"{reading.counters}"
    counters = reading.counters
    assert counters.flows == len(reading.flows)
    assert chosen <= counters.packets
    # A record header stands before every packet of a file that is not compressed.
    assert data[:2] in (b"\x1f\x8b", b"\x28\xb5") or counters.packets * 12 <= len(data)


def _fast_place() -> str | None:
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def _next_stretch(source: random.Random) -> bytes:
    found = corpus.stretches()
    return corpus.encode(mutation.damaged_stretch(source.choice(found), source.choice(found), source))


def _next_file(source: random.Random) -> bytes:
    return mutation.damaged_file(source.choice(corpus.files()), source)


TARGETS: Mapping[str, Target] = {
    "packets": Target(check_packets, lambda: [corpus.encode(each) for each in corpus.stretches()], _next_stretch),
    "files": Target(check_files, corpus.files, _next_file),
    "finders": Target(check_finders, lambda: [b"\0" + content[:20000] for content in corpus.files()], next_block),
    "rings": Target(check_rings, ring_seeds, next_ring),
    "parts": Target(check_parts, lambda: [bytes(14)], next_part, plain=True),
    "messages": Target(check_messages, message_seeds, next_message),
}
