"""What is attacked, and what must hold whatever the bytes: each target takes bytes and raises if it does not.

`packets`: kernels give the same for packets that lie in one block between other bytes as for packets
that fill an array each (so nothing behind or before a packet is looked at), every packet is in a flow,
no IP, or counted by its cause, and all memory is free in the end. `files`: a reader takes any file to
its end or refuses it as unreadable, with the same sum. `finders`: what lies behind the end of a block
changes nothing. `parts`: what recognises, delimits and sorts messages of protocols keeps to its contract.
`messages`: parsers of protocols give rows that fit their tables, or say Malformed.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import random
import struct
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from secwatch.core.columns import Column, Kind
from secwatch.core.errors import UnreadableInput
from secwatch.core.tables import TABLES
from secwatch.sensor import kernels
from secwatch.sensor.kernels import index, state, track
from secwatch.sensor.kernels.roles import COUNTED
from secwatch.sensor.protocols.registry import REMEMBERING, STATELESS
from secwatch.sensor.protocols.row import Conversation, Malformed, Parse, Row
from secwatch.sensor.reader import FlowReader, SensorSettings
from tests.sensor.fuzzing import Sensor
from tests.sensor.hostile import corpus, messages, mutation
from tests.sensor.protocols.test_hostile import PARSERS
from tests.sensor.reading import accounted, read

_TOP = {Kind.UINT8: 1 << 8, Kind.UINT16: 1 << 16, Kind.UINT32: 1 << 32, Kind.UINT64: 1 << 64}
_LONGEST_TEXT = 1024  # of one text of a parser, bytes
_LONGEST_LIST = 64


def _itself(parse: Parse) -> Parse:
    return parse


def _fresh(maker: Callable[[], Conversation]) -> Parse:
    return maker().parse


# Parsers by name, the registered ones and those that others call; each makes a fresh one.
_PARSERS: Mapping[str, Callable[[], Parse]] = {
    **{name: maker for name, (maker, _) in PARSERS.items()},
    **{name: partial(_itself, parse) for name, parse in STATELESS.items()},
    **{name: partial(_fresh, maker) for name, maker in REMEMBERING.items()},
}
_SERVICES = sorted(_PARSERS)


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


def check_finders(data: bytes) -> None:
    """Raise unless a block is taken apart in the same way whatever lies behind it."""
    if not data:
        return
    flags, block = data[0], data[1:]
    find = index.index_pcap if flags & 1 else index.index_pcapng
    results = []
    for around in (b"", bytes(200), b"\xff" * 200):
        found = index.new_index()
        found.file[index.RECORD_HEADER] = 24 if flags & 2 else 16
        found.file[index.SWAPPED] = flags >> 2 & 1
        found.file[index.NANOSECONDS] = flags >> 3 & 1
        found.file[index.LINK_TYPE] = 1
        whole = np.frombuffer(bytearray(around + block + around) or bytearray(1), np.uint8)
        start, end = len(around), len(around) + len(block)
        with np.errstate(over="ignore"):
            place, reason = find(whole, start, end, found)
        count = int(found.file[index.COUNT])
        assert start <= place <= end
        assert (found.offsets[:count] >= start).all()
        assert (found.offsets[:count] + found.captured[:count] <= end).all()
        assert (found.wire[:count] >= found.captured[:count]).all()
        columns = (found.captured, found.wire, found.times, found.links)
        results.append((int(place) - start, int(reason), [column[:count].tolist() for column in columns]))
    assert results[0] == results[1] == results[2], "what lies around a block changes what is found in it"


def _parts() -> dict[str, Any]:
    """The parts that recognise, delimit and sort messages by the contract of kernels/messages.py, by name."""
    modules = [
        importlib.import_module(f"{kernels.__name__}.{each.name}") for each in pkgutil.iter_modules(kernels.__path__)
    ]
    functions = [(name, value) for module in modules for name, value in vars(module).items() if callable(value)]
    return {
        name: function
        for name, function in functions
        for kind, last in (("recognise_", "destination_port"), ("frame_", "phase"), ("role_", "from_source"))
        if name.startswith(kind)
        and list(inspect.signature(function).parameters)[0::3] in (["data", last], ["data", "source_port"])
    }


def check_parts(data: bytes) -> None:
    """Raise unless every part answers within its contract, and the same whatever lies around the message."""
    if len(data) < 6 + 8:
        return  # a side that has sent less than eight bytes is not looked at
    from_source, phase, source_port, destination_port = struct.unpack_from("<?BHH", data)
    message = data[6:]
    for name, part in _PARTS.items():
        answers: list[tuple[int, ...]] = []
        for around in (b"", bytes(64), b"\xff" * 64):
            block = np.frombuffer(bytearray(around + message + around), np.uint8)
            start, end = len(around), len(around) + len(message)
            with np.errstate(over="ignore"):
                if name.startswith("recognise_"):
                    answers.append((bool(part(block, start, end, source_port, destination_port)), 0))
                elif name.startswith("frame_"):
                    answers.append(tuple(map(int, part(block, start, end, phase))))
                else:
                    answers.append(tuple(map(int, part(block, start, end, from_source))))
        assert answers[0] == answers[1] == answers[2], f"{name} looks at what lies around a message"
        _check_answer(name, answers[0], len(message))


def _check_answer(name: str, answer: tuple[int, ...], size: int) -> None:
    first, second = answer
    if name.startswith("frame_"):
        assert first >= -1, (name, answer)
        if first == 0:
            assert size < second <= 4096, f"{name} asks for {second} bytes and has {size}"
        if first > 0:
            assert 0 <= second <= min(first, 4096), (name, answer)
    elif name.startswith("role_"):
        assert 0 <= first <= COUNTED and 0 <= second <= 65535, (name, answer)


_PARTS = _parts()
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
        except UnreadableInput:
            return
    assert accounted(reading), f"{reading.counters}"
    counters = reading.counters
    assert counters.flows == len(reading.flows)
    # A record header stands before every packet of a file that is not compressed.
    assert data[:2] in (b"\x1f\x8b", b"\x28\xb5") or counters.packets * 12 <= len(data)


def _fast_place() -> str | None:
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def check_messages(data: bytes) -> None:
    """Raise unless every parser gives good rows for the exchanges, or says Malformed."""
    if not _SERVICES or not data:
        return
    service = _SERVICES[data[0] % len(_SERVICES)]
    parse = _PARSERS[service]()
    place = 1
    for _ in range(8):
        if place + 4 > len(data):
            return
        sizes = struct.unpack_from("<HH", data, place)
        request = data[place + 4 : place + 4 + sizes[0]]
        response = data[place + 4 + sizes[0] : place + 4 + sum(sizes)]
        place += 4 + sum(sizes)
        try:
            rows = list(parse(request, response))
        except Malformed:
            continue
        assert len(rows) <= 4 * _LONGEST_LIST, f"{service} makes {len(rows)} rows of one exchange"
        for row in rows:
            _check_row(row)


def _check_row(row: Row) -> None:
    table = TABLES[row.table]
    for name, value in row.values.items():
        if value is not None:
            _check_value(table.column(name), value)


def _check_value(column: Column, value: Any) -> None:
    if column.kind in (Kind.TEXTS, Kind.NUMBERS):
        assert isinstance(value, tuple | list), (column.name, value)
        assert len(value) <= _LONGEST_LIST, f"{column.name}: a list of {len(value)}"
        inner = Kind.TEXT if column.kind is Kind.TEXTS else Kind.UINT32
        for item in value:
            _check_value(Column(column.name, inner, ""), item)
    elif column.kind is Kind.TEXT:
        assert isinstance(value, str), (column.name, value)
        assert len(value.encode()) <= _LONGEST_TEXT, f"{column.name}: a text of {len(value.encode())} bytes"
    elif column.kind is Kind.BOOLEAN:
        assert isinstance(value, bool), (column.name, value)
    elif column.kind in _TOP:
        assert isinstance(value, int) and 0 <= value < _TOP[column.kind], (column.name, value)
    else:
        assert isinstance(value, int | float) and abs(value) < 1 << 62, (column.name, value)


def _conversation(service: str, exchanges: Sequence[messages.Exchange]) -> bytes:
    out = bytes([_SERVICES.index(service)])
    for request, response in exchanges:
        out += struct.pack("<HH", len(request[:4096]), len(response[:4096])) + request[:4096] + response[:4096]
    return out


def _message_seeds() -> list[bytes]:
    found = [b"\0"]
    for service in _SERVICES:
        good = messages.exchanges().get(service, ())
        found += [_conversation(service, good[place : place + 8]) for place in range(0, len(good), 8)]
    return found


def _next_message(source: random.Random) -> bytes:
    if not _SERVICES:
        return source.randbytes(20)
    service = source.choice(_SERVICES)
    good = messages.exchanges().get(service) or [(b"", b"")]
    start = source.randrange(len(good))
    out = list(good[start : start + source.choice((1, 3, 8))])
    for _ in range(source.choice((1, 1, 2, 5))):
        place = source.randrange(len(out))
        request, response = out[place]
        if source.random() < 0.6:
            request = mutation.damaged(request, response, source)
        else:
            response = mutation.damaged(response, request, source)
        out[place] = (request, response) if source.random() < 0.9 else (response, request)
    return _conversation(service, out)


def _next_stretch(source: random.Random) -> bytes:
    found = corpus.stretches()
    return corpus.encode(mutation.damaged_stretch(source.choice(found), source.choice(found), source))


def _next_file(source: random.Random) -> bytes:
    return mutation.damaged_file(source.choice(corpus.files()), source)


def _next_part(source: random.Random) -> bytes:
    if source.random() < 0.5:
        _, request, response = 0, *source.choice([pair for good in messages.exchanges().values() for pair in good])
        message = request if source.random() < 0.5 else response
        ports = struct.pack("<HH", 50000, source.choice((445, 139, 135, 88, 389, 3389, 22, 21, 25, 67, 443, 3333)))
    else:
        source_port, destination_port, message = source.choice(corpus.payloads() or ((1, 2, b""),))
        ports = struct.pack("<HH", source_port, destination_port)
    damaged = mutation.damaged(message, message, source)[: source.choice((8, 12, 64, 4096))]
    return bytes([source.randrange(2), source.randrange(4)]) + ports + damaged


def _next_block(source: random.Random) -> bytes:
    content = mutation.damaged_file(source.choice(corpus.files())[:20000], source)
    ng = content[:4] == b"\x0a\x0d\x0d\x0a"
    skip = 0 if ng else 24
    return bytes([source.randrange(256) & 0xFE | (0 if ng else 1)]) + content[skip:]


TARGETS: Mapping[str, Target] = {
    "packets": Target(check_packets, lambda: [corpus.encode(each) for each in corpus.stretches()], _next_stretch),
    "files": Target(check_files, corpus.files, _next_file),
    "finders": Target(check_finders, lambda: [b"\0" + content[:20000] for content in corpus.files()], _next_block),
    "parts": Target(check_parts, lambda: [bytes(14)], _next_part, plain=True),
    "messages": Target(check_messages, _message_seeds, _next_message),
}
