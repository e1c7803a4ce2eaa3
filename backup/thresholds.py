"""The numbers of thresholds.toml, read once."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True)
class Thresholds:
    """What thresholds.toml says; the file explains each number."""

    collapse_share: float
    collapse_runs: int
    collapse_minimum_runs: int
    verify_whole_bytes: int
    verify_parts: int
    sample_bytes: int
    window_bytes: int


@cache
def thresholds() -> Thresholds:
    """Return the shipped numbers."""
    data = tomllib.loads((files("backup") / "thresholds.toml").read_text(encoding="utf-8"))
    collapse, verify, manifest = data["size_collapse"], data["verify"], data["manifest"]
    return Thresholds(
        collapse_share=float(collapse["share_of_median"]),
        collapse_runs=int(collapse["runs"]),
        collapse_minimum_runs=int(collapse["minimum_runs"]),
        verify_whole_bytes=int(verify["whole_bytes"]),
        verify_parts=int(verify["parts"]),
        sample_bytes=int(manifest["sample_bytes"]),
        window_bytes=int(manifest["window_bytes"]),
    )
