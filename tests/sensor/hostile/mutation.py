"""Damaging packets and files the way attackers and bad disks do: bits, lengths, cuts, repeats, splices."""

from __future__ import annotations

import random
import re
import struct

from tests.sensor.fuzzing import mutated
from tests.sensor.hostile.corpus import LINKS, Sent, Stretch

_WIDTHS = {1: "B", 2: "H", 4: "I"}


def flip_bits(data: bytes, source: random.Random) -> bytes:
    """The data with a few bits turned."""
    out = bytearray(data)
    for _ in range(source.choice((1, 1, 2, 8))):
        if out:
            out[source.randrange(len(out))] ^= 1 << source.randrange(8)
    return bytes(out)


def attack_lengths(data: bytes, source: random.Random) -> bytes:
    """The data with one number, wherever a length could stand, set to a value at which bounds break."""
    width = source.choice((1, 2, 2, 2, 4))
    if len(data) < width:
        return data
    out = bytearray(data)
    order = source.choice("><")
    shape = order + _WIDTHS[width]
    # A place whose number is about what is left behind it is likely to be a length.
    places = [source.randrange(len(out) - width + 1) for _ in range(8)]
    place = min(places, key=lambda at: abs(struct.unpack_from(shape, out, at)[0] - (len(out) - at)))
    value = struct.unpack_from(shape, out, place)[0]
    left = len(out) - place - width
    top = (1 << 8 * width) - 1
    chosen = source.choice((0, 1, value + 1, value - 1, left, left + 1, left - 1, top, top >> 1, top - 3, value * 2))
    struct.pack_into(shape, out, place, chosen & top)
    return bytes(out)


def attack_digits(data: bytes, source: random.Random) -> bytes:
    """The data with one number written in digits replaced (Content-Length and the like)."""
    found = list(re.finditer(rb"\d+", data))
    if not found:
        return data
    chosen = source.choice(found)
    number = source.choice((b"0", b"-1", b"4294967296", b"9" * 30, b"", b"00000001"))
    return data[: chosen.start()] + number + data[chosen.end() :]


def cut(data: bytes, source: random.Random) -> bytes:
    """The beginning of the data."""
    return data[: source.randrange(len(data) + 1)]


def splice(data: bytes, other: bytes, source: random.Random) -> bytes:
    """A beginning of one with an end of another."""
    return data[: source.randrange(len(data) + 1)] + other[source.randrange(len(other) + 1) :]


def repeat(data: bytes, source: random.Random) -> bytes:
    """The data with a part of it once more."""
    start = source.randrange(len(data) + 1)
    stop = source.randrange(start, len(data) + 1)
    return data[:stop] + data[start:stop] + data[stop:]


def damaged(data: bytes, other: bytes, source: random.Random) -> bytes:
    """The data, damaged in one or two of these ways, of at most 16 KiB."""
    for _ in range(source.choice((1, 1, 2))):
        way = source.randrange(8)
        if way < 3:
            data = attack_lengths(data, source)
        elif way == 3:
            data = flip_bits(data, source)
        elif way == 4:
            data = mutated(data, source)
        elif way == 5:
            data = source.choice((attack_digits, cut, repeat))(data, source)
        elif way == 6:
            data = splice(data, other, source)
        else:
            data = attack_digits(data, source)
    return data[:16384]


def damaged_stretch(stretch: Stretch, other: Stretch, source: random.Random) -> Stretch:
    """The stretch with some of its packets damaged, lost, repeated, exchanged, cut or from elsewhere."""
    out = list(stretch)
    for _ in range(source.choice((1, 2, 4, 8))):
        if not out:
            break
        place = source.randrange(len(out))
        sent = out[place]
        way = source.randrange(10)
        if way < 5:
            data = damaged(sent.data, source.choice(other).data if other else b"", source)
            out[place] = Sent(sent.link, sent.wait, sent.missing, data)
        elif way == 5:
            out.insert(place, sent)
        elif way == 6:
            del out[place]
        elif way == 7:
            out.insert(source.randrange(len(out)), out.pop(place))
        elif way == 8:
            out[place] = Sent(sent.link, sent.wait, source.randrange(16), cut(sent.data, source))
        else:
            link = sent.link if source.random() < 0.7 else source.choice(LINKS)
            out[place] = Sent(link, source.randrange(256), sent.missing, sent.data)
    return tuple(out[:48])


def damaged_file(content: bytes, source: random.Random) -> bytes:
    """The file with damage in it: headers more often than not, blocks repeated, lost or moved, the end cut off."""
    out = bytearray(content)
    for _ in range(source.choice((1, 2, 4, 16))):
        if len(out) < 32:
            break
        way = source.randrange(7)
        start = source.randrange(len(out))
        size = source.choice((1, 4, 16, 100, 1000, source.randrange(1, len(out))))
        if way < 3:
            at = source.randrange(min(len(out), 200)) if source.random() < 0.3 else start
            out[at : at + 64] = attack_lengths(bytes(out[at : at + 64]), source)
        elif way == 3:
            out[start : start + 64] = flip_bits(bytes(out[start : start + 64]), source)
        elif way == 4:
            out[start:start] = out[max(start - size, 0) : start]
        elif way == 5:
            del out[start : start + size]
        elif source.random() < 0.3:
            del out[start:]
    return bytes(out)
