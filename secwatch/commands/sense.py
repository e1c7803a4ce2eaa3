"""`secwatch sense`: packets into flows, events and alerts."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from secwatch.commands import sense_live
from secwatch.commands.application import Application, Group, language_option, output_options, pass_application
from secwatch.commands.sense_show import show_packets
from secwatch.core.durations import in_words
from secwatch.core.errors import ExitCode, UnreadableInput
from secwatch.core.escape import visible
from secwatch.core.model import Text
from secwatch.system.console import Output, announce, note, show, table

if TYPE_CHECKING:
    from secwatch.pipeline.read import ReadSummary

EXIT_CODES = "Exit codes: 0 done, 3 something could not be read or evaluated, 11 another run is writing."

_LABELS = {
    "inputs": Text("输入", "inputs"),
    "packets": Text("报文", "packets"),
    "bytes": Text("字节", "bytes"),
    "flows": Text("网络流", "flows"),
    "flows_only": Text("方式", "mode"),
    "not_ip": Text("非 IP 报文", "packets that are not IP"),
    "retransmissions": Text("重复报文", "repeated packets"),
    "dropped": Text("丢失报文", "packets dropped"),
    "alerts": Text("告警 (新增或更新)", "alerts opened or added to"),
    "seconds": Text("用时", "time"),
}

_NO_EVENTS = Text("仅网络流：不解析载荷，无协议事件", "flows only: no payload was looked into, no protocol events")

_PUT_OFF = Text("检测留待下次运行", "the detections are left to the next run")

# How a file can be damaged; the sensor counts these beside the packets it cannot decode.
_DAMAGE = {
    "truncated_file": Text("在一个报文中间结束", "ends in the middle of a packet"),
    "corrupt_record": Text("有损坏的报文记录", "has a damaged packet record"),
    "corrupt_block": Text("有损坏的 pcapng 块", "has a damaged pcapng block"),
    "corrupt_compression": Text("的压缩数据已损坏", "is damaged in its compression"),
}
_SHOWN = 20  # alerts in the summary of a reading run


@click.group(cls=Group, name="sense")
def command() -> None:
    """Read packets into flows, events and alerts.

    \b
    Example:
      secwatch sense read office.pcap
      zcat old.pcap.gz | secwatch sense read -
      secwatch sense show office.pcap --limit 20
      sudo secwatch -w . sense live -i eth1
    """


@command.command(epilog=EXIT_CODES)
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option("--again", is_flag=True, help="Read inputs anew that were read before, and replace what they gave.")
@click.option("--follow", is_flag=True, help="Of one directory: go on with what comes until stopped (Ctrl-C, SIGTERM).")
@click.option("--flows-only", is_flag=True, help="Look into no payload: flows, and no protocol events. Fast.")
@click.option("--no-detect", is_flag=True, help="Leave the detections to the next run, or to `secwatch detect run`.")
@language_option
@output_options
@pass_application
def read(
    application: Application,
    files: tuple[str, ...],
    again: bool,
    follow: bool,
    flows_only: bool,
    no_detect: bool,
    output: Output,
) -> int:
    """Read capture files (pcap, pcapng; plain, gzip, zstd; - for standard input) and directories of rotated ones.

    Flows and protocol events go into the lake, the detections look at what is new, and what they
    state becomes alerts. Reading the same bytes twice adds nothing. What was read with --flows-only is
    read anew, and replaced, when it is read without it.

    The files of a directory (as tcpdump -G or -C writes them) are read in the order of their first packets as
    one sequence: a flow that spans several files stays one flow. With --follow what is in the newest file is
    recorded once in a [sensor] window; while its writer falls silent, our clock ends what was silent for its time.
    Let the writer write every packet at once (tcpdump -U), or the last ones are seen late.

    \b
    Example:
      secwatch sense read monday.pcap tuesday.pcap.gz
      secwatch sense read /var/captures --follow
      secwatch alerts list
    """
    from secwatch.commands.sense_inputs import How, read_all

    how = How(again=again, follow=follow, flows_only=flows_only, detect=not no_detect)
    summary = read_all(application, files, output, how)
    failed = [item for item in summary.inputs if item.error]
    if failed and len(summary.inputs) == 1:
        raise UnreadableInput(failed[0].error or "", failed[0].hint)
    for item in failed:
        note(f"secwatch: {item.error}")
    damaged = {item.path: sorted(_DAMAGE.keys() & item.malformed.keys()) for item in summary.inputs}
    for path, kinds in damaged.items():
        for kind in kinds:
            name, what = visible(path), _DAMAGE[kind]
            application.say(
                Text(f"{name} {what.zh}：已读取此前的内容", f"{name} {what.en}: what stands before was read")
            )
    for problem in (*summary.problems, *(text for item in summary.inputs for text in item.problems)):
        application.say(Text(f"未能评估：{problem}", f"not evaluated: {problem}"))
    tell = show if summary.alerts else announce
    data = as_data(summary) | {"flows_only": flows_only, "detections_put_off": no_detect}
    tell(output, data, *_renderables(summary, data, application))
    return ExitCode.INCOMPLETE if summary.incomplete or any(damaged.values()) else ExitCode.DONE


command.add_command(show_packets)
command.add_command(sense_live.live)


def as_data(summary: ReadSummary) -> dict[str, Any]:
    """Return a reading run as JSON shows it."""
    inputs = [{**asdict(item), "alerts": len(item.alerts)} for item in summary.inputs]
    return {
        "packets": summary.total("packets"),
        "bytes": summary.total("bytes"),
        "flows": summary.total("flows"),
        "events": summary.totals("events"),
        "alerts": len(summary.alerts),
        "alert_ids": list(summary.alerts),
        "malformed": summary.totals("malformed"),
        "not_ip": summary.total("not_ip"),
        "retransmissions": summary.total("retransmissions"),
        "dropped": summary.total("dropped"),
        "seconds": round(summary.seconds, 3),
        "inputs": inputs,
        "problems": list(summary.problems),
    }


def _renderables(summary: ReadSummary, data: dict[str, Any], application: Application) -> list[Any]:
    language = application.language
    words = {
        "read": Text("已读", "read"),
        "known": Text("以前已读", "read before"),
        "unreadable": Text("不可读", "unreadable"),
        "failed": Text("失败", "failed"),
    }
    counts = {kind: sum(item.result == kind for item in summary.inputs) for kind in words}
    separator = "、" if language == "zh" else ", "
    inputs = separator.join(f"{count} {words[kind].to(language)}" for kind, count in counts.items() if count)
    rows: list[tuple[str, str]] = [(_LABELS["inputs"].to(language), inputs)]
    if data["flows_only"]:
        rows.append((_LABELS["flows_only"].to(language), _NO_EVENTS.to(language)))
    rows.extend((_LABELS[name].to(language), f"{data[name]:,}") for name in ("packets", "bytes", "flows"))
    rows.extend((name, f"{count:,}") for name, count in data["events"].items())
    few = ("not_ip", "retransmissions", "dropped")
    rows.extend((_LABELS[name].to(language), f"{data[name]:,}") for name in few if data[name])
    malformed = Text("异常", "malformed").to(language)
    rows.extend((f"{malformed} {cause}", f"{count:,}") for cause, count in data["malformed"].items())
    put_off = data["detections_put_off"]
    rows.append((_LABELS["alerts"].to(language), _PUT_OFF.to(language) if put_off else f"{data['alerts']:,}"))
    rows.append((_LABELS["seconds"].to(language), in_words(summary.seconds)))
    shown: list[Any] = [table(None, ["", ""], rows, show_header=False)]
    if summary.alerts:
        from secwatch.commands.alerts import listing
        from secwatch.store import alerts

        found = [alert for number in summary.alerts if (alert := alerts.find(application.database, number))]
        found.sort(key=lambda alert: (-alert.finding.severity, alert.finding.detection, alert.id))
        shown.append(listing(found[:_SHOWN], application))
        if len(found) > _SHOWN:
            more = len(found) - _SHOWN
            shown.append(
                Text(f"另有 {more} 条: secwatch alerts list", f"and {more} more: secwatch alerts list").to(language)
            )
    return shown
