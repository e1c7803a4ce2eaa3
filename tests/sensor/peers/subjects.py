"""What is compared: each subject as facts of ours and facts of theirs, ready to be subtracted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tests.sensor.peers import connections, internet
from tests.sensor.peers.connections import Facts
from tests.sensor.peers.tshark import Packet
from tests.sensor.reading import Reading


@dataclass(frozen=True)
class Subject:
    """One thing both programs say of a capture."""

    ours: Callable[[Reading], Facts]
    theirs: Callable[[Sequence[Packet]], Facts]


TSHARK: Mapping[str, Subject] = {
    "packets": Subject(connections.our_packets, connections.their_packets),
    "conversations": Subject(connections.our_conversations, connections.their_conversations),
    "states": Subject(connections.our_states, connections.their_states),
    "dns": Subject(internet.our_dns, internet.their_dns),
    "client hellos": Subject(internet.our_client_hellos, internet.their_client_hellos),
    "server hellos": Subject(internet.our_server_hellos, internet.their_server_hellos),
    "http requests": Subject(internet.our_requests, internet.their_requests),
    "http answers": Subject(internet.our_answers, internet.their_answers),
}
