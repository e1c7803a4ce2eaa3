"""A long capture made of many copies of short real ones: addresses and times varied by copy, flows interleaved.

usage: python -m bench.mixture DIRECTORY OUTPUT [--packets N] [--seconds S] [--seed N] [--attacks PART]

Every capture of the directory is copied equally often, so that no choice of ours decides which traffic is
measured; with `--attacks 0.05` those that its manifest labels as attacks make that part of the packets only.
Each copy gets addresses of its own: private ones stay private, public ones public, multicast and link-local
ones what they are, hosts of one network stay together, both directions and the addresses inside VXLAN and
ICMP errors agree, and checksums are carried along as a router that translates addresses does it (RFC 1624).
Copies begin at random over the time, so that many overlap; silences within a capture are cut to a minute.
Ethernet is the link type: Linux cooked headers become Ethernet ones, other link types are left out and named.
What is inside payloads, ARP and DNS answers included, is as it was captured.
"""

from __future__ import annotations

import argparse
import json
import struct
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.addresses import Address, addresses_of
from secwatch.sensor.kernels import index as finder
from secwatch.sensor.pcapfile import CaptureFile

START = 1_790_000_000_000_000  # µs; a Monday in September 2026
LONGEST_SILENCE = 60_000_000  # µs
CHUNK = 1 << 18  # packets written at once
ETHERNET, COOKED = 1, 113
Bytes = NDArray[np.uint8]
Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Packet:
    """One packet of a capture: µs since its first one, length on the wire, bytes, what varies in them."""

    time: int
    wire: int
    data: bytes
    addresses: tuple[Address, ...]


@dataclass(frozen=True)
class Template:
    """One capture, ready to be copied."""

    name: str
    attack: bool
    packets: Sequence[Packet]


def read_template(path: Path, *, attack: bool) -> Template | str:
    """Return the packets of a capture, or in words why it is left out."""
    index = finder.new_index()
    found: list[tuple[int, int, bytes]] = []
    with CaptureFile(str(path)) as capture:
        kind = capture.format
        index.file[finder.SWAPPED], index.file[finder.RECORD_HEADER] = kind.swapped, kind.record_header
        index.file[finder.NANOSECONDS], index.file[finder.LINK_TYPE] = kind.nanoseconds, kind.link_type
        buffer = np.empty(4 << 20, np.uint8)
        size = capture.read_into(buffer.data)
        find = finder.index_pcapng if kind.pcapng else finder.index_pcap
        start, reason = kind.header_bytes, finder.INDEX_FULL
        while reason == finder.INDEX_FULL:
            start, reason = find(buffer, start, size, index)
            for place in range(int(index.file[finder.COUNT])):
                offset, captured = int(index.offsets[place]), int(index.captured[place])
                frame = _ethernet(bytes(buffer[offset : offset + captured]), int(index.links[place]))
                if frame is None:
                    return f"link type {index.links[place]}"
                grown = len(frame) - captured
                found.append((int(index.times[place]), int(index.wire[place]) + grown, frame))
    if not found:
        return "no packet"
    return Template(path.name, attack, _relative(found))


def _ethernet(frame: bytes, link: int) -> bytes | None:
    if link == ETHERNET:
        return frame
    if link == COOKED and len(frame) >= 16:
        address = (frame[6:12] + b"\2\0\0\0\0\1")[:6]
        return b"\2\0\0\0\0\2" + address + frame[14:]
    return None


def _relative(found: Sequence[tuple[int, int, bytes]]) -> Sequence[Packet]:
    """Times from the first packet on, in the order they were captured in, long silences cut."""
    packets, now, before = [], 0, found[0][0]
    for time, wire, data in found:
        now += min(max(time - before, 0), LONGEST_SILENCE)
        before = time
        packets.append(Packet(now, wire, data, tuple(addresses_of(data))))
    return packets


@dataclass(frozen=True)
class _Packets:
    """All packets of all captures, one after another; `patches` holds (offset, offsets of checksums) by packet."""

    content: Bytes
    starts: Numbers
    lengths: Numbers
    wire: Numbers
    patches: Numbers  # (packets, most addresses): offset of two varying bytes, 0 for none
    sums: Numbers  # (packets, most addresses, 2): offsets of the checksums over them, 0 for none


def _packets(templates: Sequence[Template]) -> _Packets:
    packets = [packet for item in templates for packet in item.packets]
    lengths = np.array([len(packet.data) for packet in packets], np.int64)
    most = max(len(packet.addresses) for packet in packets)
    patches = np.zeros((len(packets), most), np.int64)
    sums = np.zeros((len(packets), most, 2), np.int64)
    for number, packet in enumerate(packets):
        for place, address in enumerate(packet.addresses):
            patches[number, place] = address.offset
            sums[number, place, : len(address.checksums)] = address.checksums
    content = np.frombuffer(b"".join(packet.data for packet in packets), np.uint8)
    wire = np.array([packet.wire for packet in packets], np.int64)
    return _Packets(content, np.cumsum(lengths) - lengths, lengths, wire, patches, sums)


