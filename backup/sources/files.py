"""Directories and files as they are: what of them is missing, and how restic is told to read them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from backup.model import FilesSource, Unreadable
from backup.restic_patterns import escape
from secwatch.core.errors import ConfigurationInvalid, Refused


def missing(sources: Sequence[FilesSource]) -> tuple[Unreadable, ...]:
    """Return the paths that cannot be seen, and why: restic before 0.19 says nothing of them and returns 0."""
    found = []
    for path in (path for source in sources for path in source.paths):
        try:
            path.lstat()
        except OSError as error:
            found.append(Unreadable(str(path), error.strerror or "cannot be seen"))
    return tuple(found)


def refuse_links(sources: Sequence[FilesSource]) -> None:
    """Raise Refused for a source that is itself a link: restic would keep the link and nothing behind it."""
    for path in (path for source in sources for path in source.paths):
        if path.is_symlink():
            behind = os.path.realpath(path)
            raise Refused(f"the source {path} is a link to {behind}", f"name {behind} in paths")


def exclude_patterns(sources: Sequence[FilesSource]) -> tuple[str, ...]:
    """Return restic's patterns for what the sources leave out.

    To restic a relative pattern counts everywhere; here it counts below its own source's paths, or
    one source would silently take files out of another.
    """
    patterns = []
    for source in sources:
        for pattern in source.exclude:
            if pattern.startswith("/"):
                patterns.append(pattern)
            else:
                patterns.extend(f"{escape(str(path))}/**/{pattern}" for path in source.paths)
    return tuple(patterns)


def one_file_system(sources: Sequence[FilesSource], job: str) -> bool:
    """Return whether to stay on one file system. Raise ConfigurationInvalid if the sources of a job differ in it."""
    answers = {source.one_file_system for source in sources}
    if len(answers) > 1:
        raise ConfigurationInvalid(
            f"the sources of job {job} differ in one_file_system, which goes for a whole snapshot",
            "make two jobs of them, or give all the same value",
        )
    return answers.pop()


def roots(sources: Sequence[FilesSource]) -> tuple[Path, ...]:
    """Return the paths without those that lie inside another one, so that nothing is walked twice."""
    every = sorted({path for source in sources for path in source.paths})
    return tuple(path for path in every if not any(other in path.parents for other in every))
