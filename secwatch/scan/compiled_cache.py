"""Compiled rulebooks kept between runs, in a directory that nobody else can have written to.

A compiled rulebook is code for the engine: loading one that somebody planted is running it. So
the directory and the file must belong to the running user and be writable by nobody else, and
what is loaded must have the hash that was recorded. Anything off, and the rules are compiled anew.
One file holds both parts: a line of JSON with the hashes, then the contents, then the compiled form.
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
from dataclasses import dataclass
from pathlib import Path

import msgspec

from secwatch.core.errors import Refused
from secwatch.system.paths import prepare

SUFFIX = ".rulebook"
# One for each set of rules in use, and some for those that are being edited.
MAX_KEPT = 8
MAX_BYTES = 1 << 30
_MAX_HEADER = 4096


@dataclass(frozen=True)
class Kept:
    """What a file of the cache holds."""

    contents: bytes
    compiled: bytes


class _Header(msgspec.Struct, frozen=True):
    key: str
    contents_bytes: int
    compiled_bytes: int
    sha256: str


def load(directory: Path, key: str) -> tuple[Kept | None, str]:
    """Return what is kept under this key or None, and a sentence if the directory must not be used at all."""
    if not directory.exists():
        return None, ""
    problem = _distrust(directory.lstat(), directory=True)
    if problem:
        return None, f"the compiled rules in {directory} are not used: {problem}"
    try:
        descriptor = os.open(directory / f"{key}{SUFFIX}", os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return None, ""
    with os.fdopen(descriptor, "rb") as stream:
        found = os.fstat(descriptor)
        if _distrust(found, directory=False) or found.st_size > MAX_BYTES:
            return None, ""
        raw = stream.read(MAX_BYTES)
    return _parse(raw, key), ""


def save(directory: Path, key: str, contents: bytes, compiled: bytes) -> str:
    """Keep a compiled rulebook; return a sentence if that cannot be. Older ones beyond the newest few go."""
    try:
        prepare(directory)
        problem = _distrust(directory.lstat(), directory=True)
        if problem:
            return f"the compiled rules are not kept: {problem}"
        header = _Header(key, len(contents), len(compiled), _hash(contents, compiled))
        _write(directory / f"{key}{SUFFIX}", msgspec.json.encode(header) + b"\n" + contents + compiled)
        _prune(directory)
    except (OSError, Refused) as error:
        return f"the compiled rules are not kept: {error}"
    return ""


def _distrust(found: os.stat_result, *, directory: bool) -> str:
    """Return why a directory or file of the cache cannot be trusted, or nothing."""
    if directory and not stat.S_ISDIR(found.st_mode):
        return "it is not a directory"
    if not directory and not stat.S_ISREG(found.st_mode):
        return "it is not a regular file"
    if found.st_uid != os.geteuid():
        return "it belongs to another user"
    if stat.S_IMODE(found.st_mode) & (stat.S_IWGRP | stat.S_IWOTH):
        return "others may write to it"
    return ""


def _parse(raw: bytes, key: str) -> Kept | None:
    line, found, _ = raw[:_MAX_HEADER].partition(b"\n")
    if not found:
        return None
    try:
        header = msgspec.json.decode(line, type=_Header)
    except msgspec.MsgspecError:
        return None
    body = memoryview(raw)[len(line) + 1 :]
    contents, compiled = bytes(body[: header.contents_bytes]), bytes(body[header.contents_bytes :])
    if header.key != key or len(compiled) != header.compiled_bytes or header.sha256 != _hash(contents, compiled):
        return None
    return Kept(contents, compiled)


def _hash(contents: bytes, compiled: bytes) -> str:
    digest = hashlib.sha256(contents)
    digest.update(compiled)
    return digest.hexdigest()


def _write(path: Path, data: bytes) -> None:
    """Written beside and renamed: a run that is killed leaves no half of a rulebook under its name."""
    partial = path.with_name(f".{path.name}.partial-{os.getpid()}")
    try:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
        partial.rename(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise


def _prune(directory: Path) -> None:
    kept = sorted(directory.glob(f"*{SUFFIX}"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    abandoned = [path for path in directory.glob(".*.partial-*") if path.stat().st_mtime < time.time() - 3600]
    for path in (*kept[MAX_KEPT:], *abandoned):
        path.unlink(missing_ok=True)
