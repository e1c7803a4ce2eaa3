"""What rules may ask about a file besides its content: name, path, extension, kind, owner, MD5.

The names and their meaning are those of Loki, because the public rule sets are written for them
(signature-base: filename, filepath, extension, filetype, owner; md5 is an extension of ours).
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterable, Mapping
from functools import lru_cache

from secwatch.scan.contents import Content, digest_of, head_of

# First bytes → the word that signature-base's rules compare `filetype` with (its misc/file-type-signatures.txt).
_KINDS = (
    (b"\x7fELF", "ELF"),
    (b"MZ", "EXE"),
    (b"%PDF", "PDF"),
    (b"PK\x03\x04", "ZIP"),
    (b"Rar!\x1a\x07", "RAR"),
    (b"7z\xbc\xaf\x27\x1c", "7Z"),
    (b"\x1f\x8b", "GZIP"),
    (b"BZh", "BZIP2"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "OLE"),
    (b"GIF8", "GIF"),
    (b"\xff\xd8\xff", "JPG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"BM", "BMP"),
    (b"{\\rtf", "RTF"),
    (b"L\x00\x00\x00\x01\x14\x02\x00", "LNK"),
    (b"regf", "REGISTRY"),
    (b"MDMP", "MDMP"),
)


def values(wanted: Iterable[str], path: str, content: Content, owner: int | None) -> Mapping[str, str]:
    """Return the externals that are wanted, by name. owner is a user identifier, None if unknown. Raise OSError."""
    return {name: _value(name, path, content, owner) for name in wanted}


def _value(name: str, path: str, content: Content, owner: int | None) -> str:
    if name == "md5":
        return digest_of(content, "md5")
    if name == "filetype":
        head = head_of(content)
        return next((kind for start, kind in _KINDS if head.startswith(start)), "")
    if name == "owner":
        return "" if owner is None else user_name(owner)
    shown = os.fsencode(path).decode("utf-8", "replace")
    if name == "filepath":
        return shown
    file_name = shown.rpartition("/")[2]
    return file_name if name == "filename" else os.path.splitext(file_name)[1]  # noqa: PTH122


@lru_cache(maxsize=1024)
def user_name(identifier: int) -> str:
    """Return the name of a user, or the number if the system knows none."""
    try:
        return pwd.getpwuid(identifier).pw_name
    except KeyError:
        return str(identifier)
