"""The sensor on live interfaces: it walks their rings in place and hands over what it has finished, by windows."""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from secwatch.sensor.capture import BLOCK_BYTES, RETIRE_MILLISECONDS, Capture, Losses
from secwatch.sensor.kernels import index as finder
from secwatch.sensor.kernels import state as memory
from secwatch.sensor.kernels.ring import index_ring
from secwatch.sensor.kernels.track import flush, tick, track
from secwatch.sensor.reader import SensorSettings, make_counters
from secwatch.sensor.windows import Cut, Window, WindowMaker

if TYPE_CHECKING:
    from secwatch.sensor.kernels.index import PacketIndex

# An idle link's flows are looked at by the clock this often; a busy one's by its packets.
_TICK_SECONDS = 1.0
_LOOK_AT_INTERFACES_SECONDS = 2.0
_GONE_PATIENCE_SECONDS = 30.0


class Evidence(Protocol):
    """What keeps the packets themselves; it is shown each of them before the ring takes its place back."""

    @property
    def left_out(self) -> int:
        """How many it was shown and could not keep; final after `close`."""

    def keep(self, data: NDArray[np.uint8], index: PacketIndex, count: int) -> None:
        """Keep the first `count` packets of the index, which lie in data."""

    def close(self) -> None:
        """Write what is under way. It may be closed again."""


