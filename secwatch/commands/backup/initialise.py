"""`secwatch backup init`: make the repository of a job."""

from __future__ import annotations

from collections.abc import Sequence

import click

from secwatch.commands.application import Application, language_option, output_options, pass_application
from secwatch.commands.backup import selection
from secwatch.core.model import Text
from secwatch.system.console import Output


@click.command(epilog=f"Exit codes: 0 done, 1 failed, 2 usage, {selection.ENDINGS}")
@selection.jobs_argument
@click.option("--new-password", is_flag=True, help="Write a new random password where password_file is missing.")
@output_options
@language_option
@pass_application
def init(application: Application, names: Sequence[str], every: bool, new_password: bool, output: Output) -> int:
    """Make the repository of a job.

    One that is there is left as it is.

    \b
    Example:
      secwatch backup init finance-files --new-password
    """
    from backup.initialise import init_job

    jobs = selection.chosen(application, names, every)
    surroundings = selection.surroundings(application)
    outcomes = [init_job(surroundings, job, new_password=new_password) for job in jobs]
    language = application.language
    words = {
        (True, True): Text("已建立，口令已写入文件，请另存一份", "made, password file written: keep a copy elsewhere"),
        (True, False): Text("已建立", "made"),
        (False, True): Text("已存在", "was there"),
        (False, False): Text("已存在", "was there"),
    }

    def state(outcome: object) -> str:
        details = getattr(outcome, "details", {})
        if "created" not in details:
            return "—"
        return words[details["created"], details["password_created"]].to(language)

    columns = {Text("备份库", "repository"): lambda outcome: outcome.repository, Text("状态", "state"): state}
    return selection.finish(application, output, outcomes, Text("建立备份库", "Repositories"), columns)
