"""What `secwatch sense live` tells: sentences while it runs, a line on a terminal that changes, and the result."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from secwatch.commands.application import Application
from secwatch.core import durations
from secwatch.core.escape import visible
from secwatch.core.model import Text
from secwatch.core.moments import to_text
from secwatch.system.console import Output, announce, note, progress, table, unbuffered_errors

if TYPE_CHECKING:
    from secwatch.pipeline.live import LiveSummary, Progress
    from secwatch.sensor.capture import Capture
    from secwatch.store.live import LiveRun

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
    "problem": Text("问题", "problem"),
}
AS_ROOT = Text(
    "正以 root 身份抓包；用 --user NAME 可在打开接口后放弃 root 权限",
    "capturing as root: --user NAME gives root up once the interfaces are open",
)
COMPILING = Text(
    "正在为本机编译探针，约需一分钟，仅此一次",
    "compiling the sensor for this machine; it takes a minute, this once",
)
_CONDITIONS = {
    "up": Text("接口 {} 已恢复", "interface {} is up again"),
    "down": Text("接口 {} 已断开，等待恢复", "interface {} is down; waiting for it to come back"),
    "gone": Text("接口 {} 已消失，等待重新出现", "interface {} has gone; waiting for it to come back"),
}
_MOST_SENTENCES = 1000
_LAST_WORDS_SECONDS = 2.0
_RENAMED = Text("接口 {} 已改名（{}），抓包继续", "interface {} goes on under another name ({})")


@contextmanager
def _unheard() -> Iterator[None]:
    """Go on when nobody is there to be told: the terminal was closed, or the disk of the log is full."""
    with suppress(OSError, ValueError):
        yield


def _nobody_looks(_done: float, _total: float | None, _note: str) -> None:
    """Take the place of a progress line that cannot be shown."""


def say(application: Application, text: Text, output: Output) -> None:
    """Say a sentence on standard error, if anybody is there to hear it."""
    with _unheard():
        note(f"secwatch: {visible(text.to(application.language), 500)}", output)


class Listener:
    """Tells people what happens: one line on a terminal that changes, and sentences that stay.

    Its own thread writes: a terminal that was stopped (Ctrl-S) or a log that is not read must not stop the capture.
    """

    def __init__(self, application: Application, captures: tuple[Capture, ...], output: Output, duration: float | None):
        self._application = application
        self._output = output
        self._duration = duration
        self._label = visible(" ".join(capture.interface for capture in captures), 40)
        self._sentences: deque[Text] = deque(maxlen=_MOST_SENTENCES)
        self._latest: Progress | None = None
        self._changed = threading.Condition()
        self._ending = False
        self._thread = threading.Thread(target=self._work, name="words", daemon=True)
        self._thread.start()

    def say(self, text: Text) -> None:
        """Say a sentence."""
        with self._changed:
            self._sentences.append(text)
            self._changed.notify()

    def missing(self, run: LiveRun) -> None:
        self.say(missing(run))

    def progress(self, state: Progress) -> None:
        with self._changed:
            self._latest = state
            self._changed.notify()

    def interface(self, name: str, condition: str) -> None:
        text = _CONDITIONS.get(condition, _RENAMED)
        self.say(Text(text.zh.format(name, condition), text.en.format(name, condition)))

    def reloaded(self, mistake: str | None) -> None:
        if mistake is None:
            self.say(Text("已重新读取配置", "the configuration was read again"))
        else:
            self.say(Text(f"新配置有误，仍用原配置：{mistake}", f"the old configuration stays in force: {mistake}"))

    def news(self, kind: str, what: object) -> None:
        if kind == "problem":
            self.say(what if isinstance(what, Text) else Text(str(what), str(what)))
        else:
            self.say(Text(f"新告警 {what}：secwatch alerts show {what}", f"new alert: secwatch alerts show {what}"))

    def end(self) -> None:
        """Say what is still to be said, if anybody hears it within a moment."""
        with self._changed:
            self._ending = True
            self._changed.notify()
        self._thread.join(_LAST_WORDS_SECONDS)

    def _work(self) -> None:
        with ExitStack() as shown:
            update: Callable[[float, float | None, str], None] | None = None
            while True:
                with self._changed:
                    self._changed.wait_for(lambda: self._sentences or self._latest or self._ending)
                    sentences, state, ending = list(self._sentences), self._latest, self._ending
                    self._sentences.clear()
                    self._latest = None
                for text in sentences:
                    say(self._application, text, self._output)
                if state is not None:
                    if update is None:
                        update = _nobody_looks
                        with _unheard():
                            update = shown.enter_context(progress(self._label, self._output, itself=False)).update
                    with _unheard():
                        update(state.seconds, self._duration, _progress(state).to(self._application.language))
                if ending and not sentences:
                    break
            with _unheard():
                shown.close()


def _progress(state: Progress) -> Text:
    return Text(
        f"{state.packets_per_second:,.0f} 报文/秒，丢失 {state.dropped:,}，网络流 {state.open_flows:,}",
        f"{state.packets_per_second:,.0f} packets/s, {state.dropped:,} dropped, {state.open_flows:,} open flows",
    )


@contextmanager
def listening(
    application: Application, captures: tuple[Capture, ...], output: Output, duration: float | None
) -> Iterator[Listener]:
    """Yield who is to be told how it goes; the line on the terminal goes with the block."""
    with unbuffered_errors():
        listener = Listener(application, captures, output, duration)
        try:
            yield listener
        finally:
            listener.end()


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
        "problems": [problem.en for problem in summary.problems],
    }


def tell(application: Application, summary: LiveSummary, output: Output) -> None:
    """Show what a run has seen."""
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
    rows.extend((_LABELS["problem"].to(language), problem.to(language)) for problem in summary.problems)
    rows.append((_LABELS["alerts"].to(language), f"{data['alerts']:,}"))
    rows.append((_LABELS["seconds"].to(language), durations.in_words(summary.seconds)))
    announce(output, data, table(None, ["", ""], rows, show_header=False))
