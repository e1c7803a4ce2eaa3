"""Rule packs: checked, written into a directory of their own, and put in force by one transaction.

A kill at any instant leaves either the pack as it was or the new one, and at most a directory that
nobody names: the next import removes it.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from secwatch.core.errors import Refused, UsageProblem
from secwatch.scan import rulebook
from secwatch.scan.engine import YARA
from secwatch.scan.licences import guess
from secwatch.scan.pack_sources import Taken
from secwatch.scan.rule import Rule
from secwatch.scan.sources import GIVEN, OWN, SECWATCH, Origin, RuleFile, read
from secwatch.store import packs as store
from secwatch.store.packs import Pack
from secwatch.system.database import Database
from secwatch.system.paths import prepare
from secwatch.trust import signatures

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,40}")
_ARCHIVE_ENDINGS = re.compile(r"(\.git|\.zip|\.tar|\.t?gz|\.t?xz|\.tbz2?|\.bz2)+$", re.IGNORECASE)


@dataclass(frozen=True)
class Wanted:
    """What the user says of a pack, or what is known of it from before."""

    name: str
    path: Path
    licence: str = ""


@dataclass(frozen=True)
class Signed:
    """Who signed a pack, and what they say of it; all of it empty for one that nobody signed."""

    signer: str = ""
    version: str = ""
    licence: str = ""
    author: str = ""


UNSIGNED = Signed()


def check_signature(taken: Taken, keys: Path, before: Pack | None, *, only_signed: bool) -> Signed:
    """Return who signed what was taken. Call it before anything is compiled.

    Raise Refused for a signature that does not hold, for none where one is asked for, and for
    another signer than that of the pack which this one is to replace.
    """
    signer, manifest = signatures.check({**taken.files, **taken.texts}, keys)
    if only_signed and not signer:
        raise Refused(
            "the pack is not signed, and the configuration asks for it",
            "signed_packs_only in the table scan of: secwatch config show",
        )
    if before is not None and before.signer and signer != before.signer:
        who = f"signed by {signer}" if signer else "not signed"
        raise Refused(
            f"the pack was signed by {before.signer} until now, and this one is {who}",
            f"if that is meant: secwatch rules remove {before.name}, then import it",
        )
    return Signed(signer, manifest.version, manifest.licence, manifest.author) if manifest else UNSIGNED


@dataclass(frozen=True)
class Imported:
    """A pack as it was imported: its rules, and what of it is the same, new or gone since the last time."""

    pack: Pack
    rules: Sequence[Rule]
    before: Pack | None

    @property
    def unchanged(self) -> bool:
        """Whether it holds the very same as before."""
        return self.before is not None and self.before.sha256 == self.pack.sha256

    def changes(self) -> Mapping[str, int]:
        """Return how many rule files came, went and changed."""
        old, new = self.before.contents if self.before else {}, self.pack.contents
        return {
            "added": len(new.keys() - old.keys()),
            "removed": len(old.keys() - new.keys()),
            "changed": sum(old[name] != digest for name, digest in new.items() if name in old),
        }


def name_for(path: Path, given: str | None) -> str:
    """Return the name of a pack: the one given, or one made of its path. Raise UsageProblem if it cannot be one."""
    name = given
    if name is None:
        plain = _ARCHIVE_ENDINGS.sub("", path.resolve().name).lower()
        name = re.sub(r"[^a-z0-9_-]+", "-", plain).strip("-_")[:41]
    if not _NAME.fullmatch(name) or name in (SECWATCH, OWN, GIVEN):
        raise UsageProblem(
            f"{name!r} cannot be the name of a pack: lower case letters, digits, - and _, at most 41, "
            f"and not {SECWATCH}, {OWN} or {GIVEN}",
            "give it one: --name NAME",
        )
    return name


def bring_in(
    taken: Taken,
    wanted: Wanted,
    directory: Path,
    database: Database | None,
    moment: datetime,
    signed: Signed = UNSIGNED,
) -> Imported:
    """Compile what was taken, write it below `directory` and put it in force; without a database only check it.

    Files that do not compile are left out and named. Raise UnreadableInput if there is no rule file,
    SecwatchError if not one can be used. Hold the lock of the packs meanwhile.
    """
    prepare(directory)
    folder = f"{wanted.name}.{secrets.token_hex(8)}"
    before = store.find(database, wanted.name) if database else None
    partial = directory / f".partial-{folder}"
    try:
        _write(partial, {**taken.files, **taken.texts})
        book = rulebook.load(_written(partial, wanted.name, taken), YARA.name)
        pack = _pack(taken, wanted, book, partial, folder, before, moment, signed)
        if database:
            partial.rename(directory / folder)
            store.keep(database, pack)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    if database:
        tidy(directory, store.every(database))
    return Imported(pack, book.contents.rules, before)


def tidy(directory: Path, packs: Iterable[Pack]) -> None:
    """Remove the directories that no pack names, such as those of a run that was killed."""
    named = {pack.folder for pack in packs}
    for path in directory.iterdir() if directory.is_dir() else ():
        if path.name not in named and path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)


def origin(pack: Pack, directory: Path) -> Origin:
    """Return where the rules of a pack lie; a file that is not as it was imported will have a problem."""
    return Origin(pack.name, directory / pack.folder, pack.contents)


def clashes(rules: Iterable[Rule]) -> Mapping[str, Sequence[str]]:
    """Return the names that rules of several files have, with the files. They do not disturb each other."""
    files: dict[str, set[str]] = {}
    for rule in rules:
        files.setdefault(rule.name, set()).add(rule.namespace)
    return {name: sorted(found) for name, found in sorted(files.items()) if len(found) > 1}


def _write(directory: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with path.open("xb") as stream:
            stream.write(content)


def _written(directory: Path, name: str, taken: Taken) -> Sequence[RuleFile]:
    contents = {path: hashlib.sha256(content).hexdigest() for path, content in taken.files.items()}
    return read([Origin(name, directory, contents)])


def _pack(
    taken: Taken,
    wanted: Wanted,
    book: rulebook.Rulebook,
    partial: Path,
    folder: str,
    before: Pack | None,
    moment: datetime,
    signed: Signed,
) -> Pack:
    broken: dict[str, dict[str, Any]] = {}
    for item in book.contents.broken:
        name = item.path.removeprefix(f"{partial}/")
        broken[name] = {"file": f"{wanted.name}/{name}", "line": item.line, "message": item.message}
    contents = {
        name: hashlib.sha256(content).hexdigest() for name, content in taken.files.items() if name not in broken
    }
    whole = hashlib.sha256()
    for name, content in sorted({**taken.files, **taken.texts}.items()):
        whole.update(f"{len(name)} {name} {len(content)} ".encode())
        whole.update(content)
    return Pack(
        name=wanted.name,
        kind=taken.kind,
        path=str(wanted.path.resolve()),
        source=taken.source,
        version=signed.version or taken.version,
        licence=signed.licence or wanted.licence or guess(content for _, content in sorted(taken.texts.items())),
        author=signed.author,
        signer=signed.signer,
        sha256=whole.hexdigest(),
        folder=folder,
        contents=contents,
        broken=tuple(broken.values()),
        rules=len(book.contents.rules),
        imported_at=before.imported_at if before else moment,
        updated_at=moment,
    )
