"""Short attacks on the sensor with what bench/fuzz runs for long, in plain Python, where numpy checks every index."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.sensor.hostile import corpus
from tests.sensor.hostile.targets import TARGETS

# A decoder that believes in one byte more than was captured, as a mistake in a bounds check would.
_PLANTED = """
import sys
from secwatch.sensor.kernels import decode

honest = decode.decode

def mistaken(state, data, start, captured, *rest):
    more = 1 if start + captured < len(data) else 0
    return honest(state, data, start, captured + more, *rest)

from secwatch.sensor.kernels import track
track.decode = mistaken
from tests.sensor.hostile.targets import TARGETS
for data in TARGETS["packets"].seeds()[:3]:
    TARGETS["packets"].check(data)
"""

_PLANTED_IN_RING = """
import random
from secwatch.sensor.kernels import ring

honest = ring._add
ring._add = lambda data, offset, end, index, count: honest(data, offset, min(end + 8, len(data)), index, count)
from tests.sensor.hostile.targets import TARGETS
source = random.Random(1)
for _ in range(3000):
    TARGETS["rings"].check(TARGETS["rings"].next_input(source))
"""


def _plain(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        cwd=ROOT,
        env=dict(os.environ) | {"NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("target", TARGETS)
def test_a_short_attack_finds_nothing(target: str, tmp_path: Path) -> None:
    done = _plain("-m", "tests.sensor.hostile", target, "--seconds", "4", "--findings", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["inputs"] > 1 and report["findings"] == {}  # a few a second in plain Python on a busy machine


def test_a_read_behind_a_packet_is_found() -> None:
    """The comparison notices a reader that looks one byte too far."""
    done = _plain("-c", _PLANTED)
    assert done.returncode != 0
    assert "what lies around a packet changes what is read of it" in done.stderr


def test_a_read_behind_a_block_of_a_ring_is_found() -> None:
    """The finder of packets in a ring that takes eight bytes behind the block for its own is noticed."""
    done = _plain("-c", _PLANTED_IN_RING)
    assert done.returncode != 0
    assert "AssertionError" in done.stderr


def test_any_bytes_are_a_stretch_and_stretches_survive_their_encoding() -> None:
    source = random.Random(3)
    for stretch in corpus.stretches()[:40]:
        assert corpus.decode(corpus.encode(stretch)) == stretch
    for _ in range(200):
        corpus.decode(source.randbytes(source.randrange(200)))


def test_damage_is_the_same_for_the_same_seed() -> None:
    for target in TARGETS.values():
        assert target.next_input(random.Random(5)) == target.next_input(random.Random(5))
