"""All detections there are: the shipped ones, and the user's own, which replace shipped ones of the same name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from secwatch.core.errors import UsageProblem
from secwatch.detect.definition import Definition, Mistake, Mistaken, read
from secwatch.system.paths import Place, shipped
from secwatch.system.settings import Detect


@dataclass(frozen=True)
class Catalogue:
    """Detections by name, and what is wrong with the files that are none."""

    definitions: tuple[Definition, ...]
    mistakes: tuple[Mistake, ...]

    def find(self, identifier: str) -> Definition:
        """Return the detection of that name. Raise UsageProblem if there is none."""
        for definition in self.definitions:
            if definition.id == identifier:
                return definition
        raise UsageProblem(f"there is no detection {identifier!r}", "secwatch detect list")

    def enabled(self, settings: Detect) -> tuple[Definition, ...]:
        """Return those that the configuration does not switch off."""
        return tuple(item for item in self.definitions if item.id not in settings.disabled)


def shipped_detections() -> Path:
    """Return the directory of the shipped detections."""
    return shipped("rules") / "detections"


def load(place: Place | None) -> Catalogue:
    """Return the detections of a place, and those shipped."""
    shipped_intel = shipped("rules") / "intel"
    found: dict[str, Definition] = {}
    mistakes: list[Mistake] = []
    sources = [(shipped_detections(), True)]
    if place is not None:
        sources.append((place.detections, False))
    own_intel = [place.configuration / "intel"] if place is not None else []
    for directory, is_shipped in sources:
        intel = [shipped_intel, *own_intel, *([] if is_shipped else [directory / "intel"])]
        for path in files(directory):
            try:
                definition = read(path, intel, shipped=is_shipped)
            except Mistaken as error:
                mistakes.extend(error.mistakes)
            else:
                found[definition.id] = definition
    return Catalogue(tuple(found[name] for name in sorted(found)), tuple(mistakes))


def load_path(path: Path) -> Catalogue:
    """Return the detections in one file, or in the files of one directory. Raise UsageProblem if there is nothing."""
    paths = files(path) if path.is_dir() else [path]
    if not path.exists() or not paths:
        raise UsageProblem(
            f"there is no detection in {path}", "a detection is a file NAME.sql; see: secwatch detect list"
        )
    definitions: list[Definition] = []
    mistakes: list[Mistake] = []
    for item in paths:
        try:
            definitions.append(read(item, [shipped("rules") / "intel", item.parent / "intel"], shipped=False))
        except Mistaken as error:
            mistakes.extend(error.mistakes)
    return Catalogue(tuple(definitions), tuple(mistakes))


def files(directory: Path) -> Sequence[Path]:
    """Return the SQL files of a directory, by name; none if it does not exist."""
    return sorted(directory.glob("*.sql")) if directory.is_dir() else []
