"""Giving up what a process no longer needs: root, groups, capabilities. Call it before any thread is started."""

from __future__ import annotations

import ctypes
import os
import pwd
from collections.abc import Callable, Iterable
from pathlib import Path

from secwatch.core.errors import SecwatchError, UsageProblem

_SET_NO_NEW_PRIVILEGES, _AMBIENT, _AMBIENT_CLEAR_ALL = 38, 47, 4  # prctl(2)
_became: list[str] = []
_CAPABILITY_VERSION = 0x20080522  # _LINUX_CAPABILITY_VERSION_3, whose masks have two words


class _Header(ctypes.Structure):
    """struct __user_cap_header_struct; process 0 is the caller."""

    _fields_ = (("version", ctypes.c_uint32), ("process", ctypes.c_int))


def choose_user(name: str | None, directory: Path) -> pwd.struct_passwd | None:
    """Return the account to become, None to stay who we are.

    It is the one that is named; `root` stays root. Without a name root becomes the owner of the directory that will be
    worked in, if that is somebody else: what root leaves there would lock its owner out. Raise UsageProblem if there
    is no such account or we may not become it.
    """
    if name is not None:
        return _find_user(name)
    if os.geteuid() != 0 or not directory.exists():
        return None
    found = directory.stat()
    if found.st_uid == 0:
        return None
    try:
        return pwd.getpwuid(found.st_uid)
    except KeyError:  # a directory of another machine, or of a container
        nameless = (f"#{found.st_uid}", "x", found.st_uid, found.st_gid, "", "/nonexistent", "")
        return pwd.struct_passwd(nameless)


def _find_user(name: str) -> pwd.struct_passwd | None:
    try:
        account = pwd.getpwnam(name)
    except (KeyError, ValueError) as error:
        raise UsageProblem(f"there is no user {name}", "useradd --system --home-dir /nonexistent secwatch") from error
    if os.geteuid() not in (0, account.pw_uid):
        raise UsageProblem(f"only root can become {name}", "leave out --user, or run it with sudo")
    return account if account.pw_uid else None


def can_work_as(account: pwd.struct_passwd, programs: Iterable[Path], directories: Iterable[Path]) -> bool:
    """Return whether that user can read the programs and work in the directories that are there. For root to ask."""
    read, write = list(programs), [directory for directory in directories if directory.exists()]

    def is_fit() -> bool:
        readable = all(os.access(path, os.R_OK) for path in read)
        return readable and all(os.access(path, os.R_OK | os.W_OK | os.X_OK) for path in write)

    return do_as(account, is_fit)


def do_as(account: pwd.struct_passwd, act: Callable[[], bool]) -> bool:
    """Return what `act` says when the user does it, False if it fails. For root, before any thread is started.

    A child becomes the user: what permissions, lists and mounts make of it, only the kernel knows.
    """
    child = os.fork()
    if child == 0:
        well = False
        try:
            give_up(account)
            well = act()
        finally:
            os._exit(0 if well else 1)
    return os.waitpid(child, 0)[1] == 0


def refuse_unwritable(paths: Iterable[Path]) -> None:
    """Raise SecwatchError if one of the paths is there and cannot be written by who we are now."""
    for path in paths:
        if path.exists() and not os.access(path, os.R_OK | os.W_OK):
            raise SecwatchError(
                f"{path} cannot be written by the user {_own_name()}",
                f"sudo chown -R {_own_name()}: {path.parent}",
            )


def _own_name() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def became() -> str | None:
    """Return the name of the user for whom this process has given root up, None if it has not."""
    return _became[-1] if _became else None


def give_up(account: pwd.struct_passwd | None) -> None:
    """Become the user, if one is given and we are not; then keep no capability and let no child gain one.

    What is open stays open. Raise SecwatchError if anything of it is still there afterwards.
    """
    if account is not None and os.geteuid() == 0:
        os.setgroups(os.getgrouplist(account.pw_name, account.pw_gid))
        os.setresgid(account.pw_gid, account.pw_gid, account.pw_gid)
        os.setresuid(account.pw_uid, account.pw_uid, account.pw_uid)
        _became.append(account.pw_name)
        os.environ.update(HOME=account.pw_dir, USER=account.pw_name, LOGNAME=account.pw_name)
        for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
            os.environ.pop(name, None)
    if os.geteuid() == 0:
        return
    library = ctypes.CDLL(None, use_errno=True)
    library.prctl(_AMBIENT, _AMBIENT_CLEAR_ALL, 0, 0, 0)  # fails before Linux 4.3, which has none to clear
    header, nothing = _Header(_CAPABILITY_VERSION, 0), (ctypes.c_uint32 * 6)()
    if library.capset(ctypes.byref(header), nothing) or library.prctl(_SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0):
        raise SecwatchError(f"the privileges could not be given up: {os.strerror(ctypes.get_errno())}")
    if os.getresuid() != (os.geteuid(),) * 3 or (account is not None and os.geteuid() != account.pw_uid):
        raise SecwatchError("the privileges could not be given up: the user is still another one")
