"""Reading a capture file into column batches: the public face of the sensor for files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from secwatch.core.columns import ColumnBatch
from secwatch.core.errors import UnreadableInput
from secwatch.sensor.batches import BatchMaker
from secwatch.sensor.blocks import Blocks
from secwatch.sensor.content import Content
from secwatch.sensor.kernels import index as finder
from secwatch.sensor.kernels import state as memory
from secwatch.sensor.kernels.link import LINK_TYPES, UNSUPPORTED
from secwatch.sensor.kernels.track import flush, track
from secwatch.sensor.pcapfile import CaptureFile


@dataclass(frozen=True)
class SensorSettings:
    """Bounds and time-outs of the sensor.

    Idle time-outs are Zeek's (tcp_inactivity_timeout 5 min, udp and icmp 1 min, tcp_close_delay
    5 s in base/init-bare.zeek); the active time-out is the 30 min that NetFlow exporters
    (softflowd, nfstream, Cisco) use. An attempt is TCP that nobody has answered: SYNs, stealth probes, a
    bare acknowledgement that stays alone. Zeek ends it 5 s after its first SYN (tcp_attempt_delay; the
    acknowledgement after its 5 min) and makes a new connection of a SYN that is sent again later; here
    the time counts from the last packet and is longer than the pause before the fourth repetition
    (16 s: RFC 6298 begins with 1 s and doubles), so that a scan is told soon and what a
    patient client repeats stays one flow. A flow takes 208 bytes, so the default bound takes 240 MB at
    most, and only what is used of it.
    """

    max_flows: int = 1 << 20
    tcp_idle_seconds: int = 300
    udp_idle_seconds: int = 60
    other_idle_seconds: int = 60
    closed_seconds: int = 5
    attempt_seconds: int = 20
    active_seconds: int = 1800
    batch_rows: int = 1 << 15
    flows_only: bool = False  # no payload is looked into: no events, services guessed by port

    def __post_init__(self) -> None:
        if not 16 <= self.max_flows <= 1 << 24:
            raise ValueError("max_flows must lie between 16 and 16777216")
        if not 1024 <= self.batch_rows <= 1 << 20:
            raise ValueError("batch_rows must lie between 1024 and 1048576")
        if min(self._seconds()) < 1 or max(self._seconds()) > 10**9:
            raise ValueError("time-outs must be at least one second")

    def _seconds(self) -> tuple[int, int, int, int, int, int]:
        return (
            self.tcp_idle_seconds,
            self.udp_idle_seconds,
            self.other_idle_seconds,
            self.closed_seconds,
            self.attempt_seconds,
            self.active_seconds,
        )

    def timeouts(self) -> tuple[int, int, int, int, int, int]:
        """Return the time-outs as the kernels have them: µs for tcp, udp, other, closed, attempt, active."""
        tcp, udp, other, closed, attempt, active = (seconds * 1_000_000 for seconds in self._seconds())
        return tcp, udp, other, closed, attempt, active

    def new_state(self) -> memory.SensorState:
        """Return an empty sensor state with these bounds."""
        event_rows = min(self.batch_rows, memory.EVENT_ROWS)
        limits = (self.max_flows, self.batch_rows, self.timeouts())
        return memory.new_state(*limits, event_rows, flows_only=self.flows_only)


@dataclass(frozen=True)
class SensorCounters:
    """What the sensor has seen. Times are microseconds since 1970, None before the first packet
    with a possible time.

    `malformed` counts by cause: packets that are in no flow (kernels.state.PACKET_CAUSES), events
    that could not be read (EVENT_CAUSES), and damage of the file. Every packet is in a flow, in `not_ip` (ARP
    and the like), or in one of the packet causes. `retransmissions` are TCP segments whose payload
    was there before, and copies of datagrams that are read (kernels.copies): they count in their flow and make no
    events.
    """

    packets: int
    bytes: int
    flows: int
    events: Mapping[str, int]
    malformed: Mapping[str, int]
    not_ip: int
    dropped: int
    time_backwards: int
    first_time: int | None
    last_time: int | None
    fragments: int = 0
    evicted_transactions: int = 0
    retransmissions: int = 0

    def malformed_packets(self) -> int:
        """Return how many packets are in no flow because they could not be decoded."""
        return sum(self.malformed.get(cause, 0) for cause in memory.PACKET_CAUSES)


class FlowReader:
    """Reads one capture file once. Use it as a context manager.

    Raise UnreadableInput at once if the file cannot be opened or is no capture, and from
    `batches` if its link type is unknown or reading fails. Damage within the file is no error:
    all before it is read and it is counted in `counters.malformed` as truncated_file,
    corrupt_record, corrupt_block or corrupt_compression. `key` makes the identity and the tags of the
    content; without one they compare with nothing.
    """

    def __init__(self, path: str, *, settings: SensorSettings | None = None, key: bytes | None = None):
        settings = settings or SensorSettings()
        self._capture = CaptureFile(path, key)
        try:
            self._check_link_type()
        except UnreadableInput:
            self._capture.close()
            raise
        self._state = self._begin(settings)
        self._spare = memory.twin(self._state)
        self._index = finder.new_index()
        self._maker = BatchMaker(self._state)
        self._damage: dict[str, int] = {}
        self._blocks = Blocks(self._capture)
        self._identity: tuple[str, Content, str] | None = None
        self._prepare_index()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._blocks.close()
        self._capture.close()

    @property
    def counters(self) -> SensorCounters:
        """The counters so far; final when `batches` is exhausted."""
        return make_counters(self._state, self._maker.event_counts, {**self._maker.malformed, **self._damage})

    @property
    def progress(self) -> tuple[int, int | None]:
        """Bytes of the stored file read so far, and its size if it is a file."""
        return self._capture.bytes_read, self._capture.size

    @property
    def identity(self) -> str:
        """The tag of the file as stored. Raise RuntimeError before `batches` is exhausted."""
        if self._identity is None:
            raise RuntimeError("the identity of a capture is known when all of it has been read")
        return self._identity[0]

    @property
    def content(self) -> Content:
        """What was read, after decompression. Raise RuntimeError before `batches` is exhausted."""
        if self._identity is None:
            raise RuntimeError("the content of a capture is known when all of it has been read")
        return self._identity[1]

    @property
    def quick_identity(self) -> str:
        """A cheap hint at `identity`, of the same bytes; '' of a pipe. Known when `identity` is."""
        if self._identity is None:
            raise RuntimeError("the quick identity of a capture is known when all of it has been read")
        return self._identity[2]

    @property
    def head(self) -> str:
        """The first 64 bytes of the content, hexadecimal: known at once."""
        return self._capture.head.hex()

    def expect(self, lengths: Sequence[int]) -> None:
        """Let `content.prefixes` hold the tag of the first so many bytes. Call it before anything is read."""
        self._capture.expect(lengths)

    def batches(self) -> Iterator[ColumnBatch]:
        """Yield the rows of flows, dns, tls and … as they are finished, at most batch_rows a batch."""
        for output in self.outputs():
            yield from self.columns(output)

    def outputs(self) -> Iterator[memory.Output]:
        """Yield what is finished whenever there is no room for more, and at the end.

        An output may be read until the next one has been asked for and has come, also by another thread:
        two sets of arrays take turns.
        """
        for block, start, end in self._read_blocks():
            yield from self._take_block(block, start, end)
        while not flush(self._state):
            yield self._hand_over()
        yield self._hand_over()
        self._identify()

    def _identify(self) -> None:
        self._blocks.close()
        self._identity = self._capture.identity()

    def columns(self, output: memory.Output) -> Sequence[ColumnBatch]:
        """Return the rows of an output, a batch a table. All of them in the order they came, by one thread."""
        return self._maker.batches(output)

    def _begin(self, settings: SensorSettings) -> memory.SensorState:
        return settings.new_state()

    def _hand_over(self) -> memory.Output:
        output = memory.hand_over(self._state)
        self._state, self._spare = self._spare, self._state
        return output

    def _check_link_type(self) -> None:
        link = self._capture.format.link_type
        if link >= 0 and link not in LINK_TYPES:
            name = "standard input" if self._capture.path == "-" else self._capture.path
            known = f" ({UNSUPPORTED[link]})" if link in UNSUPPORTED else ""
            raise UnreadableInput(
                f"{name} has link type {link}{known}, which the sensor does not read",
                "capture on an Ethernet interface, or on `any`",
            )

    def _prepare_index(self) -> None:
        kind = self._capture.format
        self._blocks.skip = kind.header_bytes
        self._index.file[finder.SWAPPED] = kind.swapped
        self._index.file[finder.RECORD_HEADER] = kind.record_header
        self._index.file[finder.NANOSECONDS] = kind.nanoseconds
        self._index.file[finder.LINK_TYPE] = kind.link_type

    def _read_blocks(self) -> Iterator[tuple[NDArray[np.uint8], int, int]]:
        """Yield (buffer, start, end) with whole records as far as they are read, up to the end or the first damage."""
        for block in self._blocks.each(self._goes_on):
            yield block
            if self._damage:
                return
        if self._capture.damage:
            self._damage[self._capture.damage] = 1
        elif self._blocks.rest:
            self._damage["truncated_file"] = 1

    def _goes_on(self) -> bool:
        """Whether more may follow behind the end of the file."""
        return False

    def _take_block(self, block: NDArray[np.uint8], start: int, end: int) -> Iterator[memory.Output]:
        reason = finder.INDEX_FULL
        find = finder.index_pcapng if self._capture.format.pcapng else finder.index_pcap
        while reason == finder.INDEX_FULL:
            start, reason = find(block, start, end, self._index)
            count = int(self._index.file[finder.COUNT])
            done = 0
            while True:
                done = track(self._state, block, self._index, done, count)
                if done == count:
                    break
                yield self._hand_over()
        self._blocks.left = start
        if reason == finder.CORRUPT:
            self._damage["corrupt_block" if self._capture.format.pcapng else "corrupt_record"] = 1


def make_counters(
    state: memory.SensorState, events: Mapping[str, int], damage: Mapping[str, int], dropped: int = 0
) -> SensorCounters:
    """Return the counters of a sensor state."""
    control = [int(value) for value in state.control]
    malformed = {cause: int(count) for cause, count in zip(memory.CAUSES, state.causes, strict=True) if count}
    malformed.update(damage)
    seen = control[memory.FIRST_TIME] <= control[memory.LAST_TIME]
    return SensorCounters(
        packets=control[memory.PACKETS],
        bytes=control[memory.BYTES],
        flows=control[memory.FLOWS_TOTAL],
        events=dict(events),
        malformed=malformed,
        not_ip=control[memory.NOT_IP],
        dropped=dropped,
        time_backwards=control[memory.TIME_BACKWARDS],
        first_time=control[memory.FIRST_TIME] if seen else None,
        last_time=control[memory.LAST_TIME] if seen else None,
        fragments=control[memory.FRAGMENTS],
        evicted_transactions=control[memory.SLOTS_EVICTED],
        retransmissions=control[memory.RETRANSMISSIONS],
    )
