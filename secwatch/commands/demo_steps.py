"""The steps of the demo: what each makes, runs and expects."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from rich.text import Text as Styled

from secwatch.commands import demo_samples
from secwatch.core.errors import ExitCode, SecwatchError, UsageProblem
from secwatch.core.model import Language, Text
from secwatch.system import console, lock, process
from secwatch.system.console import Output
from secwatch.system.paths import refuse_foreign

MARK = ".secwatch-demo"
# What the demo makes: these, and nothing else, are removed when it starts again.
MADE = (
    "secwatch.toml",
    "organisations.toml",
    "state",
    "sample",
    "backup-centre",
    "secrets",
    "restored",
    "bulletin.html",
)
JOB = "finance-files"
STEP_SECONDS = 300.0
TIME_ZONE = "Asia/Shanghai"


@dataclass(frozen=True)
class Step:
    """One command as it was run."""

    command: str
    code: int
    seconds: float


@dataclass(frozen=True)
class Fact:
    """One thing that the demo measured."""

    name: str
    label: Text
    value: Any


@dataclass
class Outcome:
    """What a demo did and measured."""

    steps: list[Step] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    seconds: float = 0.0


class Demo:
    """One demo in one directory."""

    def __init__(self, directory: Path, language: Language, output: Output):
        self.directory = directory
        self.language = language
        self.output = output
        self.outcome = Outcome()
        self._chapter = 0

    def run(self) -> Outcome:
        """Run every step. Raise SecwatchError at the first that does not do what it should."""
        started = time.monotonic()
        self._claim()
        with lock.hold(self.directory, MARK):
            self._clean()
            self._prepare()
            self._network()
            self._files()
            self._backup()
            self._warnings()
            self._bulletin()
        self.outcome.seconds = time.monotonic() - started
        self._fact("seconds", Text("演示用时", "seconds for all of it"), round(self.outcome.seconds, 1))
        return self.outcome

    def next_steps(self) -> str:
        """Return what to type next, on the user's own data."""
        words = {
            "zh": "接下来用您自己的数据试试:",
            "en": "Next, on your own data:",
        }
        commands = (
            "secwatch init my-city && cd my-city",
            "secwatch org import organisations.toml",
            "secwatch sense read /path/to/capture.pcap",
            "secwatch scan files /var/www",
            "secwatch config example | less      # [backup.jobs.…]",
            "secwatch doctor",
        )
        here = self.directory
        page = {"zh": "本次周报网页: ", "en": "This bulletin as a page: "}[self.language] + str(here / "bulletin.html")
        return "\n".join([page, words[self.language], *(f"  {line}" for line in commands)])

    def _claim(self) -> None:
        """Make the directory ours, or refuse one that holds something else."""
        mark = self.directory / MARK
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            refuse_foreign(self.directory)
            if mark.is_symlink() or mark.exists():
                refuse_foreign(mark)
            elif any(self.directory.iterdir()):
                raise UsageProblem(
                    f"{self.directory} holds something that the demo did not make", "secwatch demo SOME-OTHER-DIRECTORY"
                )
            else:
                mark.touch(mode=0o600)
        except (FileExistsError, NotADirectoryError) as error:
            raise UsageProblem(f"{self.directory} is no directory", "secwatch demo SOME-OTHER-DIRECTORY") from error

    def _clean(self) -> None:
        for name in MADE:
            path = self.directory / name
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)

    def _prepare(self) -> None:
        self._heading(Text("准备工作区与三个样例部门", "A workspace, and three sample departments"))
        self._secwatch("init", "--", self.directory, bare=True)
        demo_samples.departments(self.directory)
        self._secwatch("org", "import")

    def _network(self) -> None:
        self._heading(Text("网络: 报文 → 流与事件 → 检测 → 告警", "Network: packets → flows and events → alerts"))
        capture = self.directory / "sample" / "office.pcap"
        start = (datetime.now(UTC) - timedelta(minutes=10)).isoformat(timespec="seconds")
        dissect = ["-P", "-m", "secwatch.sensor.dissect", "synthesise", str(capture), "--seed", "7", "--start", start]
        self._type([sys.executable, *dissect], ExitCode.DONE)
        self._secwatch("sense", "read", capture)
        self._secwatch("alerts", "list")
        alerts = self._ask("alerts", "list")["items"]
        wanted = {"port_scan", "ssh_guessing", "dns_tunnel", "beacon"}
        self._expect(wanted <= {alert["detection"] for alert in alerts}, "sense read", "four attacks in the alerts")
        counted = "SELECT count(*) AS flows, sum(source_packets + destination_packets) AS packets FROM flows"
        row = self._ask("flows", "query", counted)["items"][0]
        self._fact("packets", Text("读取报文", "packets read"), row["packets"])
        self._fact("flows", Text("网络流", "flows"), row["flows"])

    def _files(self) -> None:
        self._heading(Text("文件: 用 YARA 规则扫描", "Files: scanned with YARA rules"))
        tree = self.directory / "sample" / "files"
        expected = demo_samples.files(tree)
        self._secwatch("scan", "files", tree, expect=ExitCode.FINDINGS)
        alerts = self._ask("alerts", "list")["items"]
        matched = {Path(alert["target"]).name for alert in alerts if alert["target"].startswith("/")}
        self._expect(matched == expected, "scan files", f"alerts for {sorted(expected)} and nothing else")
        verdicts = self._ask("scan", "history")["items"][0]["verdicts"]
        self._fact("files_clean", Text("扫描结果: 干净文件", "files scanned: clean"), verdicts["clean"])
        self._fact("files_matched", Text("扫描结果: 命中文件", "files scanned: matched"), verdicts["match"])

    def _backup(self) -> None:
        self._heading(
            Text("容灾: 加密备份、校验、演练、恢复", "Recovery: encrypted backup, verified, drilled, restored")
        )
        source = self.directory / "sample" / "departments" / "finance"
        demo_samples.department_files(source)
        self._secwatch("backup", "init", JOB)
        self._secwatch("backup", "run", JOB)
        demo_samples.change(source)
        self._secwatch("backup", "run", JOB)
        self._secwatch("backup", "verify", JOB)
        self._secwatch("backup", "drill", JOB)
        self._secwatch("backup", "restore", JOB, "--target", self.directory / "restored")
        self._secwatch("backup", "status")
        different = demo_samples.differences(source, self.directory / "restored")
        self._expect(not different, "backup restore", f"the same bytes in every file (different: {different[:3]})")
        [job] = self._ask("backup", "status")["items"]
        label = Text("实测恢复点 (RPO)", "recovery point measured (RPO)")
        self._fact("rpo_seconds", label, round(job["rpo"]["achieved_seconds"], 1))
        label = Text("实测恢复时间 (RTO)", "recovery time measured (RTO)")
        self._fact("rto_seconds", label, round(job["rto"]["achieved_seconds"], 1))

    def _warnings(self) -> None:
        self._heading(Text("预警: 告警定级, 归到责任单位", "Warnings: alerts get a level and an owner"))
        self._secwatch("warn", "draft")
        self._secwatch("warn", "list")
        warnings = self._ask("warn", "list")["items"]
        self._expect(any(warning["organisation"] for warning in warnings), "warn draft", "a warning with an owner")
        highest = warnings[0]["number"]
        self._secwatch("warn", "explain", highest)
        self._fact("warnings", Text("预警", "warnings"), len(warnings))

    def _bulletin(self) -> None:
        self._heading(Text("周报", "The weekly bulletin"))
        today = datetime.now(ZoneInfo(TIME_ZONE)).date().isoformat()
        self._secwatch("bulletin", "compose", "--date", today)
        page = self.directory / "bulletin.html"
        self._secwatch("bulletin", "show", "--format", "html", "-o", page)
        self._expect(page.stat().st_size > 0, "bulletin show", "a page")

    def _secwatch(self, *arguments: str | Path, expect: ExitCode = ExitCode.DONE, bare: bool = False) -> None:
        """Run a command of secwatch on our terminal, as the user would."""
        self._type(self._command(*arguments, bare=bare), expect)

    def _command(self, *arguments: str | Path, bare: bool = False) -> list[str]:
        place = [] if bare else ["-w", str(self.directory)]
        return ["secwatch", *place, "--lang", self.language, *map(str, arguments)]

    def _type(self, arguments: Sequence[str], expect: ExitCode) -> None:
        shown = shlex.join(arguments)
        if not self.output.json:
            console.stdout(self.output).print(Styled(f"$ {shown}", style="bold green"), soft_wrap=True)
        started = time.monotonic()
        real = _program(arguments)
        if self.output.json:
            code = process.run(real, timeout=STEP_SECONDS).return_code
        else:
            code = process.attach(real, timeout=STEP_SECONDS)
            console.stdout(self.output).print()
        self.outcome.steps.append(Step(shown, code, round(time.monotonic() - started, 2)))
        if code != expect:
            raise SecwatchError(f"the step ended with {code} instead of {int(expect)}: {shown}", "secwatch doctor")

    def _ask(self, *arguments: str | Path, expect: ExitCode = ExitCode.DONE) -> Mapping[str, Any]:
        """Run a command again for its JSON: what the demo checks is what a program would see."""
        done = process.run(_program(self._command(*arguments, "--json")), timeout=STEP_SECONDS)
        if done.return_code != expect:
            raise SecwatchError(f"{arguments[0]} {arguments[1]} failed: {done.stderr.strip()}", "secwatch doctor")
        result: Mapping[str, Any] = json.loads(done.stdout)
        return result

    def _expect(self, holds: bool, command: str, what: str) -> None:
        if not holds:
            raise SecwatchError(f"secwatch {command} did not give what the demo expects: {what}", "secwatch doctor")

    def _fact(self, name: str, label: Text, value: Any) -> None:
        self.outcome.facts.append(Fact(name, label, value))

    def _heading(self, title: Text) -> None:
        self._chapter += 1
        if not self.output.json:
            text = f"== {self._chapter}/6  {title.to(self.language)} =="
            console.stdout(self.output).print(Styled(text, style="bold"), soft_wrap=True)


def _program(arguments: Sequence[str]) -> list[str]:
    """The `secwatch` that is shown is this very program, wherever it is installed."""
    if arguments[0] != "secwatch":
        return list(arguments)
    return [sys.executable, "-P", "-c", "import cli; cli.main()", *arguments[1:]]
