"""Where secwatch keeps things: the shipped data, and the directories of the place it works in."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from secwatch.core.errors import Refused, UsageProblem

CONFIGURATION_NAME = "secwatch.toml"


def shipped(name: str) -> Path:
    """Return the directory of shipped data (`rules` or `configs`), installed or in a checkout."""
    installed = Path(str(files("secwatch"))) / "_data" / name
    return installed if installed.is_dir() else Path(__file__).resolve().parents[2] / name


@dataclass(frozen=True)
class Place:
    """The directories of one installation: a workspace, systemd's directories, or XDG's.

    Nothing is created by building one; `prepare` makes a directory when it is needed.
    """

    configuration: Path
    state: Path
    cache: Path
    runtime: Path
    workspace: Path | None = None

    @property
    def configuration_file(self) -> Path:
        """The configuration file of this place; it need not exist."""
        return self.configuration / CONFIGURATION_NAME

    @property
    def database(self) -> Path:
        """The one SQLite file."""
        return self.state / "secwatch.db"

    @property
    def lake(self) -> Path:
        """Parquet files, one directory a table."""
        return self.state / "lake"

    @property
    def evidence(self) -> Path:
        """Packets that live capture keeps for a while."""
        return self.state / "evidence"

    @property
    def follow(self) -> Path:
        """Open flows of directories that are read file by file."""
        return self.state / "follow"

    @property
    def detections(self) -> Path:
        """The user's own detections."""
        return self.configuration / "detections"

    @property
    def rules(self) -> Path:
        """The user's own YARA rules."""
        return self.configuration / "rules"

    @property
    def signers(self) -> Path:
        """Public keys of those whose signatures of rule packs are trusted, NAME.pub each."""
        return self.configuration / "signers"

    @property
    def packs(self) -> Path:
        """Packs of YARA rules that were imported."""
        return self.state / "packs"

    @property
    def bulletins(self) -> Path:
        """Bulletins as they were rendered."""
        return self.state / "bulletins"


def prepare(directory: Path, mode: int = 0o700) -> Path:
    """Make a directory (and its parents) if need be and return it. Raise Refused if that fails."""
    try:
        directory.mkdir(mode=mode, parents=True, exist_ok=True)
    except OSError as error:
        raise Refused(
            f"cannot make the directory {directory}: {error.strerror}",
            "choose another place with -w DIR, or fix its permissions",
        ) from error
    return directory


def find_place(workspace: str | None = None) -> Place:
    """Return the place to work in.

    In this order: the workspace asked for, the current directory if it is a workspace, systemd's
    directories, /etc and /var for root, XDG's directories. Raise UsageProblem for a workspace that
    is none, Refused for a current directory that another user could have planted.
    """
    if workspace:
        return _asked_for(Path(workspace))
    here = Path.cwd()
    if (here / CONFIGURATION_NAME).is_file():
        _check_owner(here)
        return workspace_at(here)
    return _system_place()


def workspace_at(directory: Path) -> Place:
    """Return the place that is the workspace in this directory."""
    base = directory.resolve()
    return Place(base, base / "state", base / "state" / "cache", base / "state" / "run", base)


def _asked_for(directory: Path) -> Place:
    if not (directory / CONFIGURATION_NAME).is_file():
        raise UsageProblem(
            f"{directory} is not a secwatch workspace: it has no {CONFIGURATION_NAME}",
            f"make one with: secwatch init {directory}",
        )
    return workspace_at(directory)


def refuse_foreign(path: Path) -> None:
    """Raise Refused unless the path is our own, no link, and nobody else could have changed it."""
    found = path.lstat()
    if stat.S_ISLNK(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise Refused(f"{path} is not used, because others could have prepared it", "choose a directory of your own")


def _check_owner(directory: Path) -> None:
    """A configuration may name commands to run, so one that somebody else planted is not obeyed."""
    for path in (directory, directory / CONFIGURATION_NAME):
        found = path.stat()
        if found.st_uid not in (os.geteuid(), 0) or stat.S_IMODE(found.st_mode) & stat.S_IWOTH:
            raise Refused(
                f"the workspace here is not used, because others could have changed {path}",
                f"if it is yours, name it: secwatch -w {directory} …",
            )


def _system_place() -> Place:
    def directory(variable: str, root: str, xdg: str, default: str) -> Path:
        given = os.environ.get(variable)
        if given:  # systemd may give several, separated by colons: the first is ours
            return Path(given.partition(":")[0])
        if os.geteuid() == 0:
            return Path(root)
        base = os.environ.get(xdg)
        return (Path(base) if base else Path.home() / default) / "secwatch"

    state = directory("STATE_DIRECTORY", "/var/lib/secwatch", "XDG_STATE_HOME", ".local/state")
    runtime = os.environ.get("RUNTIME_DIRECTORY")
    return Place(
        configuration=directory("CONFIGURATION_DIRECTORY", "/etc/secwatch", "XDG_CONFIG_HOME", ".config"),
        state=state,
        cache=directory("CACHE_DIRECTORY", "/var/cache/secwatch", "XDG_CACHE_HOME", ".cache"),
        runtime=Path(runtime.partition(":")[0]) if runtime else state / "run",
    )
