"""Log-ins by NTLM in HTTP (RFC 4559, [MS-NTHT]): rows of the table ntlm, beside those of the requests that hold them.

The client's last message stands in one request, the server's challenge in the answer to the request before it, on
the same connection. What a log-in came to is the status of its answer: 401 and 407 ask for another.
"""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
from numpy.typing import NDArray

from secwatch.sensor import gathering
from secwatch.sensor.kernels.http_headers import LOG_IN_TEXT
from secwatch.sensor.kernels.state import NONE16, SensorState
from secwatch.sensor.messages import Rows
from secwatch.sensor.protocols import ntlm

_CHALLENGES = 1024  # flows whose challenge waits for its answer, each of 4 KB at most; the oldest is forgotten
_REFUSED = (401, 407)


class HttpLogIns:
    """Remembers the challenges of servers. Not for two threads."""

    def __init__(self) -> None:
        self._challenges: OrderedDict[bytes, bytes] = OrderedDict()

    def rows(self, state: SensorState, events: NDArray[np.int64]) -> Rows:
        """Return the rows of table ntlm that these events of HTTP give."""
        found = Rows()
        for event in events[state.text_lengths[events, LOG_IN_TEXT] > 0].tolist():
            start, length = int(state.text_starts[event, LOG_IN_TEXT]), int(state.text_lengths[event, LOG_IN_TEXT])
            message = ntlm.from_http(state.arena[start : start + length].tobytes())
            flow, _ = gathering.flow_keys(state.events[event : event + 1])
            challenge = ntlm.token(message, ntlm.CHALLENGE)
            if challenge:
                self._keep(flow, challenge)
                continue
            status = int(state.events["answer"][event])
            answered = status != NONE16
            succeeded = status not in _REFUSED if answered else None
            known = self._challenges.pop(flow, b"")
            for row in ntlm.rows("http", message, known, succeeded, str(status) if answered else None):
                found.choices.append(len(found.distinct))
                found.distinct.append(row.values)
                found.events.append(event)
        return found

    def _keep(self, flow: bytes, challenge: bytes) -> None:
        self._challenges.pop(flow, None)
        if len(self._challenges) >= _CHALLENGES:
            self._challenges.popitem(last=False)
        self._challenges[flow] = challenge
