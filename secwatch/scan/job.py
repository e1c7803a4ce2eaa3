"""A batch on its way through a child process, or what is left of one."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from secwatch.scan.frames import Found
from secwatch.scan.verdicts import Examined
from secwatch.scan.walk import Batch


@dataclass
class Job:
    """It holds the directory open until it is answered. alone: nothing else is at the child meanwhile."""

    batch: Batch
    alone: bool = False
    found: list[Examined] = field(default_factory=list)

    def part(self, names: Sequence[str], *, alone: bool = False) -> Job:
        """Return a job of some of its names."""
        return Job(replace(self.batch, directory=os.dup(self.batch.directory), names=names), alone)

    def examined(self, found: Found) -> Examined:
        """Return what was found in the next file."""
        batch = self.batch
        path = batch.path_of(batch.names[len(self.found)])
        return Examined(path, found.verdict, found.reason, found.size, found.hits, found.sha256, batch.named)

    def close(self) -> None:
        """Close the directory."""
        os.close(self.batch.directory)