def copies(templates: Sequence[Template], packets: int, attacks: float | None) -> Sequence[int]:
    """Return how often each capture is copied, for so many packets; attacks is their part, None for all alike."""
    sizes = np.array([len(item.packets) for item in templates])
    is_attack = np.array([item.attack for item in templates])
    if attacks is None:
        return [max(round(packets / int(sizes.sum())), 1)] * len(templates)
    parts = np.where(is_attack, attacks, 1 - attacks) * packets
    totals = np.where(is_attack, sizes[is_attack].sum(), sizes[~is_attack].sum())
    return [max(int(count), 1) for count in np.round(parts / totals)]


def write(output: Path, templates: Sequence[Template], counts: Sequence[int], seconds: int, seed: int) -> int:
    """Write the capture, beside and then renamed; return how many packets it has.

    A copy has 16 bits of its own in every address, so that no two copies of a capture share one;
    ValueError for more copies than that.
    """
    if max(counts) > 1 << 16:
        raise ValueError(f"{max(counts)} copies of one capture are more than there are addresses for")
    random = np.random.default_rng(seed)
    table = _packets(templates)
    times, numbers, masks = [], [], []
    first = 0
    for item, count in zip(templates, counts, strict=True):
        size = len(item.packets)
        begin = random.integers(0, seconds * 1_000_000, count)
        relative = np.array([packet.time for packet in item.packets], np.int64)
        times.append((begin[:, None] + relative).ravel())
        numbers.append(np.tile(np.arange(first, first + size, dtype=np.int32), count))
        masks.append(np.repeat(random.permutation(1 << 16)[:count].astype(np.uint16), size))
        first += size
    moment, number, mask = (np.concatenate(parts) for parts in (times, numbers, masks))
    order = np.argsort(moment, kind="stable")
    partial = output.with_suffix(".partial")
    with partial.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, ETHERNET))
        for start in range(0, len(order), CHUNK):
            chosen = order[start : start + CHUNK]
            file.write(_records(table, START + moment[chosen], number[chosen], mask[chosen]))
    partial.rename(output)
    return len(order)


def _records(table: _Packets, times: Numbers, numbers: NDArray[np.int32], masks: NDArray[np.uint16]) -> memoryview:
    """Return these packets as pcap records with their addresses varied."""
    lengths = table.lengths[numbers]
    ends = np.cumsum(lengths + 16)
    starts = ends - lengths
    gathered = np.empty(int(ends[-1]), np.uint8)
    from_template = np.repeat(table.starts[numbers] - starts, lengths + 16)
    from_template += np.arange(len(gathered))
    np.take(table.content, from_template, out=gathered, mode="clip")  # a record's header is set below
    headers = np.empty((len(numbers), 4), "<u4")
    headers[:, 0], headers[:, 1] = np.divmod(times, 1_000_000)
    headers[:, 2], headers[:, 3] = lengths, table.wire[numbers]
    gathered[(starts - 16)[:, None] + np.arange(16)] = headers.view(np.uint8)
    for place in range(table.patches.shape[1]):
        offsets = table.patches[numbers, place]
        rows = np.flatnonzero(offsets)
        where = starts[rows] + offsets[rows]
        old = _word(gathered, where)
        new = old ^ masks[rows]
        _set_word(gathered, where, new)
        for which in range(2):
            sums = table.sums[numbers[rows], place, which]
            covered = np.flatnonzero(sums)
            _carry(gathered, starts[rows[covered]] + sums[covered], old[covered], new[covered])
    return gathered.data


def _word(data: Bytes, where: Numbers) -> Numbers:
    return (data[where].astype(np.int64) << 8) | data[where + 1]


def _set_word(data: Bytes, where: Numbers, value: Numbers) -> None:
    data[where], data[where + 1] = value >> 8, value & 0xFF


def _carry(data: Bytes, where: Numbers, old: Numbers, new: Numbers) -> None:
    """Change checksums for a word that changed under them: RFC 1624, equation 3."""
    total = (~_word(data, where) & 0xFFFF) + (~old & 0xFFFF) + new
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    _set_word(data, where, ~total & 0xFFFF)


def load(directory: Path) -> tuple[Sequence[Template], dict[str, str]]:
    """Return the captures of a directory with a manifest, and why the others are left out, by name."""
    manifest = json.loads((directory / "manifest.json").read_text(encoding="utf-8"))
    templates, left_out = [], {}
    for entry in sorted(manifest["entries"], key=lambda item: str(item["file"])):
        found = read_template(directory / entry["file"], attack=entry["label"] == "malicious")
        if isinstance(found, str):
            left_out[entry["file"]] = found
        else:
            templates.append(found)
    return templates, left_out


def main() -> None:
    """Write the mixture and say what is in it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--packets", type=int, default=20_000_000)
    parser.add_argument("--seconds", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--attacks", type=float)
    options = parser.parse_args()
    templates, left_out = load(options.directory)
    counts = copies(templates, options.packets, options.attacks)
    total = write(options.output, templates, counts, options.seconds, options.seed)
    for name, reason in left_out.items():
        print(f"left out: {name}: {reason}", file=sys.stderr)
    print(f"{total} packets of {len(templates)} captures in {options.output}", file=sys.stderr)


if __name__ == "__main__":
    main()
