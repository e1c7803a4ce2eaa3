"""What each version of restic can do: a feature and the first version that has it."""

from __future__ import annotations

import re
from enum import Enum
from functools import cache

from secwatch.core.errors import ProgramMissing
from secwatch.system import process

Version = tuple[int, int, int]
OLDEST: Version = (0, 14, 0)
_PROBE_SECONDS = 30.0


class Feature(Enum):
    """First version with it, from restic's CHANGELOG; those marked R were also seen by running it."""

    RESTORE_JSON = (0, 16, 0)  # R
    EXIT_NO_REPOSITORY_AND_LOCKED = (0, 17, 0)  # R
    EXIT_WRONG_PASSWORD = (0, 17, 1)  # R
    INIT_JSON = (0, 14, 1)  # R on 0.18; 0.14.0 prints words
    CHECK_JSON = (0, 18, 0)  # R
    EXIT_MISSING_SOURCE = (0, 19, 0)  # R: 0.14 and 0.18 return 0


def available(feature: Feature, version: Version) -> bool:
    """Say whether that version has the feature."""
    first: Version = feature.value
    return version >= first


def parse_version(text: str) -> Version | None:
    """Return the version of what `restic version` prints, or None if it is not restic's answer."""
    found = re.match(r"restic (\d{1,4})\.(\d{1,4})(?:\.(\d{1,4}))?", text)
    if found is None:
        return None
    return int(found[1]), int(found[2]), int(found[3] or 0)


@cache
def probe(program: str) -> tuple[str, Version]:
    """Return the path and version of the restic program, asked once.

    Raise ProgramMissing if it is not there, is not restic, or is older than 0.14.
    """
    path = process.find_program(program, "restic")
    answer = process.run([path, "version"], timeout=_PROBE_SECONDS)
    version = parse_version(answer.stdout)
    if answer.return_code or version is None:
        raise ProgramMissing(
            f"{path} does not answer as restic does", "name the right program: backup.restic in secwatch.toml"
        )
    if version < OLDEST:
        raise ProgramMissing(
            f"restic {'.'.join(map(str, version))} is too old, 0.14 or newer is needed", "apt-get install restic"
        )
    return path, version


def refuse_known_damage(version: Version, compression: str) -> None:
    """Raise ProgramMissing for 0.16.3 with maximal compression, which could write damaged data (fixed in 0.16.4)."""
    if version == (0, 16, 3) and compression == "max":
        raise ProgramMissing(
            "restic 0.16.3 can damage data with compression max", 'install a newer one, or set compression = "auto"'
        )
