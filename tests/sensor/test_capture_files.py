"""Capture files of every shape, and what is said about those that are none."""

from __future__ import annotations

import gzip
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest
import zstandard

from secwatch.core.errors import UnreadableInput
from secwatch.sensor.pcapfile import quick_identity
from secwatch.sensor.reader import FlowReader
from tests.conftest import ROOT
from tests.sensor.frames import ACK, SYN, block, enhanced, ethernet, interface, ipv4, pcap, section, segment, tcp
from tests.sensor.reading import accounted, read, tag

FRAMES = [(1_000_000_000.5 + n / 4, segment(SYN, port=3000 + n)) for n in range(40)]
FIRST = 1_000_000_000_500_000


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("magic", [0xA1B2C3D4, 0xA1B23C4D])
def test_pcap_in_both_orders_and_resolutions(tmp_path: Path, order: str, magic: int) -> None:
    reading = read(pcap(tmp_path / "f.pcap", FRAMES, order=order, magic=magic))
    assert (reading.counters.packets, len(reading.flows)) == (40, 40)
    assert reading.flows[0]["first_seen"] == FIRST
    assert reading.flows[3]["first_seen"] == FIRST + 750_000


@pytest.mark.parametrize("order", ["<", ">"])
def test_pcapng_interfaces_differ_in_clock_and_link(tmp_path: Path, order: str) -> None:
    frame = segment(SYN)
    raw = ipv4(tcp(SYN, ports=(3001, 80)), 6)
    nanoseconds = struct.pack(f"{order}HHB3x", 9, 1, 9)
    binary = struct.pack(f"{order}HHB3x", 9, 1, 0x80 | 10) + struct.pack(f"{order}HHq", 14, 8, 1_000_000_000)
    parts = [
        section(order),
        interface(1, b"", order),
        interface(1, nanoseconds, order),
        interface(101, binary + struct.pack(f"{order}HH", 0, 0), order),
        block(4, bytes(8), order),
        enhanced(FIRST, frame, 0, order),
        enhanced((FIRST + 1) * 1000 + 999, segment(SYN, port=3000), 1, order),
        enhanced(512, raw, 2, order),
        enhanced(FIRST, frame, 7, order),
        block(3, struct.pack(f"{order}I", len(frame)) + segment(ACK), order),
    ]
    path = tmp_path / "f.pcapng"
    path.write_bytes(b"".join(parts))
    reading = read(path)
    assert reading.counters.packets == 5
    assert reading.counters.malformed == {"unknown_interface": 1}
    assert accounted(reading)
    times = {flow["source_port"]: flow["first_seen"] for flow in reading.flows}
    assert times[3000] == FIRST + 1
    assert times[3001] == 1_000_000_000_500_000


def test_pcapng_sections_may_change_order(tmp_path: Path) -> None:
    path = tmp_path / "f.pcapng"
    path.write_bytes(
        section() + interface() + enhanced(FIRST, segment(SYN))
        + section(">") + interface(order=">") + enhanced(FIRST, segment(SYN, port=1), order=">")
    )  # fmt: skip
    assert read(path).counters.packets == 2


