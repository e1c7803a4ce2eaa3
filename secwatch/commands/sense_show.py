"""`secwatch sense show`: packets in words, one line each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from secwatch.commands.application import Application, language_option, output_options, pass_application
from secwatch.commands.moments import MOMENT
from secwatch.core.errors import ExitCode, SecwatchError, UsageProblem
from secwatch.core.escape import visible
from secwatch.core.model import Text
from secwatch.core.moments import from_microseconds, to_microseconds, to_text
from secwatch.core.wrapping import cells
from secwatch.system.console import Output, harmless, note, progress, show

if TYPE_CHECKING:
    from secwatch.sensor.selection import Packet, Wish
    from secwatch.sensor.telling import Told

_HEADINGS = (
    Text("序号", "no."),
    Text("时间", "time"),
    Text("来源", "source"),
    Text("目标", "destination"),
    Text("协议", "protocol"),
    Text("字节", "bytes"),
    Text("内容", "what it says"),
)


@click.command(name="show", epilog="Exit codes: 0 done, 2 usage, 3 the capture cannot be read or is damaged.")
@click.argument("file", metavar="FILE|-")
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=100, show_default=True, help="At most so many packets."
)
@click.option("--flow", metavar="COMMUNITY_ID", help="Of this flow, in both directions.")
@click.option("--address", multiple=True, metavar="ADDRESS", help="From or to it; given twice, between the two.")
@click.option("--port", multiple=True, type=click.IntRange(0, 65535), help="From or to this port, or one of several.")
@click.option("--since", type=MOMENT, help="At or after this: 24h, 2026-11-23T14:00.")
@click.option("--until", type=MOMENT, help="At or before this.")
@click.option("--detail", is_flag=True, help="Show every field of every layer.")
@language_option
@output_options
@pass_application
def show_packets(
    application: Application,
    file: str,
    limit: int,
    flow: str | None,
    address: tuple[str, ...],
    port: tuple[int, ...],
    since: datetime | None,
    until: datetime | None,
    detail: bool,
    output: Output,
) -> int:
    """Tell the packets of a capture in words, one line each (- for standard input).

    \b
    Example:
      secwatch sense show office.pcap --address 10.10.1.77 --limit 20
      secwatch sense show office.pcap --flow 1:LQU9qZlK+B5F3KDmev6m5PMibrg= --detail
      secwatch alerts show 1 --packets -o - | secwatch sense show -
    """
    from secwatch.sensor.selection import Selector
    from secwatch.sensor.telling import tell

    selector = Selector(_wish(flow, address, port, since, until))
    with progress("packets", output) as line:
        found = selector.packets(file, line.update)
        chosen = list(islice(found, limit + 1))
        found.close()
    cut, chosen = len(chosen) > limit, chosen[:limit]
    told = tell(chosen, detail=detail) if chosen else []
    data = {"items": [_as_data(*pair) for pair in zip(chosen, told, strict=True)], "limit_reached": cut}
    lines = _lines(chosen, told, application)
    if not chosen:
        lines = [Text("没有符合条件的报文", "there are no such packets").to(application.language)]
    show(output, data, *lines)
    if cut:
        more = Text(f"还有更多报文 (--limit {limit})", f"there are more packets than --limit {limit}")
        note(f"secwatch: {more.to(application.language)}", output)
    for damaged in selector.damaged:
        application.say(packets_damaged(damaged), output)
    return ExitCode.INCOMPLETE if selector.damaged else ExitCode.DONE


def packets_damaged(path: str) -> Text:
    """Return in words that a capture was looked at only as far as it is whole."""
    name = visible(path)
    return Text(f"{name} 已损坏：只查看了损坏处之前的内容", f"{name} is damaged: what stands before was looked at")


def _wish(
    flow: str | None, addresses: tuple[str, ...], ports: tuple[int, ...], since: datetime | None, until: datetime | None
) -> Wish:
    from secwatch.sensor.selection import Wish

    times = {name: to_microseconds(moment) for name, moment in (("since", since), ("until", until)) if moment}
    try:
        return Wish(addresses=addresses, ports=ports, community_id=flow, **times)
    except ValueError as error:
        raise UsageProblem(str(error), "secwatch sense show --help") from error


def _as_data(packet: Packet, told: Told) -> dict[str, Any]:
    import msgspec

    row = {name: value for name, value in msgspec.structs.asdict(told).items() if name != "number"}
    if not told.problem:
        del row["problem"]
    return {"time": _moment(packet), "bytes": packet.wire, "captured": len(packet.content), **row}


def _moment(packet: Packet) -> str | None:
    """A damaged file gives times that no calendar has, or none."""
    try:
        return to_text(from_microseconds(packet.time)) if packet.time >= 0 else None
    except SecwatchError:
        return None


def _lines(packets: Sequence[Packet], told: Sequence[Told], application: Application) -> list[str]:
    """One line a packet below the headings, columns as wide as their widest cell; details indented below."""
    rows: list[tuple[str, ...]] = [tuple(heading.to(application.language) for heading in _HEADINGS)]
    for number, (packet, item) in enumerate(zip(packets, told, strict=True), 1):
        ends = harmless(item.source, 60), harmless(item.destination, 60)
        words = harmless(item.problem or (item.words if application.language == "en" else item.words_chinese))
        moment = _local(packet, application)
        rows.append((str(number), moment, *ends, harmless(item.protocol, 20), str(packet.wire), words))
    widths = [max(cells(row[column]) for row in rows) for column in range(len(_HEADINGS) - 1)]
    lines = []
    for number, row in enumerate(rows):
        padded = [
            " " * (width - cells(text)) + text if column in (0, 5) else text + " " * (width - cells(text))
            for column, (text, width) in enumerate(zip(row, widths, strict=False))
        ]
        lines.append("  ".join((*padded, row[-1])).rstrip())
        if number:
            lines.extend(f"       {harmless(text)}" for text in told[number - 1].detail)
    return lines


def _local(packet: Packet, application: Application) -> str:
    try:
        moment = from_microseconds(packet.time).astimezone(application.zone)
    except (SecwatchError, OverflowError):
        return "?"
    return f"{moment:%Y-%m-%d %H:%M:%S.%f}" if packet.time >= 0 else "?"