class LiveSensor:
    """Walks the rings of started captures. All of it belongs to one thread; windows are delivered from another.

    `events` are what people should be told: an interface that went down, came back, or has gone.
    """

    def __init__(
        self,
        captures: Sequence[Capture],
        settings: SensorSettings,
        deliver: Callable[[Window], None],
        waiting: Callable[[], None] = lambda: None,
        evidence: Evidence | None = None,
    ):
        self._captures = captures
        self._evidence = evidence
        self._state = settings.new_state()
        self._windows = WindowMaker(self._state, deliver, waiting)
        self._indexes = [_index_of(number, capture) for number, capture in enumerate(captures)]
        self._damage: dict[str, int] = {}
        self._poll = select.poll()
        for capture in captures:
            self._poll.register(capture.fileno(), select.POLLIN | select.POLLERR)
        self._conditions = {capture.interface: "up" for capture in captures}
        self.events: list[tuple[str, str]] = []
        self._losses_before = {capture.interface: Losses() for capture in captures}
        self._began = now_microseconds()
        self._next_tick = self._next_look = self._there_at = self._walked_at = time.monotonic()

    @property
    def packets(self) -> int:
        """Packets walked so far."""
        return int(self._state.control[memory.PACKETS])

    @property
    def open_flows(self) -> int:
        """Flows that have not ended yet."""
        return int(np.count_nonzero(self._used_flows()["used"]))

    @property
    def pending_bytes(self) -> int:
        """Bytes of the columns that the next window will hold, as far as they are made."""
        return self._windows.pending_bytes

    @property
    def gone(self) -> bool:
        """Whether no interface has been left for half a minute: an adapter that is plugged in again is waited for."""
        if any(condition != "gone" for condition in self._conditions.values()):
            self._there_at = time.monotonic()
        return time.monotonic() - self._there_at > _GONE_PATIENCE_SECONDS

    def wake_on(self, descriptor: int) -> None:
        """Let `walk` return when this descriptor can be read."""
        self._poll.register(descriptor, select.POLLIN)

    def configure(self, settings: SensorSettings) -> None:
        """Use other time-outs from here on; the size of the flow table stays."""
        timeouts = settings.timeouts()
        self._state.settings[: len(timeouts)] = timeouts

    def walk(self, wait_seconds: float) -> int:
        """Walk all blocks that are ready, or wait for the first; return how many blocks there were.

        Every interface gets its turn: at most one whole ring of each is walked in one call.
        """
        walked = self._walk_ready()
        if not walked:
            ready = self._poll.poll(wait_seconds * 1000)
            if any(event & select.POLLERR for _, event in ready):
                self._look_at_interfaces()
            walked = self._walk_ready()
        now = time.monotonic()
        if now >= self._next_look:
            self._look_at_interfaces()
            self._next_look = now + _LOOK_AT_INTERFACES_SECONDS
        if walked:
            self._walked_at, self._next_tick = now, now + _TICK_SECONDS
        elif now >= self._next_tick:
            self._next_tick = now + _TICK_SECONDS
            while not tick(self._state, self._packet_clock(now)):
                self._drain()
        return walked

    def _packet_clock(self, now: float) -> int:
        """Return the time (µs) that a packet would have now: of the last one, and what has gone by since it was walked.

        The clock on the wall may have been set since that packet was stamped.
        """
        return int(self._state.control[memory.PACKET_TIME]) + int((now - self._walked_at) * 1e6)

    def cut(self) -> None:
        """End the window: what was finished and counted in it is delivered once its columns are made."""
        self._drain()
        losses = {capture.interface: capture.losses() for capture in self._captures}
        since = {name: _since(losses[name], before) for name, before in self._losses_before.items()}
        ended = now_microseconds()
        seen = make_counters(self._state, {}, self._damage)
        self._windows.cut(Cut(seen, since, self._began, ended, self._open_since()))
        self._losses_before, self._began = losses, ended
        self._state.control[memory.FIRST_TIME] = np.iinfo(np.int64).max
        self._state.control[memory.LAST_TIME] = np.iinfo(np.int64).min

    def finish(self) -> None:
        """Take no more packets, walk what the rings still hold, end all flows, and deliver the last window."""
        for capture in self._captures:
            capture.halt()
        deadline = time.monotonic() + 2.5 * RETIRE_MILLISECONDS / 1000
        while time.monotonic() < deadline:
            if not self._walk_ready():
                time.sleep(RETIRE_MILLISECONDS / 5000)
        while not flush(self._state):
            self._drain()
        self.cut()
        self._windows.finish()

    def _walk_ready(self) -> int:
        walked = 0
        for capture, index in zip(self._captures, self._indexes, strict=True):
            for _ in range(capture.blocks):
                start = capture.ready()
                if start is None:
                    break
                self._walk_block(capture.data, start, index)
                capture.release()
                walked += 1
        return walked

    def _walk_block(self, data: NDArray[np.uint8], block: int, index: PacketIndex) -> None:
        offset, reason = block, finder.INDEX_FULL
        while reason == finder.INDEX_FULL:
            offset, reason = index_ring(data, offset, block, block + BLOCK_BYTES, index)
            count = int(index.file[finder.COUNT])
            if self._evidence is not None and count:
                self._evidence.keep(data, index, count)
            done = track(self._state, data, index, 0, count)
            while done != count:
                self._drain()
                done = track(self._state, data, index, done, count)
        if reason == finder.CORRUPT:
            self._damage["corrupt_block"] = self._damage.get("corrupt_block", 0) + 1

    def _drain(self) -> None:
        self._state = self._windows.swap(self._state)

    def _used_flows(self) -> memory.Records:
        return self._state.flows[: self._state.control[memory.USED_FLOWS]]

    def _open_since(self) -> int | None:
        flows = self._used_flows()
        begun = flows["first"][flows["used"] == 1]
        return int(begun.min()) if len(begun) else None

    def _look_at_interfaces(self) -> None:
        for capture in self._captures:
            found = capture.condition()
            if found != self._conditions[capture.interface]:
                self._conditions[capture.interface] = found
                self.events.append((capture.interface, found))


def now_microseconds() -> int:
    """Return the clock that the kernel stamps packets with, in µs since 1970."""
    return time.time_ns() // 1000


def _index_of(number: int, capture: Capture) -> PacketIndex:
    index = finder.new_index()
    index.file[finder.LINK_TYPE] = capture.link
    index.file[finder.INTERFACE] = number
    index.file[finder.SKIP_OUTGOING] = capture.loopback
    return index


def _since(now: Losses, before: Losses) -> Losses:
    return Losses(now.packets - before.packets, now.dropped - before.dropped, now.freezes - before.freezes)
