"""`secwatch alerts show ID --packets`: the packets of an alert as a capture file."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from secwatch.commands.application import Application
from secwatch.commands.sense_show import packets_damaged
from secwatch.commands.sizes import in_bytes
from secwatch.core.errors import ExitCode, SecwatchError, UsageProblem
from secwatch.core.escape import visible
from secwatch.core.model import Alert, Text
from secwatch.system.console import Output, announce, note, progress, table
from secwatch.system.writing import replacing

if TYPE_CHECKING:
    from secwatch.pipeline.packets import Gathered

_SHOWN = 20  # sources in the table


def write_packets(application: Application, alert: Alert, limit: int, output: Output) -> ExitCode:
    """Write the packets of an alert to -o FILE, to standard output (-o -), or to alert-ID.pcap here; say how many.

    Raise UnreadableInput if none can be had any more, SecwatchError if the alert is not about packets or the file
    cannot be written.
    """
    from secwatch.pipeline import packets
    from secwatch.sensor.selection import PcapWriter

    path = output.path or f"alert-{alert.id}.pcap"
    to_pipe = path == "-"
    if to_pipe and output.json:
        raise UsageProblem("--json and -o - both want standard output", "name a file with -o FILE")
    if to_pipe and sys.stdout.isatty():
        raise UsageProblem("a capture is not for a terminal", f"secwatch alerts show {alert.id} --packets -o FILE.pcap")
    wish = packets.wish_for(alert.finding)
    sources = packets.sources_of(application.place, application.database, wish)
    try:
        with progress("packets", output) as line, _stream(path) as stream:
            found = packets.gather(
                sources.present,
                wish,
                PcapWriter(stream),
                limit,
                lambda name, done, size: line.update(done, size, Path(name).name),
            )
            stream.flush()
            if not found.packets:
                raise packets.nothing_left(sources, wish)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise SecwatchError(f"cannot write {path}: {error.strerror}", "choose another file with -o FILE") from error
    for damaged in found.damaged:
        application.say(packets_damaged(damaged), output)
    sentence = _sentence(found, path, limit).to(application.language)
    if to_pipe:
        note(f"secwatch: {sentence}", output)
    else:
        announce(replace(output, path=None), _as_data(alert, found, path), sentence, _table(found, application))
    return ExitCode.INCOMPLETE if found.damaged else ExitCode.DONE


def _stream(path: str) -> AbstractContextManager[BinaryIO]:
    return nullcontext(sys.stdout.buffer) if path == "-" else replacing(Path(path))


def _as_data(alert: Alert, found: Gathered, path: str) -> dict[str, Any]:
    from secwatch.pipeline.packets import names

    return {
        "id": alert.id,
        "path": path,
        "packets": found.packets,
        "bytes": found.bytes,
        "limit_reached": found.cut,
        "other_link_types": found.strangers,
        "segments_gone": found.vanished,
        "sources": [
            {"name": name, "kind": "segment" if is_segment else "file", "packets": count}
            for name, is_segment, count in names(found)
        ],
    }


def _sentence(found: Gathered, path: str, limit: int) -> Text:
    segments = sum(source.is_segment for source, _ in found.by_source)
    files = len(found.by_source) - segments
    whence = Text(
        "、".join(f"{count} {word}" for count, word in ((segments, "个证据段"), (files, "个文件")) if count),
        " and ".join(_many(count, word) for count, word in ((segments, "segment"), (files, "file")) if count),
    )
    where = "" if path == "-" else f": {visible(path)}"
    chinese = f"{found.packets} 个报文 ({in_bytes(found.bytes)}), 来自 {whence.zh}{where}"
    english = f"{_many(found.packets, 'packet')} ({in_bytes(found.bytes)}) from {whence.en}{where}"
    if found.cut:
        chinese += f"；已达 --limit {limit}, 还有更多"
        english += f"; there are more than --limit {limit}"
    if found.strangers:
        chinese += f"；{found.strangers} 个报文的链路类型不同, 未写入"
        english += f"; {found.strangers} of another link type are left out"
    if found.vanished:
        chinese += f"；{found.vanished} 个证据段在查找时已被覆盖"
        english += f"; {_many(found.vanished, 'segment')} had just been dropped"
    return Text(chinese, english)


def _many(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


def _table(found: Gathered, application: Application) -> Any:
    from secwatch.pipeline.packets import names

    language = application.language
    columns = [Text("来源", "source").to(language), Text("报文", "packets").to(language)]
    rows = [(name, f"{count:,}") for name, _, count in names(found)]
    if len(rows) > _SHOWN:
        rows = [*rows[:_SHOWN], ("…", "")]
    return table(None, columns, rows, right=(columns[1],))
