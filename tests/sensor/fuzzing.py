"""Hostile packets through the kernels, in a process of its own: `python -m tests.sensor.fuzzing ROUNDS SECONDS`.

Run with NUMBA_BOUNDSCHECK=1, or with NUMBA_DISABLE_JIT=1, where numpy checks every index. Each
packet lies at the very end of its array, so that a read behind its captured length leaves the
array and fails. Prints one digest of everything the kernels produced: both
modes must agree on it, which finds arithmetic that compiled code does otherwise.
"""

from __future__ import annotations

import hashlib
import random
import struct
import sys
import time

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from secwatch.sensor.batches import BatchMaker
from secwatch.sensor.kernels import compiler, index, ring, state, track
from tests.sensor.frames import (
    ring_block,
)
from tests.sensor.reading import rows_of
from tests.sensor.seeds import FILE, SEEDS


def mutated(frame: bytes, source: random.Random) -> bytes:
    """The frame with a few bytes changed, cut, repeated or replaced."""
    out = bytearray(frame)
    for _ in range(source.choice((0, 1, 1, 2, 4, 16))):
        at = source.randrange(len(out) + 1)
        action = source.randrange(6)
        if action == 0:
            out[at : at + 1] = bytes([source.choice((0, 1, 0x7F, 0x80, 0xC0, 0xFF, source.randrange(256)))])
        elif action == 1:
            del out[at:]
        elif action == 2:
            del out[at : at + source.randrange(8)]
        elif action == 3:
            out[at:at] = source.randbytes(source.randrange(8))
        elif action == 4:
            out[at : at + 2] = source.choice((b"\0\0", b"\xff\xff", b"\x7f\xff", b"\0\x01"))
        else:
            out += out[-source.randrange(1, 400) :]
    return bytes(out[:6000])


def planted_read_is_caught() -> bool:
    """Whether a read one element behind an array fails, as it must for this run to mean anything."""

    def planted(data: np.typing.NDArray[np.uint8], place: int) -> int:
        return int(data[np.uint64(place)])

    try:
        compiler.kernel(planted)(np.zeros(8, np.uint8), 8)
    except IndexError:
        return True
    return False


class Sensor:
    """A sensor with little memory, so that every bound is reached."""

    def __init__(self, slots: int = 6) -> None:
        timeouts = (300_000_000, 60_000_000, 60_000_000, 5_000_000, 20_000_000, 10**9)
        self.state = state.new_state(24, 64, timeouts, 512, slots)
        self.state.seed[0] = 1
        self.maker = BatchMaker(self.state)
        self.index = index.new_index()
        self.digest = hashlib.sha256()
        self.in_flows = 0

    def take(self, data: bytes, link: int, moment: int, wire: int) -> None:
        """Run one packet that fills its array to the last byte."""
        block = np.frombuffer(bytearray(data), np.uint8)
        self.index.offsets[0], self.index.captured[0], self.index.wire[0] = 0, len(data), max(wire, len(data))
        self.index.times[0], self.index.links[0] = moment, link
        while track.track(self.state, block, self.index, 0, 1) == 0:
            self.drain()

    def drain(self) -> None:
        """Empty the output into the digest."""
        for batch in self.maker.drain():
            rows = rows_of(batch)
            self.digest.update(repr(rows).encode())
            if batch.table == "flows":
                self.in_flows += sum(row["source_packets"] + row["destination_packets"] for row in rows)

    def finish(self) -> None:
        """End all flows and check that nothing is lost, and all memory free."""
        while not track.flush(self.state):
            self.drain()
        self.drain()
        control = self.state.control
        assert control[state.LAST_TIME] < state.END_OF_TIME
        malformed = int(self.state.causes[1 : 1 + len(state.PACKET_CAUSES)].sum())
        assert self.in_flows + control[state.NOT_IP] + malformed == control[state.PACKETS]
        assert (self.state.table == -1).all()
        assert (self.state.heads == -1).all()
        flows = (self.state.flows, state.FREE_FLOW, state.USED_FLOWS)
        for records, head, used in (flows, (self.state.slots, state.FREE_SLOT, state.USED_SLOTS)):
            free, place = 0, int(control[head])
            while place >= 0:
                free, place = free + 1, int(records[place]["next"])
            assert free == control[used]
        assert control[state.PENDING_DATAGRAMS] == 0
        assert not self.state.pending["packets"].any()
        assert control[state.OLDEST_SLOT] == control[state.NEWEST_SLOT] == -1
        self.digest.update(repr(self.state.causes.tolist()).encode())


