"""The rules that commands work with, and what is held back of their matches."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from secwatch.commands.application import Application

if TYPE_CHECKING:
    from secwatch.scan.sources import RuleFile
    from secwatch.scan.suppressions import Suppressions


def rule_files(application: Application, paths: Sequence[str]) -> Sequence[RuleFile]:
    """Return the rule files at these paths, or else those that a scan uses."""
    from secwatch.scan import sources

    return sources.read(sources.origins(application.place, paths))


def suppressions(application: Application, moment: datetime) -> Suppressions:
    """Return what is in force at that moment; nothing is made where there is no database yet."""
    from secwatch.scan.suppressions import Suppressions
    from secwatch.store import suppressions as store

    if not application.place.database.exists():
        return Suppressions()
    return Suppressions(store.in_force(application.database, moment))
