"""Removing a restored tree: however deep, whatever modes its directories have, without following a link of it."""

from __future__ import annotations

import os
from pathlib import Path


def remove_tree(directory: Path) -> None:
    """Remove a directory and all below it, if it is there. Raise OSError for what resists.

    Only for directories inside one that nobody else may enter: it goes by path. No recursion, so
    that a tree nested a thousand deep is removed as well.
    """
    if not directory.is_dir() or directory.is_symlink():
        directory.unlink(missing_ok=True)
        return
    pending = [str(directory)]
    while pending:
        current = pending[-1]
        if os.geteuid():  # without write permission on a directory its owner cannot empty it
            Path(current).chmod(0o700)
        inner = []
        with os.scandir(current) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    inner.append(entry.path)
                else:
                    Path(entry.path).unlink()
        if inner:
            pending.extend(inner)
        else:
            Path(current).rmdir()
            pending.pop()