def fuzz_packets(rounds: int, deadline: float) -> str:
    """Run rounds of packets and return the digest of all results."""
    source = random.Random(20261123)
    digest = hashlib.sha256()
    with np.errstate(over="ignore"):
        for _ in range(rounds):
            sensor = Sensor()
            moment = 10**15
            for _ in range(120):
                link, frame = source.choice(SEEDS)
                data = mutated(frame, source)
                moment += source.choice((0, 1, 1000, 10**6, 2 * 10**7, -(10**6), 10**9 if source.random() < 0.1 else 5))
                shown = (
                    moment if source.random() < 0.98 else source.choice((-1, -(1 << 62), 1 << 62, state.END_OF_TIME))
                )
                sensor.take(data, link if source.random() < 0.98 else 77, shown, len(data) + source.choice((0, 0, 9)))
            sensor.finish()
            digest.update(sensor.digest.digest())
            assert time.monotonic() < deadline, "the fuzzing takes too long"
    return digest.hexdigest()


def cut_packets() -> str:
    """Cut every packet after each of its bytes, for a sensor that knows nothing, and return the digest of all results.

    With a single slot, a write behind it leaves the array.
    """
    digest = hashlib.sha256()
    with np.errstate(over="ignore"):
        for link, frame in SEEDS:
            for size in (*range(1, min(len(frame), 500)), len(frame)):
                sensor = Sensor(slots=1)
                sensor.take(frame[:size], link, 10**15, len(frame))
                sensor.take(frame, link, 10**15 + 1, len(frame))
                sensor.finish()
                digest.update(sensor.digest.digest())
    return digest.hexdigest()


def fuzz_files(rounds: int) -> str:
    """Run short, damaged pcap and pcapng blocks through the finders; return the digest of what they found."""
    source = random.Random(5)
    found = index.new_index()
    digest = hashlib.sha256()
    plain = b"".join(
        struct.pack("<IIII", n, n, len(frame), len(frame)) + frame for n, (_, frame) in enumerate(SEEDS[:5])
    )
    found.file[index.RECORD_HEADER] = 16
    with np.errstate(over="ignore"):
        for number in range(rounds):
            find, content = (index.index_pcap, plain) if number % 2 else (index.index_pcapng, FILE)
            data = mutated(content, source)
            found.file[index.SWAPPED] = source.random() < 0.1
            found.file[index.INTERFACES] = 0
            block = np.frombuffer(bytearray(data or b"\0"), np.uint8)
            place, reason = find(block, 0, len(block), found)
            count = int(found.file[index.COUNT])
            assert 0 <= place <= len(block)
            assert (found.offsets[:count] + found.captured[:count] <= len(block)).all()
            digest.update(repr((int(place), int(reason), found.times[:count].tolist())).encode())
    return digest.hexdigest()


def fuzz_rings(rounds: int) -> str:
    """Run damaged blocks of a ring through their finder; return the digest of what it found."""
    source = random.Random(6)
    found = index.new_index()
    digest = hashlib.sha256()
    whole = ring_block([frame for _, frame in SEEDS[:6]], tags={2: (0x8100, 5)}, outgoing={3})
    with np.errstate(over="ignore"):
        for _ in range(rounds):
            data = mutated(whole, source)
            found.file[index.LINK_TYPE] = source.choice((1, 1, 101))
            found.file[index.SKIP_OUTGOING] = source.random() < 0.5
            block = np.frombuffer(bytearray(data or b"\0"), np.uint8)
            place, reason = ring.index_ring(block, 0, 0, len(block), found)
            count = int(found.file[index.COUNT])
            assert (found.offsets[:count] + found.captured[:count] <= len(block)).all()
            seen = (found.times[:count].tolist(), found.links[:count].tolist(), found.vlans[:count].tolist())
            digest.update(repr((int(place), int(reason), seen)).encode())
    return digest.hexdigest()


PACKETS = st.lists(st.tuples(st.sampled_from((1, 101, 113, 276, 0, 9)), st.binary(max_size=120)), max_size=12)


@settings(max_examples=300, deadline=None, database=None, derandomize=True)
@given(PACKETS)
def any_bytes(packets: list[tuple[int, bytes]]) -> None:
    """Whatever the bytes: nothing crashes, nothing is lost, all memory is given back."""
    sensor = Sensor()
    with np.errstate(over="ignore"):
        for moment, (link, data) in enumerate(packets):
            sensor.take(data or b"\0", link, moment, len(data))
        sensor.finish()


def main() -> None:
    """Fuzz within the time given, and print the digest."""
    rounds, seconds = int(sys.argv[1]), float(sys.argv[2])
    if not planted_read_is_caught():
        sys.exit("void: an out-of-range read was not noticed")
    with np.errstate(over="ignore"):
        first = Sensor()
        first.take(SEEDS[0][1], 1, 0, 0)  # compiles, which takes longer than the fuzzing
        first.finish()
    start = time.monotonic()
    packets = fuzz_packets(rounds, start + seconds)
    files = fuzz_files(rounds * 20)
    rings = fuzz_rings(rounds * 20)
    any_bytes()
    sys.stdout.write(f"{packets} {cut_packets()} {files} {rings}\n")


if __name__ == "__main__":
    main()
