"""Prometheus textfile: metrics written beside and renamed, so that a scrape never sees half of them.

Format: Prometheus text exposition format 0.0.4, as node_exporter's textfile collector reads it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from secwatch.core.errors import SecwatchError
from secwatch.system.writing import write_text


@dataclass(frozen=True)
class Metric:
    """One gauge: name without prefix, what it means, and its samples as (labels, value)."""

    name: str
    meaning: str
    samples: Sequence[tuple[Mapping[str, str], float]] = field(default_factory=tuple)


def exposition(metrics: Sequence[Metric]) -> str:
    """Return the metrics in Prometheus's text format, every name with the prefix `secwatch_`."""
    lines: list[str] = []
    for metric in metrics:
        if not metric.samples:
            continue
        name = f"secwatch_{metric.name}"
        lines += [f"# HELP {name} {metric.meaning}", f"# TYPE {name} gauge"]
        for labels, value in metric.samples:
            shown = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
            lines.append(f"{name}{{{shown}}} {float(value)!r}" if shown else f"{name} {float(value)!r}")
    return "\n".join(lines) + "\n"


def write(path: Path, metrics: Sequence[Metric]) -> None:
    """Write the metrics to a file that everyone may read. Raise SecwatchError if that fails."""
    try:
        write_text(path, exposition(metrics))
        if path.is_file():
            path.chmod(0o644)
    except OSError as error:
        raise SecwatchError(
            f"cannot write the metrics to {path}: {error.strerror}", "name a file in node_exporter's textfile directory"
        ) from error


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
