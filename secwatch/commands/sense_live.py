"""`secwatch sense live`: packets off the wire into flows, events and alerts, until it is stopped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from secwatch.commands.application import Application, language_option, output_options, pass_application
from secwatch.commands.sizes import SIZE
from secwatch.core import durations
from secwatch.core.errors import ExitCode, SecwatchError
from secwatch.core.escape import visible
from secwatch.core.model import Text
from secwatch.core.moments import to_text
from secwatch.system.console import Output, announce, note, progress, table

if TYPE_CHECKING:
    from secwatch.pipeline.live import LiveSummary, Progress
    from secwatch.sensor.capture import Capture
    from secwatch.store.live import LiveRun
    from secwatch.system.notify import Service

EXIT_CODES = (
    "Exit codes: 0 stopped by a signal or --duration with everything recorded, 1 failed, or no interface is left,"
    " 2 usage, 3 packets were dropped or not kept, or something could not be evaluated, 11 another live run works here,"
    " 14 libpcap is missing (--filter)."
)

_LABELS = {
    "packets": Text("报文", "packets"),
    "bytes": Text("字节", "bytes"),
    "flows": Text("网络流", "flows"),
    "not_ip": Text("非 IP 报文", "packets that are not IP"),
    "dropped": Text("丢失报文", "packets dropped"),
    "freezes": Text("缓冲区占满次数", "times the ring was full"),
    "left_out": Text("未留存为证据的报文", "packets not kept as evidence"),
    "alerts": Text("告警 (新增或更新)", "alerts opened or added to"),
    "seconds": Text("用时", "time"),
}
_CONDITIONS = {
    "up": Text("接口 {} 已恢复", "interface {} is up again"),
    "down": Text("接口 {} 已断开，等待恢复", "interface {} is down; waiting for it to come back"),
    "gone": Text("接口 {} 已消失，等待重新出现", "interface {} has gone; waiting for it to come back"),
}
_RENAMED = Text("接口 {} 已改名（{}），抓包继续", "interface {} goes on under another name ({})")


class Seconds(click.ParamType[float]):
    """A number of seconds, or a duration: `90`, `90s`, `15m`, `24h`."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the seconds; fail as a usage mistake if the text is no duration above zero."""
        if isinstance(value, int | float):
            return float(value)
        try:
            found = float(value) if value.replace(".", "", 1).isascii() and value[-1:].isdigit() else 0.0
            found = found or float(durations.seconds(value))
        except ValueError:
            found = 0.0
        if not 0 < found <= 10**9:
            self.fail(f"{value!r} is neither a number of seconds nor a duration such as 15m", param, ctx)
        return found


@click.command(name="live", epilog=EXIT_CODES)
@click.option("-i", "--interface", "interfaces", metavar="IFACE", multiple=True, required=True, help="Capture on it.")
@click.option("--filter", "expression", metavar="BPF", default="", help="Only these packets (man pcap-filter).")
@click.option("--duration", type=Seconds(), metavar="S", help="Stop after so many seconds; or 15m, 24h.")
@click.option("--promiscuous", is_flag=True, help="Also packets that are not for this machine (mirror ports).")
@click.option("--keep", type=SIZE, metavar="SIZE", help="Keep so many bytes of the newest packets as evidence: 20G.")
@click.option(
    "--user", metavar="NAME", help="Become this user once the interfaces are open; by default, the workspace's owner."
)
@language_option
@output_options
@pass_application
def live(
    application: Application,
    interfaces: tuple[str, ...],
    expression: str,
    duration: float | None,
    promiscuous: bool,
    keep: int | None,
    user: str | None,
    output: Output,
) -> int:
    """Capture packets on interfaces until SIGTERM, SIGINT (Ctrl-C) or --duration ends it.

    Every minute ([sensor] window) the flows and events that have ended go into the lake and the detections
    look at them. SIGHUP reads the configuration, detections and registry again. A run that was killed is
    told of by the next one. It needs CAP_NET_RAW only (configs/systemd/secwatch-sensor.service).

    \b
    Example:
      sudo secwatch -w city sense live -i eth1 --promiscuous --keep 20G
      secwatch sense live -i eth1 -i eth2 --filter "not port 873" --duration 1h
    """
    from secwatch.commands.becoming import become
    from secwatch.sensor.capture import open_captures
    from secwatch.system import privileges
    from secwatch.system.notify import Service

    service = Service()
    # All of it is looked up before the user changes: places and permissions are those of whoever starts it.
    place = application.place
    account = privileges.choose_user(user, place.workspace or place.state)
    ring = application.settings.sensor.ring_megabytes << 20
    captures = open_captures(interfaces, ring_bytes=ring, promiscuous=promiscuous, expression=expression)
    with ExitStack() as closing:
        for capture in captures:
            closing.callback(capture.close)
        become(application, account, chosen=user is not None, output=output)
        summary = _run(application, captures, service, duration, keep, output)
    _tell(application, summary, output)
    if summary.lost:
        raise SecwatchError(summary.lost, "ip link show")
    lacking = summary.counters.dropped or summary.problems
    return ExitCode.INCOMPLETE if lacking else ExitCode.DONE


def _run(
    application: Application,
    captures: tuple[Capture, ...],
    service: Service,
    duration: float | None,
    keep: int | None,
    output: Output,
) -> LiveSummary:
    """Load everything heavy, then capture."""
    from secwatch.sensor import kernels

    with _patience(output, service):
        kernels.warm()
    from secwatch.pipeline.live import Running, capture_live
    from secwatch.pipeline.recorder import Store
    from secwatch.system import signals

    with ExitStack() as stack:
        evidence = None
        if keep is not None:
            from secwatch.sensor.evidence import EvidenceBuffer

            pairs = [(capture.interface, capture.link) for capture in captures]
            evidence = stack.enter_context(EvidenceBuffer(application.place.evidence, keep, pairs))
        listener = stack.enter_context(_listening(application, captures, output, duration))
        running = Running(
            place=application.place,
            settings=application.settings,
            captures=captures,
            where=Store(application.open_database, application.load_ownership),
            requests=stack.enter_context(signals.requests()),
            service=service,
            listener=listener,
            reload=application.reload_settings,
            duration=duration,
            evidence=evidence,
        )
        return capture_live(running)


