"""`secwatch backup verify`: prove that repositories are sound."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from secwatch.commands.application import Application, language_option, output_options, pass_application
from secwatch.commands.backup import selection
from secwatch.core.durations import in_words
from secwatch.core.errors import UsageProblem
from secwatch.core.model import Language, Text
from secwatch.system.console import Output

if TYPE_CHECKING:
    from backup.model import Outcome

_PART = re.compile(r"^([1-9]\d{0,3})/([1-9]\d{0,3})$")
_PERCENTAGE = re.compile(r"^(\d{1,3}(?:\.\d{1,4})?)%$")


@click.command(epilog=f"Exit codes: 0 sound, 1 failed, 2 usage, 15 not sound, {selection.ENDINGS}")
@selection.jobs_argument
@click.option(
    "--read-data-subset",
    "subset",
    metavar="PART",
    help="Data to read: all, none, N/T or P%.  [default: all up to 1 GiB, else the next tenth]",
)
@output_options
@language_option
@pass_application
def verify(application: Application, names: Sequence[str], every: bool, subset: str | None, output: Output) -> int:
    """Prove that repositories are sound.

    Their structure, their data, and that every snapshot is there that must be.

    \b
    Example:
      secwatch backup verify finance-files
      secwatch backup verify --all --read-data-subset 5%
    """
    from backup.verify import verify_job

    if subset is not None and not _is_part(subset):
        raise UsageProblem(f"{subset!r} is no part of the data", "say all, none, a part such as 3/10, or 5%")
    jobs = selection.chosen(application, names, every)
    surroundings = selection.surroundings(application)
    outcomes = []
    for job in jobs:
        with selection.progress(job.name, output):
            outcomes.append(verify_job(surroundings, job, subset))
    columns = {
        Text("备份库", "repository"): lambda outcome: outcome.repository,
        Text("快照数", "snapshots"): lambda outcome: outcome.details.get("snapshots", "—"),
        Text("读取数据", "data read"): lambda outcome: _part_read(outcome, application.language),
        Text("问题", "problems"): lambda outcome: len(outcome.details.get("problems", ())),
        Text("用时", "time"): lambda outcome: in_words(outcome.seconds),
    }
    return selection.finish(application, output, outcomes, Text("备份库验证", "Verification"), columns)


def _part_read(outcome: Outcome, language: Language) -> str:
    part = str(outcome.details.get("read", "—"))
    words = {"all": Text("全部", "all"), "none": Text("无", "none")}
    return words[part].to(language) if part in words else part


def _is_part(text: str) -> bool:
    """Whatever restic would not understand must not pass for a repository that is not sound."""
    part, percentage = _PART.match(text), _PERCENTAGE.match(text)
    if part:
        return int(part[1]) <= int(part[2])
    if percentage:
        return 0 < float(percentage[1]) <= 100
    return text in ("all", "none")
