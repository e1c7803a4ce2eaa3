"""Whether an input was read before: by its quick identity, its tag, and by what inputs of earlier versions have.

Before there was a key, inputs were recorded with the SHA-256 of their bytes. For those, and only for those, the
file is read a second time: what they gave is known or replaced as ever, and never there twice. Of standard
input, which cannot be read again, an old record is not recognised: it stays beside the new one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from pathlib import Path

from secwatch.core.errors import UnreadableInput
from secwatch.sensor.content import KEYED, Content, tag_of
from secwatch.sensor.pcapfile import CaptureFile, quick_identity
from secwatch.store.lake import Holder, KnownContent

_PIECE = 1 << 20


def hint_of(path: str) -> str:
    """The quick identity; '' for what has none: standard input, a pipe, or what cannot be opened (said later)."""
    if path == "-":
        return ""
    try:
        return quick_identity(path)
    except UnreadableInput:
        return ""


def is_one_of(path: str, identities: Collection[str], key: bytes) -> bool:
    """Return whether the file's bytes are those of one of these identities; a quick identity alone is no proof."""
    keyed = {identity for identity in identities if identity.startswith(KEYED)}
    if not identities:
        return False
    with Path(path).open("rb", buffering=0) as stream:
        if keyed and tag_of(stream.fileno(), 0, key) in keyed:
            return True
        older = set(identities) - keyed
        return bool(older) and hashlib.file_digest(stream, "sha256").hexdigest() in older


def suffices(holder: Holder, again: bool, flows_only: bool) -> bool:
    """Return whether bytes that an input holds need not be read; for more than their flows they are, if they can be.

    What has grown since is not replaced by what it was.
    """
    return not holder.whole or not (again or holder.flows_only > flows_only)


def beginnings(path: str, content: Content, similar: Sequence[KnownContent]) -> Sequence[KnownContent]:
    """Return those of the inputs that the content begins with, or is."""
    older = [item.length for item in similar if not item.tag.startswith(KEYED)]
    tags = {
        **content.prefixes,
        content.length: content.tag,
        **{-length: tag for length, tag in _hashes(path, older).items()},
    }
    return [
        item
        for item in similar
        if item.length <= content.length
        and tags.get(item.length if item.tag.startswith(KEYED) else -item.length) == item.tag
    ]


def content_of(path: str, key: bytes, lengths: Sequence[int]) -> Content:
    """Return the content of a file with the tags of its beginnings of these lengths. Raise UnreadableInput."""
    buffer = memoryview(bytearray(_PIECE))
    with CaptureFile(path, key) as capture:
        capture.expect(lengths)
        while size := capture.read_into(buffer):
            capture.tag(buffer[:size])
        return capture.identity()[1]


def _hashes(path: str, lengths: Sequence[int]) -> dict[int, str]:
    """Return the SHA-256 of the first so many bytes of the content, for those lengths that it has."""
    found: dict[int, str] = {}
    if not lengths or path == "-":
        return found
    whole = hashlib.sha256()
    done = 0
    buffer = bytearray(_PIECE)
    with CaptureFile(path) as capture:
        for length in sorted(set(lengths)):
            while done < length and (size := capture.read_into(memoryview(buffer)[: length - done])):
                whole.update(memoryview(buffer)[:size])
                done += size
            if done == length:
                found[length] = whole.hexdigest()
    return found
