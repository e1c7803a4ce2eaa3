"""Interfaces that a live run could not see: since when, until when, and the sentences that say so."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from secwatch.core.model import Text
from secwatch.core.moments import to_text
from secwatch.store.live import Absence

_LACKING = ("down", "gone")
_MOST_SENTENCES = 50  # a loose plug comes and goes for months; what is beyond is counted


class Outages:
    """What the conditions of the interfaces, told one by one, add up to."""

    def __init__(self) -> None:
        self._absent: dict[str, Absence] = {}
        self._over: list[Text] = []
        self._more = 0

    def take(self, interface: str, condition: str, now: datetime) -> None:
        """Note that an interface is in this condition from now on; one that goes on renamed is there."""
        before = self._absent.pop(interface, None)
        if condition in _LACKING:
            self._absent[interface] = Absence(interface, condition, before.since if before else now)
        elif before is not None and len(self._over) < _MOST_SENTENCES:
            self._over.append(_sentence(before, now))
        elif before is not None:
            self._more += 1

    @property
    def absent(self) -> Sequence[Absence]:
        """The interfaces that are not there now."""
        return tuple(self._absent.values())

    def sentences(self, now: datetime) -> Sequence[Text]:
        """Return what there is to say when the run ends."""
        said = [*self._over, *(_sentence(item, now) for item in self._absent.values())]
        if self._more:
            said.append(Text(f"另有 {self._more} 次接口中断", f"interfaces were gone {self._more} more times"))
        return said


def _sentence(absence: Absence, until: datetime) -> Text:
    since, end = to_text(absence.since), to_text(max(until, absence.since))
    zh = {"down": "断开", "gone": "消失"}[absence.condition]
    return Text(
        f"接口 {absence.interface} 自 {since} 至 {end} {zh}，其间的报文缺失",
        f"interface {absence.interface} was {absence.condition} from {since} to {end}",
    )
