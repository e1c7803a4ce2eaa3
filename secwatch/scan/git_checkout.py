"""Where a git checkout comes from: its remote and commit, read from its files.

git itself is not asked: the configuration of a foreign repository can name programs for it to run.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

# .git/config and packed-refs of large repositories are some hundred kilobytes.
_MAX_BYTES = 4 << 20
_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")


@dataclass(frozen=True)
class Checkout:
    """Either may be empty, if the repository does not say."""

    remote: str
    commit: str


def checkout_of(directory: Path) -> Checkout | None:
    """Return where a checkout comes from; None if the directory is none. Credentials in the remote are left out."""
    home = directory / ".git"
    pointer = re.match(r"gitdir: (.+)", _text(home)) if home.is_file() else None
    if pointer:  # a worktree or submodule: the directory is elsewhere
        home = directory / pointer.group(1).strip()
    if not (home / "HEAD").is_file():
        return None
    common = home / (_text(home / "commondir").strip() or ".")
    return Checkout(_remote(_text(common / "config")), _commit(home, common))


def _commit(home: Path, common: Path) -> str:
    head = _text(home / "HEAD").strip()
    named = re.fullmatch(r"ref: (refs/[\w./-]+)", head)
    if named is None:
        return head if _COMMIT.fullmatch(head) else ""
    reference = named.group(1)
    if ".." in reference:
        return ""
    for place in (home, common):
        found = _text(place / reference).strip()
        if _COMMIT.fullmatch(found):
            return found
    packed = re.search(rf"^({_COMMIT.pattern}) {re.escape(reference)}$", _text(common / "packed-refs"), re.MULTILINE)
    return packed.group(1) if packed else ""


def _remote(config: str) -> str:
    section = ""
    urls: dict[str, str] = {}
    for line in map(str.strip, config.splitlines()):
        if line.startswith("["):
            section = line
        elif found := re.fullmatch(r"url\s*=\s*(\S+)", line):
            urls.setdefault(section, found.group(1))
    url = urls.get('[remote "origin"]') or next((url for name, url in urls.items() if name.startswith("[remote ")), "")
    # https://user:token@host/…: the token is nobody's business; git@host:… names no secret.
    return re.sub(r"^([a-z][a-z0-9+.-]*://)[^/@]*@", r"\1", url)


def _text(path: Path) -> str:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as stream:
            return stream.read(_MAX_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""
