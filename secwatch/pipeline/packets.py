"""The packets of an alert: which ones they are, and where they may still be had."""

from __future__ import annotations

import ipaddress
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from secwatch.core.errors import SecwatchError, UnreadableInput
from secwatch.core.model import Finding, Origin
from secwatch.core.moments import from_microseconds, to_microseconds, to_text
from secwatch.pipeline.identity import hint_of, is_one_of
from secwatch.sensor import segments
from secwatch.sensor.selection import PcapWriter, Selector, Wish
from secwatch.store import lake as store
from secwatch.system.database import Database
from secwatch.system.paths import Place

# An alert's times are those of its flows, or of its queries, whose answers and handshakes lie around them.
MARGIN_MICROSECONDS = 5_000_000
_HINT = "secwatch sense live --help"
OnProgress = Callable[[str, int, int | None], None]


@dataclass(frozen=True)
class Source:
    """A capture that may hold packets of an alert: a segment of the evidence buffer, or a file that was read."""

    path: str
    is_segment: bool


@dataclass(frozen=True)
class Sources:
    """Where packets may be had. gone are files that were read and are not there any more, or are others now.

    kept_since is the time (µs) of the oldest segment in the evidence buffer, None without any.
    """

    present: tuple[Source, ...]
    gone: tuple[str, ...]
    kept_since: int | None


@dataclass(frozen=True)
class Gathered:
    """What was found: packets by source (only those that gave some), and what stood in the way.

    vanished counts segments that were dropped while they were looked for; strangers packets of another link type
    than the first, which one pcap file cannot hold; cut whether the bound ended the search.
    """

    packets: int
    bytes: int
    by_source: tuple[tuple[Source, int], ...]
    damaged: tuple[str, ...]
    vanished: int
    strangers: int
    cut: bool


def wish_for(finding: Finding) -> Wish:
    """Return which packets a finding speaks of: those between its addresses, of its port or flow if it has one.

    Raise SecwatchError if it is not about packets.
    """
    if finding.origin is not Origin.NETWORK:
        raise SecwatchError("this alert comes from no packets: a scan or a backup stated it", "secwatch alerts list")
    addresses = tuple(dict.fromkeys(end for end in (finding.source, finding.target) if end and _is_address(end)))
    flow = finding.key.get("community_id") or finding.evidence.get("community_id")
    flow = flow if isinstance(flow, str) else None
    if not addresses and flow is None:
        raise SecwatchError("this alert names neither an address nor a flow to look for", "secwatch flows query")
    port = finding.key.get("port")
    return Wish(
        since=max(to_microseconds(finding.first_seen) - MARGIN_MICROSECONDS, 0),
        until=to_microseconds(finding.last_seen) + MARGIN_MICROSECONDS,
        addresses=addresses,
        ports=(port,) if isinstance(port, int) and 0 <= port <= 65535 else (),
        community_id=flow,
    )


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def sources_of(place: Place, database: Database, wish: Wish) -> Sources:
    """Return the captures that may hold what is wished for, by the times they cover: segments first, then files."""
    kept = segments.listing(place.evidence)
    present = [Source(str(segment.path), True) for segment in kept if _may_hold(segment, wish)]
    gone = []
    key = store.identity_key(database)
    for name, hint, identity in dict.fromkeys(store.inputs_between(database, wish.since, wish.until)):
        if hint_of(name) == hint and is_one_of(name, {identity}, key):
            present.append(Source(name, False))
        else:
            gone.append(name)
    return Sources(tuple(present), tuple(gone), min((item.first_time for item in kept), default=None))


def _may_hold(segment: segments.Segment, wish: Wish) -> bool:
    """A segment without an end, open or left by a kill, may hold anything."""
    try:
        times = segments.times_of(segment.path)
    except OSError:
        return True  # opening it will tell
    return times is None or (times[0] <= wish.until and times[1] >= wish.since)


def gather(
    sources: Sequence[Source], wish: Wish, writer: PcapWriter, limit: int, on_progress: OnProgress | None = None
) -> Gathered:
    """Write the first `limit` packets that fit, source by source. Raise SecwatchError if a file cannot be read."""
    selector = Selector(wish)
    counts: dict[Source, int] = {}
    vanished = 0
    cut = False
    for source in sources:
        before = writer.packets
        try:
            for packet in selector.packets(source.path, _of(source, on_progress)):
                if writer.packets == limit:
                    cut = True
                    break
                writer.add(packet)
        except UnreadableInput:
            if not source.is_segment or Path(source.path).exists():
                raise
            vanished += 1
        if writer.packets > before:
            counts[source] = writer.packets - before
        if cut:
            break
    # A segment that is being written, or was when its writer was killed, ends anywhere: that is no damage.
    open_ended = {source.path for source in sources if source.is_segment}
    damaged = tuple(path for path in selector.damaged if path not in open_ended)
    return Gathered(writer.packets, writer.bytes, tuple(counts.items()), damaged, vanished, writer.strangers, cut)


def _of(source: Source, on_progress: OnProgress | None) -> Callable[[int, int | None], None] | None:
    if on_progress is None:
        return None
    return lambda done, size: on_progress(source.path, done, size)


def nothing_left(sources: Sources, wish: Wish) -> UnreadableInput:
    """Return the sentence for an alert none of whose packets can be had any more."""
    if sources.kept_since is None:
        reason = "no live capture kept any"
    elif sources.kept_since > wish.until:
        reason = f"the evidence buffer begins only at {to_text(from_microseconds(sources.kept_since))}"
    else:
        reason = "the evidence buffer holds none of them"
    words = f"no packets of this alert can be had any more: {reason}"
    if sources.gone:
        more = f" and {len(sources.gone) - 1} more" if len(sources.gone) > 1 else ""
        words += f", and {sources.gone[0]}{more}, which it was read from, is gone or has changed"
        # Nobody who reads files is helped by the manual of live capture.
        again = f"secwatch sense read {shlex.quote(sources.gone[0])} --again"
        return UnreadableInput(words, f"put the file back as it was; if it was changed on purpose: {again}")
    return UnreadableInput(words, _HINT)


def names(gathered: Gathered) -> Iterator[tuple[str, bool, int]]:
    """Yield (file name for people, whether it is a segment, packets) for every source that gave packets."""
    for source, count in gathered.by_source:
        yield (Path(source.path).name if source.is_segment else source.path), source.is_segment, count
