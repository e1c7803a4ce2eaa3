"""Giving root up for the one whose workspace it is, before anything is written there."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from secwatch.commands.live_words import AS_ROOT
from secwatch.core.errors import SecwatchError
from secwatch.core.model import Text
from secwatch.system import privileges
from secwatch.system.console import Output, note
from secwatch.system.paths import prepare

if TYPE_CHECKING:
    from pwd import struct_passwd

    from secwatch.commands.application import Application

# Without these nothing runs: our own files, and those of the libraries.
_PROGRAMS = (Path(sys.executable), Path(__file__), Path(click.__file__))
# Commands that make a place of their own, or that give root up themselves once they have what only root gets.
_ON_THEIR_OWN = (["init"], ["demo"], ["sense", "live"])
# Commands for which root is needed: the files of everybody are read, permissions of root are looked at.
_NEED_ROOT = frozenset({"backup", "scan", "doctor"})


def settle(application: Application, command: Sequence[str], output: Output) -> None:
    """Settle as whom a command works that root has started in a place of somebody else: as its owner, and say so.

    What root leaves there would lock the owner out, and the owner could lay links for root. Root stays root where
    the command needs it, where the owner cannot run this program, and where `--user root` asks for it.
    Raise UsageProblem for a user that is not there or that we may not become.
    """
    if list(command) in _ON_THEIR_OWN:
        return
    try:
        place = application.place
    except SecwatchError:
        if application.user is None:
            return  # the command says so, if it needs a place at all
        raise
    where = place.workspace or place.state
    account = privileges.choose_user(application.user, where)
    if account is None or os.geteuid() != 0:
        return
    if application.user is None:
        able = privileges.can_work_as(account, _PROGRAMS, (where, place.state))
        if not able or command[0] in _NEED_ROOT:
            _note(application, _staying(account.pw_name, where), output)
            if able:
                privileges.do_as(account, lambda: _lay_out(application))
            return
        _note(application, _becoming(account.pw_name, where), output)
    privileges.give_up(account)
    _find_cache(account, place.cache)


def become(
    application: Application, account: struct_passwd | None, *, chosen: bool, say: Callable[[Text], None]
) -> None:
    """Give root up for the account, if there is one, and say who captures unless it was `chosen`.

    Raise SecwatchError if root could not be given up, or if the account cannot write what an earlier run has left.
    """
    place = application.place
    was_root = os.geteuid() == 0
    privileges.give_up(account)
    if os.geteuid() == 0 and not chosen:
        say(AS_ROOT)
    if account is None or not was_root:
        return
    if not chosen:
        name, where = account.pw_name, place.workspace or place.state
        text = Text(
            f"以 {where} 的所有者 {name} 身份抓包；--user root 保持 root",
            f"capturing as {name}, the owner of {where}; --user root stays root",
        )
        say(text)
    privileges.refuse_unwritable((place.state, place.runtime, place.database, place.lake, place.evidence))
    _find_cache(account, place.cache)


def _lay_out(application: Application) -> bool:
    """Make what every command shares, and bring the database up to date, where root would own it otherwise."""
    for directory in (application.place.runtime, application.place.cache):
        prepare(directory)
    application.open_database().conn.close()
    return True


def _becoming(name: str, where: Path) -> Text:
    return Text(
        f"以 {where} 的所有者 {name} 身份运行；secwatch --user root … 保持 root",
        f"working as {name}, the owner of {where}; secwatch --user root … stays root",
    )


def _staying(name: str, where: Path) -> Text:
    return Text(
        f"以 root 身份在 {name} 的 {where} 中运行，新建的文件可能属于 root；若不需要 root：sudo -u {name} secwatch …",
        f"working as root in {where} of {name}: what is new there may be root's; if it needs no root: "
        f"sudo -u {name} secwatch …",
    )


def _note(application: Application, text: Text, output: Output) -> None:
    try:
        language = application.language
    except SecwatchError:  # a mistake in the configuration, which is for the command to tell
        language = application.chosen_language or "en"
    note(f"secwatch: {text.to(language)}", output)


def _find_cache(account: struct_passwd, cache: Path) -> None:
    """Keep the kernels in the workspace of a user without a home, or if they were to go where another's are."""
    given = os.environ.get("SECWATCH_CACHE")
    try:
        usable = Path(given).stat().st_uid == account.pw_uid if given else os.access(account.pw_dir, os.W_OK)
    except OSError:  # not there yet, or not for this user to look at
        usable = os.access(Path(given or "/").parent, os.W_OK)
    if not usable:
        os.environ["SECWATCH_CACHE"] = str(cache)
