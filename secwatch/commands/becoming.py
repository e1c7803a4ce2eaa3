"""Giving root up for the one whose workspace it is, before anything is written there."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from secwatch.commands.live_words import AS_ROOT, say
from secwatch.core.model import Text
from secwatch.system import privileges
from secwatch.system.console import Output

if TYPE_CHECKING:
    from pwd import struct_passwd

    from secwatch.commands.application import Application


def become(application: Application, account: struct_passwd | None, *, chosen: bool, output: Output) -> None:
    """Give root up for the account, if there is one, and say who captures unless it was `chosen`.

    Raise SecwatchError if root could not be given up, or if the account cannot write what an earlier run has left.
    """
    place = application.place
    was_root = os.geteuid() == 0
    privileges.give_up(account)
    if os.geteuid() == 0 and not chosen:
        say(application, AS_ROOT, output)
    if account is None or not was_root:
        return
    if not chosen:
        name, where = account.pw_name, place.workspace or place.state
        text = Text(
            f"以 {where} 的所有者 {name} 身份抓包；--user root 保持 root",
            f"capturing as {name}, the owner of {where}; --user root stays root",
        )
        say(application, text, output)
    privileges.refuse_unwritable((place.state, place.runtime, place.database, place.lake, place.evidence))
    if not (os.environ.get("SECWATCH_CACHE") or os.access(account.pw_dir, os.W_OK)):
        os.environ["SECWATCH_CACHE"] = str(place.cache)  # kernels of a user without a home are kept in the workspace
