"""Attacks on what recognises, delimits and sorts messages of protocols: each part keeps to its contract."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import random
import struct
from typing import Any

import numpy as np

from secwatch.sensor import kernels
from secwatch.sensor.kernels.roles import COUNTED
from tests.sensor.hostile import corpus, messages, mutation


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


_PARTS = _parts()


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


def next_part(source: random.Random) -> bytes:
    if source.random() < 0.5:
        _, request, response = 0, *source.choice([pair for good in messages.exchanges().values() for pair in good])
        message = request if source.random() < 0.5 else response
        ports = struct.pack("<HH", 50000, source.choice((445, 139, 135, 88, 389, 3389, 22, 21, 25, 67, 443, 3333)))
    else:
        source_port, destination_port, message = source.choice(corpus.payloads() or ((1, 2, b""),))
        ports = struct.pack("<HH", source_port, destination_port)
    damaged = mutation.damaged(message, message, source)[: source.choice((8, 12, 64, 4096))]
    return bytes([source.randrange(2), source.randrange(4)]) + ports + damaged
