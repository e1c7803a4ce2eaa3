"""The stage that asks the parsers: asked once per distinct content, and small however much passes."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterable

from secwatch.sensor.messages import MessageStage
from secwatch.sensor.protocols.row import Row
from tests.sensor.protocols import test_dhcp


def test_a_parser_is_asked_once_per_content() -> None:
    asked: list[tuple[bytes, bytes]] = []

    def parse(request: bytes, response: bytes) -> Iterable[Row]:
        asked.append((request, response))
        return [Row("dhcp", {"host_name": f"{len(asked)}"})]

    stage = MessageStage()
    for exchange in [(b"ab", b"c"), (b"a", b"bc"), (b"ab", b"c"), (b"", b"abc"), (b"ab", b"c")]:
        stage._stateless("dhcp", parse, *exchange)
    assert asked == [(b"ab", b"c"), (b"a", b"bc"), (b"", b"abc")]


def test_what_never_comes_again_is_not_kept() -> None:
    stage = MessageStage()
    message = test_dhcp.message(test_dhcp.option(53, b"\1") + test_dhcp.option(12, b"pc-7") + b"\xff").ljust(
        4096, b"\0"
    )
    parse = lambda request, response: [Row("dhcp", {"host_name": "pc"})]  # noqa: E731
    tracemalloc.start()
    try:
        for number in range(20000):
            stage._stateless("dhcp", parse, number.to_bytes(4, "big") + message, b"")
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 8 << 20
