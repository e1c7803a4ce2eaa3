"""The rules that commands work with, and what is held back of their matches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from secwatch.commands.application import Application

if TYPE_CHECKING:
    from secwatch.scan.sources import RuleFile
    from secwatch.scan.suppressions import Suppressions
    from secwatch.store.packs import Pack, Switch


def rule_files(
    application: Application, paths: Sequence[str], *, switched_off: bool = False, without: str = ""
) -> Sequence[RuleFile]:
    """Return the rule files at these paths, or else those that a scan uses.

    Those that are switched off only if asked for; without the pack of that name.
    """
    from secwatch.scan import packs, sources

    found = [*sources.origins(application.place, paths)]
    if paths:
        return sources.read(found)
    found += [packs.origin(pack, application.place.packs) for pack in packs_in_use(application).values()]
    off = set() if switched_off else {switch.rule_file for switch in switches(application) if not switch.rule}
    kept = [origin for origin in found if origin.name not in off and origin.name != without]
    return [file for file in sources.read(kept) if file.namespace not in off]


def packs_in_use(application: Application) -> Mapping[str, Pack]:
    """Return the packs that were imported, by name; nothing is made where there is no database yet."""
    from secwatch.store import packs as store

    if not application.place.database.exists():
        return {}
    return {pack.name: pack for pack in store.every(application.database)}


def switches(application: Application) -> Sequence[Switch]:
    """Return what is switched off."""
    from secwatch.store import packs as store

    return store.switches(application.database) if application.place.database.exists() else ()


def suppressions(application: Application, moment: datetime) -> Suppressions:
    """Return what is held back at that moment, by suppressions and by rules that are switched off."""
    from secwatch.scan.suppressions import Suppressions
    from secwatch.store import suppressions as store

    if not application.place.database.exists():
        return Suppressions()
    disabled = [(switch.rule_file, switch.rule) for switch in switches(application) if switch.rule]
    return Suppressions(store.in_force(application.database, moment), disabled)
