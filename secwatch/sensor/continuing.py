"""Reading captures one after another as if they were one: flows go on across files, and where a file ends for now.

What is known at a moment, the open flows and the place in the file, can be kept in a file and taken up by another
process: nothing is lost by a kill then, and nothing counted twice.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from secwatch.sensor.blocks import CARRY_BYTES
from secwatch.sensor.content import Content
from secwatch.sensor.kernels import index as finder
from secwatch.sensor.kernels import state as memory
from secwatch.sensor.kernels.state import SensorState
from secwatch.sensor.kernels.track import flush, tick
from secwatch.sensor.pcapfile import BLOCK_BYTES
from secwatch.sensor.reader import FlowReader, SensorSettings

_COUNTED_FROM_ZERO = (
    memory.PACKETS,
    memory.BYTES,
    memory.TIME_BACKWARDS,
    memory.NOT_IP,
    memory.FRAGMENTS,
    memory.FLOWS_TOTAL,
    memory.SLOTS_EVICTED,
    memory.RETRANSMISSIONS,
)


class Silence:
    """For how long a file has not grown, of which we have seen that it does.

    One that was whole when we found it may have been brought here, and what follows it may be on its way: its
    open flows wait for that. So they do where the clock of this machine and that of the packets differ: only the
    time that passes counts.
    """

    def __init__(self) -> None:
        self._position: int | None = None
        self._since: float | None = None

    def seconds(self, position: int, now: float) -> float | None:
        """Return the seconds since the file grew, None if it has not yet done so before our eyes."""
        if position != self._position:
            self._since = None if self._position is None else now
            self._position = position
        return None if self._since is None else now - self._since


class ContinuingReader(FlowReader):
    """A FlowReader that can begin with the flows that are open, wait at the end of a file, and leave flows open.

    `state` is that of the reader before. While `waits` is true the end of a plain file is not taken for the end.
    """

    def __init__(
        self,
        path: str,
        *,
        settings: SensorSettings,
        key: bytes | None = None,
        state: SensorState | None = None,
        waits: bool = False,
    ):
        self._given = state
        self.flows_only = settings.flows_only
        self.waits = waits
        self.at_end = False
        self._read = 0  # bytes of the content
        self._behind = 0  # bytes of those that no packet was made of yet
        super().__init__(path, settings=settings, key=key)

    @property
    def state(self) -> SensorState:
        """The state as it is now."""
        return self._state

    @property
    def index(self) -> finder.PacketIndex:
        """The index: what it remembers of a pcapng file belongs to `position`."""
        return self._index

    @property
    def finished(self) -> bool:
        """Whether `finish` was called: identity and content are known."""
        return self._identity is not None

    @property
    def position(self) -> int:
        """How many bytes of the content have been taken; exact whenever `read_on` gives None."""
        return int(self._read - self._behind)

    def beginning(self, length: int) -> Content | None:
        """Return the first so many bytes of what has been taken as `CaptureFile.beginning` does."""
        return self._capture.beginning(length)

    @property
    def compressed(self) -> bool:
        """Whether the file is: such a one is read when it is whole."""
        return self._capture.compressed

    def _begin(self, settings: SensorSettings) -> SensorState:
        return super()._begin(settings) if self._given is None else self._given

    def _goes_on(self) -> bool:
        return self.waits and not self._capture.compressed and not self._damage

    def count_from_zero(self) -> None:
        """Let the counters be those of this capture alone."""
        control = self._state.control
        control[list(_COUNTED_FROM_ZERO)] = 0
        control[memory.FIRST_TIME], control[memory.LAST_TIME] = np.iinfo(np.int64).max, np.iinfo(np.int64).min
        self._state.causes[:] = 0

    def go_to(self, position: int) -> bool:
        """Step over so many bytes of the content that were taken before, making their tag. Before anything is read.

        Return whether there were as many.
        """
        buffer = bytearray(BLOCK_BYTES)
        while self._read < position:
            view = memoryview(buffer)[: position - self._read]
            size = self._capture.read_into(view)
            if not size:
                return False
            self._capture.tag(view[:size])
            self._read += size
        self._blocks.skip = 0
        return True

    def read_on(self) -> Iterator[memory.Output | None]:
        """Yield outputs, and None whenever all that was read of the file is taken; the last one leaves flows open.

        `at_end` says whether a None stands for the end of the file as it is now: whoever asks again after it makes
        the reader look whether there is more.
        """
        for block, start, end in self._read_blocks():
            self.at_end = end == CARRY_BYTES
            self._read += end - CARRY_BYTES
            yield from self._take_block(block, start, end)
            self._behind = end - self._blocks.left
            yield None
        yield self._hand_over()

    def so_far(self) -> memory.Output:
        """Return what is finished, though there is room for more."""
        return self._hand_over()

    @property
    def between_packets(self) -> bool:
        """Whether the file ends with a packet: if not, its writer has more in its memory."""
        return not self._behind

    def pass_time(self, seconds: float) -> Iterator[memory.Output]:
        """Yield outputs with the flows that are over when nothing has come for so long since the last packet."""
        last = int(self._state.control[memory.PACKET_TIME])
        if last < 0:
            return  # there has been no packet yet
        while not tick(self._state, last + round(seconds * 1_000_000)):
            yield self._hand_over()
        # The next packet says what time it is: it may be earlier than it would be by our clock.
        self._state.control[memory.NEXT_SWEEP] = last

    def let_go(self) -> Iterator[memory.Output]:
        """Yield outputs with all flows that are open."""
        while not flush(self._state):
            yield self._hand_over()
        yield self._hand_over()

    def finish(self) -> None:
        """Make `identity` and `content` known; nothing can be read any more."""
        self._identify()
