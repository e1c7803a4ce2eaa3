"""`secwatch sense live`: packets off the wire into flows, events and alerts, until it is stopped."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import click

from secwatch.commands.application import Application, language_option, output_options, pass_application
from secwatch.commands.live_words import COMPILING, Listener, listening, tell
from secwatch.commands.sizes import SIZE
from secwatch.core import durations
from secwatch.core.errors import ExitCode, SecwatchError
from secwatch.core.model import Text
from secwatch.system.console import Output

if TYPE_CHECKING:
    from secwatch.pipeline.live import LiveSummary
    from secwatch.sensor.capture import Capture
    from secwatch.system.notify import Service

EXIT_CODES = (
    "Exit codes: 0 stopped by a signal or --duration with everything recorded, 1 failed, or no interface is left,"
    " 2 usage, 3 packets were dropped or not kept, an interface was gone for a time, or something could not be"
    " evaluated, 11 another live run works here,"
    " 14 libpcap is missing (--filter)."
)


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
    look at them. SIGHUP reads the configuration, detections and registry again; a terminal that closes
    ends the run as Ctrl-C does. A run that was killed is told of by the next one. It needs CAP_NET_RAW only
    (configs/systemd/secwatch-sensor.service).

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
    user = user or application.user
    account = privileges.choose_user(user, place.workspace or place.state)
    ring = application.settings.sensor.ring_megabytes << 20
    captures = open_captures(interfaces, ring_bytes=ring, promiscuous=promiscuous, expression=expression)
    with ExitStack() as closing:
        for capture in captures:
            closing.callback(capture.close)
        # Whoever speaks is a thread of its own, and threads begin when root is given up: each has its privileges.
        notes: list[Text] = []
        become(application, account, chosen=user is not None, say=notes.append)
        with listening(application, captures, output, duration) as listener:
            for text in notes:
                listener.say(text)
            summary = _run(application, captures, service, duration, keep, listener)
    tell(application, summary, output)
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
    listener: Listener,
) -> LiveSummary:
    """Load everything heavy, then capture."""
    from secwatch.sensor import kernels

    if not kernels.is_warm():
        service.tell("EXTEND_TIMEOUT_USEC=300000000", "STATUS=compiling the kernels", patience=5.0)
        listener.say(COMPILING)
    kernels.warm()
    from secwatch.pipeline.live import Running, capture_live
    from secwatch.pipeline.recorder import Store
    from secwatch.system import signals

    with ExitStack() as stack:
        evidence = None
        if keep is not None:
            from secwatch.sensor.evidence import EvidenceBuffer

            pairs = [(capture.interface, capture.link) for capture in captures]
            buffer = EvidenceBuffer(
                application.place.evidence, keep, pairs, lambda text: listener.news("problem", text)
            )
            evidence = stack.enter_context(buffer)
        running = Running(
            place=application.place,
            settings=application.settings,
            captures=captures,
            where=Store(application.open_database, application.load_ownership),
            requests=stack.enter_context(signals.requests(terminal=sys.stdin.isatty() or sys.stderr.isatty())),
            service=service,
            listener=listener,
            reload=application.reload_settings,
            duration=duration,
            evidence=evidence,
        )
        return capture_live(running)
