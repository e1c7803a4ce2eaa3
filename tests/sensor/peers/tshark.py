"""What tshark reads in a capture: its fields packet by packet, asked for once per capture and test run.

One pass, names not looked up, streams reassembled also where segments came out of order. Every
value is text as tshark prints it; a field that occurs several times in a packet has several.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

_FIELDS = (Path(__file__).parent / "tshark_fields.txt").read_text(encoding="utf-8").split()
_SEPARATOR = "\x1f"
# A body that was not captured to its end must not hide the head before it.
_PREFERENCES = ("tcp.reassemble_out_of_order:TRUE", "http.desegment_body:FALSE")
# Ports on which a capture speaks a protocol that tshark finds by its number only.
_DECODE = ("tcp.port==1389,ldap",)


@dataclass(frozen=True)
class Packet:
    """One packet: the values of each field that occurs."""

    fields: dict[str, list[str]]

    def all(self, name: str) -> list[str]:
        """Every value of a field, in the order of the packet."""
        return self.fields.get(name, [])

    def first(self, name: str) -> str:
        """The first value of a field, nothing where there is none."""
        return self.all(name)[0] if self.all(name) else ""

    def number(self, name: str) -> int:
        """The first value as a number; 0 where there is none."""
        return int(self.first(name) or "0", 0)


@cache
def version() -> str:
    """tshark's version as it prints it; the test is skipped, visibly, where there is none."""
    if shutil.which("tshark") is None:
        pytest.skip("tshark is not installed (apt: tshark)")
    shown = subprocess.run(["tshark", "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"\d+\.\d+\.\d+", shown)
    assert found, shown
    return found[0]


@cache
def packets(capture: Path) -> tuple[Packet, ...]:
    """Every packet of a capture as tshark sees it."""
    assert version()
    command = ["tshark", "-n", "-r", str(capture), "-T", "fields"]
    for preference in _PREFERENCES:
        command += ["-o", preference]
    command += ["-E", f"aggregator={_SEPARATOR}"]
    for port in _DECODE:
        command += ["-d", port]
    for name in _FIELDS:
        command += ["-e", name]
    done = subprocess.run(command, capture_output=True, timeout=120, check=False)
    # A capture that ends in the middle of a packet is told on stderr with exit code 2; all before it is there.
    assert done.returncode in (0, 2), done.stderr.decode(errors="replace")
    lines = done.stdout.decode("utf-8", errors="replace").split("\n")
    return tuple(_packet(line) for line in lines if line.strip("\t"))


def _packet(line: str) -> Packet:
    values = line.split("\t")
    assert len(values) == len(_FIELDS), f"a value holds a tab or a line break: {line[:200]!r}"
    return Packet({name: value.split(_SEPARATOR) for name, value in zip(_FIELDS, values, strict=True) if value})
