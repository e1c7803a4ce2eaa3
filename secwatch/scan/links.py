"""Names of one file: the first in the walk's order is scanned, the others are counted."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace

from secwatch.scan.verdicts import Examined, Reason, Verdict
from secwatch.scan.walk import Batch


def once(items: Iterable[Batch | Examined], max_bytes: int) -> Iterator[Batch | Examined]:
    """Yield the items of a walk, without the further names of files of several names; these as skipped.

    A file of more than max_bytes is not scanned under any name, and each is counted for that reason.
    """
    seen: set[tuple[int, int]] = set()
    for item in items:
        if isinstance(item, Examined):
            yield item
            continue
        names = []
        for name in item.names:
            if _is_new(name, item, seen, max_bytes):
                names.append(name)
            else:
                yield Examined(item.path_of(name), Verdict.SKIPPED, Reason.HARD_LINK, named=item.named)
        if names:
            yield item if len(names) == len(item.names) else replace(item, names=names)
        else:
            os.close(item.directory)


def _is_new(name: str, batch: Batch, seen: set[tuple[int, int]], max_bytes: int) -> bool:
    """What cannot be looked at here is new: whoever opens it will say why it cannot."""
    try:
        found = os.stat(name, dir_fd=batch.directory, follow_symlinks=False)
    except OSError:
        return True
    if found.st_nlink == 1 or found.st_size > max_bytes:
        return True
    if batch.device is not None and found.st_dev != batch.device:
        return True
    identity = (found.st_dev, found.st_ino)
    if identity in seen:
        return False
    seen.add(identity)
    return True
