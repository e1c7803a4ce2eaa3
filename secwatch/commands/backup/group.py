"""`secwatch backup`: the verbs of disaster recovery."""

from __future__ import annotations

import click

from secwatch.commands.application import Group
from secwatch.commands.backup.drill import drill
from secwatch.commands.backup.initialise import init
from secwatch.commands.backup.restore import restore
from secwatch.commands.backup.run import run
from secwatch.commands.backup.snapshots import snapshots
from secwatch.commands.backup.status import status
from secwatch.commands.backup.unlock import unlock
from secwatch.commands.backup.verify import verify


@click.group(cls=Group, name="backup")
def command() -> None:
    """Back departments up, verify, drill and restore.

    \b
    Example:
      secwatch backup init finance-files --new-password
      secwatch backup run finance-files
      secwatch backup verify finance-files
      secwatch backup drill finance-files
      secwatch backup status
    """


for verb in (init, run, status, verify, drill, restore, snapshots, unlock):
    command.add_command(verb)
