"""What tests of rotated captures compare with, and the wires of those of live capture."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from secwatch.core.ownership import Ownership
from secwatch.pipeline.read import read_inputs
from tests.pipeline.rotated import FRAMES, SETTINGS, City
from tests.pipeline.wires import Wires, skip_unless_networks_can_be_made, wires
from tests.sensor.frames import pcap


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """What the same packets give in one file."""
    directory = tmp_path_factory.mktemp("whole")
    city = City(directory / "city")
    path = pcap(directory / "whole.pcap", FRAMES)
    read_inputs(
        city.place, SETTINGS, city.database, Ownership(()), [str(path)], now=lambda: datetime(2026, 11, 23, tzinfo=UTC)
    )
    flows, lookups = city.everything()
    assert (len(flows), len(lookups)) == (52, 40)
    return flows, lookups


@pytest.fixture(scope="module")
def net() -> Iterator[Wires]:
    """Two wires in a namespace of their own."""
    skip_unless_networks_can_be_made()
    from secwatch.sensor import kernels

    kernels.warm()  # else the first run would compile them while the test waits
    with wires() as made:
        yield made


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 32 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", disk], check=False).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)  # a run that a failed test left may still use it
