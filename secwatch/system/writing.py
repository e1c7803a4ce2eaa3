"""Files that people name as an output: written beside and renamed, so that a reader never sees half of one."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


def write_text(path: Path, text: str) -> None:
    """Make a file hold this text. Raise OSError if that fails; then what was there before is unchanged."""
    with replacing(path) as stream:
        stream.write(text.encode())


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Give a stream whose content becomes the file when the block ends well. Raise OSError if that fails.

    If the block ends by an exception, what was there before is unchanged. A link is followed. What is there and no
    regular file (a device, a pipe: /dev/stdout, /dev/null) is written into and never replaced. A new file gets the
    mode that the umask leaves, an old one keeps its own.
    """
    mode = path.stat().st_mode if path.exists() else None
    if mode is not None and not stat.S_ISREG(mode):
        # By its own name: behind /dev/stdout lies pipe:[1234], which is no path.
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOCTTY), "wb") as stream:
            yield stream
        return
    target = path.resolve()
    descriptor, partial = tempfile.mkstemp(prefix=f".{target.name[:100]}.", dir=target.parent)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            os.fchmod(descriptor, 0o666 & ~_umask() if mode is None else stat.S_IMODE(mode))
            yield stream
            stream.flush()
            os.fsync(descriptor)
        Path(partial).rename(target)
    except BaseException:
        Path(partial).unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
