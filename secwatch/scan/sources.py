"""The rule files of a rulebook: found in directories, read with bounds, named by where they come from."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from secwatch.core.errors import UnreadableInput, UsageProblem
from secwatch.system.paths import Place, shipped

SUFFIXES = (".yar", ".yara")
SAMPLES = "samples"
# The names of origins that are no packs: what is shipped, the user's own, and what --rules names.
SECWATCH, OWN, GIVEN = "secwatch", "own", "given"
# The largest file of the large public sets is under 2 MB, the largest set has some thousand files.
MAX_FILE_BYTES = 16 << 20
MAX_FILES = 50_000
MAX_TOTAL_BYTES = 512 << 20


@dataclass(frozen=True)
class RuleFile:
    """One rule file. `problem` says why its text is not there, `line` where."""

    namespace: str
    path: str
    text: str
    sha256: str
    problem: str = ""
    line: int = 0


@dataclass(frozen=True)
class Origin:
    """A place that rules come from; its name begins the namespaces.

    files, where it is given, has the hash of every file by relative path: these are read, no others,
    and one that is another now has a problem.
    """

    name: str
    path: Path
    files: Mapping[str, str] | None = None


def origins(place: Place, given: Sequence[str] = ()) -> Sequence[Origin]:
    """Return where rules come from: the paths given, or else the shipped and the user's own.

    Raise UnreadableInput for a given path that does not exist.
    """
    if not given:
        return (Origin(SECWATCH, shipped("rules") / "yara"), Origin(OWN, place.rules))
    for path in given:
        if not os.path.lexists(path):
            raise UnreadableInput(
                f"there are no rules at {path}: no such file or directory", "name a file or directory"
            )
    return [Origin(GIVEN, Path(path)) for path in given]


def read(origin_list: Sequence[Origin]) -> Sequence[RuleFile]:
    """Return every rule file of these origins, sorted by name. A file that cannot be read has a problem.

    A file's namespace is its path from its origin on, so that its alerts are known again wherever the
    rules lie; only where two origins have one of the same name is the second numbered. A file that
    two origins share is read once.

    Raise UsageProblem when there are more files or bytes than any rulebook has.
    """
    files: list[RuleFile] = []
    known: set[str] = set()
    taken: Counter[str] = Counter()
    total = 0
    for origin in origin_list:
        for path in sorted(_paths(origin)):
            if (real := os.path.realpath(path)) in known:
                continue
            known.add(real)
            relative = path.relative_to(origin.path) if path != origin.path else Path(path.name)
            name = f"{origin.name}/{_safe(str(relative))}"
            taken[name] += 1
            found = _read(name if taken[name] == 1 else f"{name}#{taken[name]}", path)
            files.append(_expected(found, origin.files[str(relative)]) if origin.files is not None else found)
            total += len(files[-1].text)
            if len(files) > MAX_FILES or total > MAX_TOTAL_BYTES:
                raise UsageProblem(
                    f"{origin.path} holds more than {MAX_FILES} rule files or {MAX_TOTAL_BYTES >> 20} MiB of them",
                    "name the directory of the rules with --rules",
                )
    return files


def _expected(file: RuleFile, sha256: str) -> RuleFile:
    if file.problem or file.sha256 == sha256:
        return file
    pack = file.namespace.partition("/")[0]
    return replace(file, text="", problem=f"changed since it was imported: secwatch rules update {pack}")


def _paths(origin: Origin) -> Iterator[Path]:
    """Directories of samples and hidden ones hold no rules. A file that is named is taken as it is called."""
    start = origin.path
    if origin.files is not None:
        yield from (start / name for name in origin.files)
        return
    if not start.is_dir():
        if start.exists():
            yield start
        return
    for directory, names, file_names in os.walk(start, followlinks=False):
        names[:] = [name for name in names if name != SAMPLES and not name.startswith(".")]
        for name in file_names:
            if name.endswith(SUFFIXES) and not name.startswith("."):
                yield Path(directory) / name


def _safe(text: str) -> str:
    return os.fsencode(text).decode("utf-8", "backslashreplace")


def _read(namespace: str, path: Path) -> RuleFile:
    shown = _safe(str(path))
    try:
        if not path.is_file():
            return RuleFile(namespace, shown, "", "", "not a regular file")
        with path.open("rb") as stream:
            raw = stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        return RuleFile(namespace, shown, "", "", f"cannot be read: {error.strerror}")
    digest = hashlib.sha256(raw).hexdigest()
    if len(raw) > MAX_FILE_BYTES:
        return RuleFile(namespace, shown, "", digest, f"larger than {MAX_FILE_BYTES >> 20} MiB")
    try:
        return RuleFile(namespace, shown, raw.decode("utf-8-sig"), digest)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        return RuleFile(namespace, shown, "", digest, "not UTF-8 text", line)
