"""Files of the lake that nothing names any more are removed, but never under the feet of a query.

Who reads the lake without being its writer shares the lock READERS, from before it asks the database
which files there are until it has read them. Who removes files holds that lock alone, for a moment; when
there is a reader, the files stay for the next time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from secwatch.core.errors import Locked
from secwatch.lake.layout import remove_unrecorded
from secwatch.store import lake as store
from secwatch.system import lock
from secwatch.system.database import Database
from secwatch.system.paths import Place

READERS = "lake-readers"
_PATIENCE_SECONDS = 10.0


@contextmanager
def reading(place: Place) -> Iterator[None]:
    """Keep the files that the database names where they are. Ask it for them inside the block."""
    with lock.hold(place.runtime, READERS, wait_seconds=_PATIENCE_SECONDS, shared=True):
        yield


def tidy(place: Place, database: Database) -> int:
    """Remove the files that no row names, unless somebody is reading; return how many.

    Call it while holding the lock of the writers and outside of any transaction.
    """
    try:
        with lock.hold(place.runtime, READERS):
            return remove_unrecorded(place.lake, store.recorded_paths(database))
    except Locked:
        return 0