@contextmanager
def _patience(output: Output, service: Service) -> Iterator[None]:
    """Compiling takes up to a minute on a new machine: say so."""
    from secwatch.sensor import kernels

    if not kernels.is_warm():
        service.tell("EXTEND_TIMEOUT_USEC=300000000", "STATUS=compiling the kernels")
        note("secwatch: compiling the sensor for this machine; it takes a minute, this once", output)
    yield


class _Listener:
    """Tells people what happens: one line on a terminal that changes, and sentences that stay."""

    def __init__(self, application: Application, output: Output, update: Any, duration: float | None):
        self._application = application
        self._output = output
        self._update = update
        self._duration = duration

    def _note(self, text: Text) -> None:
        note(f"secwatch: {visible(text.to(self._application.language), 500)}", self._output)

    def missing(self, run: LiveRun) -> None:
        self._note(missing(run))

    def progress(self, state: Progress) -> None:
        words = Text(
            f"{state.packets_per_second:,.0f} 报文/秒，丢失 {state.dropped:,}，网络流 {state.open_flows:,}",
            f"{state.packets_per_second:,.0f} packets/s, {state.dropped:,} dropped, {state.open_flows:,} open flows",
        ).to(self._application.language)
        self._update(state.seconds, self._duration, words)

    def interface(self, name: str, condition: str) -> None:
        text = _CONDITIONS.get(condition, _RENAMED)
        self._note(Text(text.zh.format(name, condition), text.en.format(name, condition)))

    def reloaded(self, mistake: str | None) -> None:
        if mistake is None:
            self._note(Text("已重新读取配置", "the configuration was read again"))
        else:
            self._note(Text(f"新配置有误，仍用原配置：{mistake}", f"the old configuration stays in force: {mistake}"))

    def news(self, kind: str, what: object) -> None:
        if kind == "problem":
            self._note(Text(str(what), str(what)))
        else:
            self._note(Text(f"新告警 {what}：secwatch alerts show {what}", f"new alert: secwatch alerts show {what}"))


@contextmanager
def _listening(
    application: Application, captures: tuple[Capture, ...], output: Output, duration: float | None
) -> Iterator[_Listener]:
    label = " ".join(capture.interface for capture in captures)
    with progress(visible(label, 40), output) as line:
        yield _Listener(application, output, line.update, duration)


def missing(run: LiveRun) -> Text:
    """Return in words what a run that was killed has lost."""
    since, until = run.recorded_to, run.missing_until or run.recorded_to
    zh = f"上次实时抓包（{run.interfaces}）异常结束：{to_text(since)} 至 {to_text(until)} 的报文缺失"
    en = (
        f"the last live run ({run.interfaces}) ended without goodbye: packets from {to_text(since)}"
        f" to {to_text(until)} are missing"
    )
    if run.open_since:
        zh += f"，当时未结束的网络流也缺失（最早始于 {to_text(run.open_since)}）"
        en += f", and the flows that were open then, the oldest since {to_text(run.open_since)}"
    return Text(zh, en)


def as_data(summary: LiveSummary) -> dict[str, Any]:
    """Return a live run as JSON shows it."""
    counters = summary.counters
    return {
        "packets": counters.packets,
        "bytes": counters.bytes,
        "flows": counters.flows,
        "events": dict(counters.events),
        "alerts": len(summary.alerts),
        "alert_ids": list(summary.alerts),
        "malformed": dict(counters.malformed),
        "not_ip": counters.not_ip,
        "retransmissions": counters.retransmissions,
        "dropped": counters.dropped,
        "freezes": sum(losses.freezes for losses in summary.interfaces.values()),
        "left_out": summary.left_out,
        "interfaces": {name: asdict(losses) for name, losses in summary.interfaces.items()},
        "windows": summary.windows,
        "seconds": round(summary.seconds, 3),
        "missing": [
            {"from": to_text(run.recorded_to), "to": to_text(run.missing_until), "interfaces": run.interfaces}
            for run in summary.missing
            if run.missing_until
        ],
        "problems": list(summary.problems),
    }


def _tell(application: Application, summary: LiveSummary, output: Output) -> None:
    language = application.language
    data = as_data(summary)
    rows: list[tuple[str, str]] = [
        (_LABELS[name].to(language), f"{data[name]:,}") for name in ("packets", "bytes", "flows")
    ]
    rows.extend((name, f"{count:,}") for name, count in data["events"].items())
    rows.extend(
        (_LABELS[name].to(language), f"{data[name]:,}") for name in ("not_ip", "freezes", "left_out") if data[name]
    )
    malformed = Text("异常", "malformed").to(language)
    rows.extend((f"{malformed} {cause}", f"{count:,}") for cause, count in data["malformed"].items())
    for name, losses in summary.interfaces.items():
        lost = _LABELS["dropped"].to(language)
        rows.append((f"{lost} {visible(name)}", f"{losses.dropped:,} / {losses.packets + losses.dropped:,}"))
    rows.append((_LABELS["alerts"].to(language), f"{data['alerts']:,}"))
    rows.append((_LABELS["seconds"].to(language), durations.in_words(summary.seconds)))
    announce(output, data, table(None, ["", ""], rows, show_header=False))
