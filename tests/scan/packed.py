"""Packs of rules for tests, in every form that can be imported."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

GOOD = 'rule marker { meta: severity = "high" author = "A. Writer" strings: $m = "SECWATCH-TEST-MARKER" condition: $m }'
OTHER = 'rule marker { strings: $m = "SECWATCH-TEST-MARKER" condition: $m and filesize > 1 }'
BROKEN = "rule broken {\n condition:\n  nosuch\n}"
MIT = "MIT License\n\nPermission is hereby granted, free of charge, to any person obtaining a copy of this software"
FILES = {"a/marker.yar": GOOD, "b/other.yara": OTHER, "c/bad.yar": BROKEN, "LICENSE": MIT, "README.md": "words"}


def zip_of(path: Path, files: dict[str, str], top: str = "rules-main/") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(top + name, text)
    return path


def tar_of(path: Path, files: dict[str, str], *extra: tarfile.TarInfo, mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
        for member in extra:
            archive.addfile(member)
    return path


def directory_of(path: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(text)
    return path


def member_of(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member
