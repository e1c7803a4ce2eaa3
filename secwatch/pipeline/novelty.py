"""What of a file of a directory is new: it may have been read alone, packed, under another name, or in part.

A file is known when all of its content is recorded, whoever brought it. It stands in the place of what was read
elsewhere and is its beginning. What another file of the same directory gave is never removed for it: the flows of
a sequence are shared among its files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from secwatch.pipeline.claims import Claims
from secwatch.pipeline.identity import beginnings, content_of, hint_of, is_one_of, suffices
from secwatch.sensor.content import Content
from secwatch.sensor.pcapfile import CaptureFile
from secwatch.sensor.rotation import Rotated
from secwatch.store import lake as store
from secwatch.store.follows import Part, recorded
from secwatch.system.database import Database

# With so many candidates (all pcapng files of one writer begin alike) their times say which it may be.
_MANY = 16


@dataclass(frozen=True)
class View:
    """What a run over a directory knows: its parts by path, which of them it reads anew, the input it read last.

    stale are the numbers of parts that are to be replaced; last is None if nothing can go on, and place is the
    path and the first time of the file that was read last.
    """

    database: Database
    key: bytes
    directory: str
    claims: Claims
    parts: Mapping[str, Part]
    stale: frozenset[int]
    last: int | None
    place: tuple[str, int] | None
    again: bool
    flows_only: bool

    def suffices(self, holder: store.Holder) -> bool:
        """Return whether bytes that an input holds need not be read."""
        if holder.directory == self.directory:
            return holder.id not in self.stale
        return suffices(holder, self.again, self.flows_only)


@dataclass(frozen=True)
class Verdict:
    """What a file is: known; the continuation of what was read last; more of an older part; or to be read.

    replaces are the inputs that it stands for; what lies before counted_to (µs) was counted with them.
    """

    known: bool = False
    continues: bool = False
    more_of: str | None = None
    replaces: tuple[int, ...] = ()
    counted_to: int = 0


def is_known(view: View, path: str) -> bool:
    """Return whether the very bytes of a file are recorded. Only the file's ends are read if not."""
    held = {item.identity for item in store.holders_by_hint(view.database, hint_of(path)) if view.suffices(item)}
    try:
        return is_one_of(path, held, view.key)
    except OSError:
        return False


def judge(view: View, item: Rotated) -> Verdict:
    """Return what a file is, by its content if anything recorded begins like it. Raise UnreadableInput."""
    if is_known(view, item.path):
        return Verdict(known=True)
    content, begun, holders = _look_at(view, item)
    ours = [found for found in begun if found.directory == view.directory and found.id not in view.stale]
    if ours and ours[-1].growing and ours[-1].id == view.last:
        return Verdict(continues=True)  # even if there is no more of it: its flows are open
    equal = [found for found in begun if content is not None and found.length == content.length]
    # What is growing elsewhere has flows that are open there: it is replaced.
    whole = [found for found in equal if not found.growing or found.directory == view.directory]
    as_holders = [store.Holder(found.id, found.tag, found.flows_only, found.directory, True) for found in whole]
    if any(view.suffices(holder) for holder in (*holders, *as_holders)):
        return Verdict(known=True)
    if ours and ours[-1].id == view.last:
        return Verdict(continues=True)
    if ours:
        names = {part.id: part.path for part in view.parts.values()}
        return Verdict(more_of=names.get(ours[-1].id, "a file that was written over"))
    others = [found for found in begun if found.id in view.stale or found.directory != view.directory]
    torn = next(filter(None, (_tied(view, found) for found in others if found not in whole)), None)
    if torn and not view.again:
        return Verdict(more_of=torn)
    same = {holder.id for holder in holders if holder.whole} | {found.id for found in whole}
    replaces = {*same, *(found.id for found in others), *_abandoned(view, item)}
    counted_to = 0 if same else max((found.last_time for found in others), default=0)
    return Verdict(replaces=tuple(sorted(replaces)), counted_to=counted_to)


def candidates(view: View, head: str, item: Rotated) -> Sequence[store.KnownContent]:
    """Return the inputs that the file may begin with, but for what others are reading."""
    similar = store.contents(view.database, head)
    if len(similar) > _MANY:
        similar = [found for found in similar if found.first_time <= item.first_time <= found.last_time]
    return view.claims.among(similar)


def held_elsewhere(view: View, path: str, identity: str, content: Content) -> Sequence[int]:
    """Return the inputs from elsewhere whose content a file that has been read begins with, or is."""
    begun = beginnings(path, content, view.claims.among(store.contents(view.database, content.head)))
    found = {item.id: item.directory for item in begun}
    found |= {item.id: item.directory for item in store.holders(view.database, identity, content.tag) if item.whole}
    return sorted(number for number, directory in found.items() if directory != view.directory)


def _look_at(view: View, item: Rotated) -> tuple[Content | None, Sequence[store.KnownContent], Sequence[store.Holder]]:
    """Return the content, what it begins with, and who holds all of it; nothing if nothing begins like it."""
    with CaptureFile(item.path, view.key) as capture:
        head, size = capture.head.hex(), None if capture.compressed else capture.size
    similar = [found for found in candidates(view, head, item) if size is None or found.length <= size]
    lengths = store.beginning_lengths(view.database, head)
    if not similar and not (lengths if size is None else size in lengths):
        return None, (), ()
    content = content_of(item.path, view.key, [found.length for found in similar])
    return content, beginnings(item.path, content, similar), store.holders(view.database, "", content.tag)


def _tied(view: View, found: store.KnownContent) -> str | None:
    """The path of a part of another directory that cannot be replaced alone: what followed it has flows of it."""
    if not found.directory or found.directory == view.directory:
        return None
    for before, after in pairwise(recorded(view.database, found.directory).values()):
        if before.id == found.id and after.carried:
            return before.path
    return None


def _abandoned(view: View, item: Rotated) -> Sequence[int]:
    """A part that was at this place and cannot be taken up, or is read anew: its content may not be known."""
    part = view.parts.get(item.path)
    if part is None or (part.quick_identity and part.id not in view.stale):
        return ()
    if part.first_time != item.first_time and view.place != (item.path, item.first_time):
        return ()
    return (part.id,)


def stale_parts(parts: Mapping[str, Part], last: int | None) -> frozenset[int]:
    """Return the parts to read anew so that all are read for more than their flows.

    Those that share flows with one of them go with it, before and after. What was read last and for everything
    needs not: the flows that were open at its end are kept.
    """
    ordered = list(parts.values())
    stale = {part.id for part in ordered if part.flows_only}
    for before, after in pairwise(ordered):
        if before.id in stale and after.carried:
            stale.add(after.id)
    for after, before in pairwise(reversed(ordered)):
        if after.id in stale and after.carried and before.id != last:
            stale.add(before.id)
    return frozenset(stale)
