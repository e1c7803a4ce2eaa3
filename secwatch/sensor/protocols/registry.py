"""Which parser reads the messages of which service."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from secwatch.sensor.protocols.row import Conversation, Parse

# By the name of the service (kernels.state.SERVICES). STATELESS parsers are asked once per distinct content.
STATELESS: Mapping[str, Parse] = {}
REMEMBERING: Mapping[str, Callable[[], Conversation]] = {}
