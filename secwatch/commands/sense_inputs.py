"""The inputs of `secwatch sense read`: files, standard input, and directories of rotated captures."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from secwatch.commands.application import Application
from secwatch.core import durations
from secwatch.core.errors import UnreadableInput, UsageProblem
from secwatch.core.escape import visible
from secwatch.core.model import Text
from secwatch.system.console import Output, ProgressLine, note, progress
from secwatch.system.signals import requests

if TYPE_CHECKING:
    from secwatch.pipeline.read import ReadSummary


@dataclass(frozen=True)
class How:
    """How inputs are read, as the options of the command said."""

    again: bool
    follow: bool
    flows_only: bool
    detect: bool


def read_all(application: Application, paths: Sequence[str], output: Output, how: How) -> ReadSummary:
    """Read files and directories, the files first. With `how.follow`, go on with one directory until a signal.

    Raise UsageProblem where --follow stands with anything but one directory, or where a file is asked for that is
    read as a part of its directory and can only be read anew with it.
    """
    from secwatch.pipeline.read import read_inputs

    directories = [path for path in paths if path != "-" and Path(path).is_dir()]
    files = [path for path in paths if path not in directories]
    if how.follow and (files or len(directories) != 1):
        raise UsageProblem("--follow takes one directory and nothing else", "secwatch sense read DIR --follow")
    _refuse_members(application, files, how.again)
    summaries = []
    with progress("sense", output) as line:
        if files:
            summaries.append(
                read_inputs(
                    application.place,
                    application.settings,
                    application.database,
                    application.ownership,
                    files,
                    again=how.again,
                    flows_only=how.flows_only,
                    detect=how.detect,
                    on_progress=lambda path, done, total: line.update(done, total, Path(path).name),
                    now=lambda: datetime.now(UTC),
                )
            )
        summaries.extend(_read_directory(application, path, output, line, how) for path in directories)
    return _sum(summaries)


def _refuse_members(application: Application, files: Sequence[str], again: bool) -> None:
    """A file of a sequence shares flows with its neighbours, and one that grows is not whole: both go with the rest."""
    from secwatch.store import follows

    for path in files:
        member = None if path == "-" else follows.member(application.database, str(Path(path).resolve()))
        if member is not None and (again or member.growing):
            words = f"{path} is read as a part of the directory {member.directory}"
            again_too = " --again" if again else ""
            raise UsageProblem(words, f"secwatch sense read {member.directory}{again_too}")


def _read_directory(
    application: Application, directory: str, output: Output, line: ProgressLine, how: How
) -> ReadSummary:
    from secwatch.pipeline.follow import read_directory
    from secwatch.pipeline.steering import Steering

    def tell_alerts(numbers: Sequence[int]) -> None:
        if how.follow:
            shown = ", ".join(map(str, numbers))
            words = Text(f"新告警: {shown} (secwatch alerts list)", f"new alerts: {shown} (secwatch alerts list)")
            note(f"secwatch: {words.to(application.language)}", output)

    with requests() if how.follow else nullcontext() as asked:
        steering = Steering(
            follow=how.follow,
            stop=lambda: asked is not None and asked.stop is not None,
            on_progress=lambda path, done, total: line.update(done, total, Path(path).name),
            on_alerts=tell_alerts,
            on_problem=lambda words: note(f"secwatch: {visible(words, 2000)}"),
            now=lambda: datetime.now(UTC),
            window_seconds=durations.seconds(application.settings.sensor.window),
        )
        summary = read_directory(
            application.place,
            application.settings,
            application.database,
            application.ownership,
            Path(directory),
            steering,
            again=how.again,
            flows_only=how.flows_only,
            detect=how.detect,
        )
    if not summary.inputs and not how.follow:
        raise UnreadableInput(f"{directory} holds no capture", f"ls -l {shlex.quote(directory)}")
    return summary


def _sum(summaries: Sequence[ReadSummary]) -> ReadSummary:
    """Return several readings as one."""
    from secwatch.pipeline.read import ReadSummary

    return ReadSummary(
        tuple(item for summary in summaries for item in summary.inputs),
        tuple(problem for summary in summaries for problem in summary.problems),
        sum(summary.seconds for summary in summaries),
        tuple(sorted({number for summary in summaries for number in summary.resumed})),
    )
