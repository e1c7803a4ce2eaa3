"""What interfaces of DCE/RPC and their operations are called; the names are in `interfaces.toml` beside this file."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Interface:
    """An interface: its name, empty if it is not known, and the names of its operations by number."""

    name: str = ""
    operations: Mapping[int, str] = field(default_factory=dict)


_UNKNOWN = Interface()


@cache
def _known() -> Mapping[str, Interface]:
    document = tomllib.loads(Path(__file__).with_name("interfaces.toml").read_text(encoding="utf-8"))
    return {
        identifier: Interface(
            name, {int(number): operation for number, operation in entry.get("operations", {}).items()}
        )
        for name, entry in document.items()
        for identifier in entry["identifiers"]
    }


def interface(identifier: str) -> Interface:
    """Return the interface of this UUID; one without names if it is not known."""
    return _known().get(identifier, _UNKNOWN)