def test_a_cut_compressed_file_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    """What stands before the cut is decompressed and read, and the cut is counted."""
    frames = [(1_000_000_000 + number, segment(SYN, port=3000 + number)) for number in range(400)]
    packed = gzip.compress(pcap(tmp_path / "whole.pcap", frames).read_bytes(), 1)
    path = tmp_path / "cut.pcap.gz"
    path.write_bytes(packed[: len(packed) * 3 // 4])
    reading = read(path)
    assert 100 < reading.counters.packets < 400
    assert reading.counters.malformed == {"truncated_file": 1}


@pytest.mark.parametrize("compress", [gzip.compress, zstandard.compress])
def test_compressed_captures(tmp_path: Path, compress: object) -> None:
    plain = pcap(tmp_path / "f.pcap", FRAMES).read_bytes()
    assert callable(compress)
    packed = tmp_path / "f.pcap.packed"
    packed.write_bytes(compress(plain[:1000]) + compress(plain[1000:]))
    reading = read(packed)
    assert reading.flows == read(tmp_path / "f.pcap").flows
    assert reading.identity == tag(packed.read_bytes())
    packed.write_bytes(compress(bytes(200) + plain))
    with pytest.raises(UnreadableInput, match="not a capture"):
        read(packed)


def test_damaged_compression_keeps_what_is_before_it(tmp_path: Path) -> None:
    many = [(1e9 + n / 1000, segment(SYN, os.urandom(400), port=1024 + n)) for n in range(20000)]
    plain = pcap(tmp_path / "f.pcap", many).read_bytes()
    path = tmp_path / "f.pcap.gz"
    packed = gzip.compress(plain, 1)
    path.write_bytes(packed[: len(packed) // 2])
    cut = read(path)
    assert cut.counters.malformed == {"truncated_file": 1}
    assert 1000 < cut.counters.packets < 20000
    path.write_bytes(packed[: len(packed) // 2] + bytes(1000) + packed[len(packed) // 2 + 1000 :])
    broken = read(path)
    # What the damage decompresses to is read too, until either the packets or the compression make no sense.
    damage = {"corrupt_compression", "corrupt_record"}
    assert len(damage & set(broken.counters.malformed)) == 1
    assert accounted(broken)
    assert broken.identity == tag(path.read_bytes())
    path.write_bytes((whole := zstandard.compress(plain))[: len(whole) // 2])
    assert read(path).counters.malformed == {"truncated_file": 1}


def test_a_file_cut_within_its_last_packet(tmp_path: Path) -> None:
    path = pcap(tmp_path / "f.pcap", FRAMES)
    whole = path.read_bytes()
    for missing in (1, 30, 60):
        path.write_bytes(whole[:-missing])
        reading = read(path)
        assert reading.counters.packets == 39
        assert reading.counters.malformed == {"truncated_file": 1}
        assert reading.identity == tag(path.read_bytes())
    path.write_bytes(whole[:24])
    assert read(path).counters.packets == 0


def test_an_impossible_length_stops_the_reading(tmp_path: Path) -> None:
    path = pcap(tmp_path / "f.pcap", FRAMES[:3])
    path.write_bytes(path.read_bytes() + struct.pack("<IIII", 1, 1, 300_000, 300_000) + bytes(400_000))
    reading = read(path)
    assert (reading.counters.packets, reading.counters.malformed) == (3, {"corrupt_record": 1})
    path.write_bytes(section() + interface() + enhanced(1, segment(SYN)) + struct.pack("<II", 6, 13) + bytes(99))
    reading = read(path)
    assert (reading.counters.packets, reading.counters.malformed) == (1, {"corrupt_block": 1})


def test_packets_that_straddle_blocks_are_whole(tmp_path: Path) -> None:
    big = [(1e9 + n / 1000, segment(ACK, bytes(60_000), port=2000 + n)) for n in range(90)]
    reading = read(pcap(tmp_path / "f.pcap", big))
    assert reading.counters.packets == 90
    assert {flow["source_payload_bytes"] for flow in reading.flows} == {60_000}
    assert accounted(reading)
    path = tmp_path / "f.pcapng"
    blocks = b"".join(enhanced(FIRST, frame) for _, frame in big)
    path.write_bytes(section() + interface() + block(10, bytes(5 << 20)) + blocks)
    assert read(path).counters.packets == 90


def _refusal(path: Path | str) -> UnreadableInput:
    with pytest.raises(UnreadableInput) as caught:
        FlowReader(str(path))
    message = caught.value.message
    assert message[-1] not in ".!" and "\n" not in message
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"hello, this is a log file\n", "looks like text"),
        (b"PK\x03\x04" + bytes(60), "zip archive"),
        (b"\x00" * 100, "not a capture"),
        (b"\xd4\xc3\xb2\xa1\x02\x00", "ends within the file header"),
        (gzip.compress(b"hello"), "looks like text"),
        (gzip.compress(b""), "nothing readable"),
        (b"\x1f\x8b\x08", "nothing readable"),
        (struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 105), "link type 105"),
    ],
)
def test_what_is_no_capture_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "f.pcap"
    path.write_bytes(content)
    assert words in _refusal(path).message


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    assert "no such file" in _refusal(tmp_path / "missing").message
    assert "is a directory" in _refusal(tmp_path).message
    os.mkfifo(tmp_path / "pipe")
    assert "is a pipe" in _refusal(tmp_path / "pipe").message
    assert "device" in _refusal("/dev/zero").message
    _refusal("a\0b")
    (tmp_path / "link.pcap").symlink_to(pcap(tmp_path / "f.pcap", FRAMES))
    assert read(tmp_path / "link.pcap").counters.packets == 40


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_refused(tmp_path: Path) -> None:
    path = pcap(tmp_path / "f.pcap", FRAMES)
    path.chmod(0)
    assert "permission denied" in _refusal(path).message


def test_standard_input(tmp_path: Path) -> None:
    program = (
        "from secwatch.sensor.reader import FlowReader\n"
        "with FlowReader('-', key=bytes(range(32))) as reader:\n"
        "    rows = sum(batch.rows for batch in reader.batches())\n"
        "    print(rows, reader.identity, reader.progress)\n"
    )
    content = pcap(tmp_path / "f.pcap", FRAMES).read_bytes()
    done = subprocess.run([sys.executable, "-c", program], input=content, capture_output=True, cwd=ROOT, check=False)
    assert done.stderr == b""
    assert done.stdout.decode().split()[:2] == ["40", tag(content)]
    with Path("/dev/zero").open("rb") as zeros:
        refused = subprocess.run(
            [sys.executable, "-c", program], stdin=zeros, capture_output=True, cwd=ROOT, check=False
        )
    assert b"standard input is not a capture" in refused.stderr


def test_quick_identity_tells_files_apart(tmp_path: Path) -> None:
    path = pcap(tmp_path / "f.pcap", FRAMES)
    first = quick_identity(str(path))
    assert first == quick_identity(str(path))
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")
    assert quick_identity(str(path)) != first
    assert first.startswith(f"{path.stat().st_size}-")


def test_identity_and_progress(tmp_path: Path) -> None:
    path = pcap(tmp_path / "f.pcap", FRAMES)
    with FlowReader(str(path)) as reader:
        with pytest.raises(RuntimeError):
            _ = reader.identity
        assert reader.counters.packets == 0
        assert reader.counters.first_time is None
        for _ in reader.batches():
            pass
        assert reader.progress == (path.stat().st_size, path.stat().st_size)


def test_a_cut_frame_in_every_place(tmp_path: Path) -> None:
    frame = ethernet(ipv4(tcp(SYN), 6), tags=[(0x8100, 5)])
    frames = [(1e9, frame[:size]) for size in range(1, len(frame) + 1)]
    reading = read(pcap(tmp_path / "f.pcap", frames))
    assert reading.counters.packets == len(frame)
    assert accounted(reading)
    assert reading.counters.malformed_packets() == len(frame) - 1


END_OF_TIME = 9_214_646_400_000_000  # 2262-01-01 in microseconds


@pytest.mark.parametrize(
    "ticks",
    [END_OF_TIME, 253_402_300_800_000_000, 4_000_000_000_000_000_000, (1 << 63) + FIRST, (1 << 64) - 1],
)
def test_times_that_nothing_else_can_hold_are_refused(tmp_path: Path, ticks: int) -> None:
    path = tmp_path / "f.pcapng"
    good = [enhanced(FIRST + n, segment(SYN, port=3000 + n)) for n in range(2)]
    bad = enhanced(ticks, segment(SYN, port=9))
    for order in ([bad, *good], [good[0], bad, good[1]], [*good, bad]):
        path.write_bytes(section() + interface() + b"".join(order))
        reading = read(path)
        assert (reading.counters.packets, reading.counters.malformed) == (3, {"bad_time": 1})
        assert (reading.counters.first_time, reading.counters.last_time) == (FIRST, FIRST + 1)
        assert reading.counters.time_backwards == 0
        assert len(reading.flows) == 2
        assert accounted(reading)
    path.write_bytes(section() + interface() + bad)
    reading = read(path)
    assert (reading.counters.first_time, reading.counters.last_time, reading.flows) == (None, None, [])


def test_the_last_moment_is_good_and_shifted_clocks_are_checked(tmp_path: Path) -> None:
    path = tmp_path / "f.pcapng"
    path.write_bytes(section() + interface() + enhanced(END_OF_TIME - 1, segment(SYN)))
    assert read(path).counters.last_time == END_OF_TIME - 1
    nanoseconds = struct.pack("<HHB3x", 9, 1, 9)
    path.write_bytes(section() + interface(1, nanoseconds) + enhanced((1 << 63) + FIRST, segment(SYN)))
    assert read(path).counters.malformed == {"bad_time": 1}, "an unsigned number of nanoseconds, after 2262"
    for shift, expected in ((-1_000_000_000, 500_000), (-1_000_000_001, None), (1 << 62, None), (-(1 << 63), None)):
        path.write_bytes(section() + interface(1, struct.pack("<HHq", 14, 8, shift)) + enhanced(FIRST, segment(SYN)))
        assert read(path).counters.first_time == expected, shift


def test_packets_without_a_time_take_the_one_before(tmp_path: Path) -> None:
    simple = block(3, struct.pack("<I", len(segment(ACK))) + segment(ACK))
    unknown = enhanced(FIRST, segment(SYN), number=7)
    path = tmp_path / "f.pcapng"
    path.write_bytes(section() + interface() + enhanced(FIRST, segment(SYN)) + unknown + simple * 10_000)
    reading = read(path)
    assert (reading.counters.first_time, reading.counters.last_time) == (FIRST, FIRST)
    assert reading.counters.malformed == {"unknown_interface": 1}
    assert accounted(reading)
