"""How the password of a repository reaches restic: a file it reads, or an anonymous pipe. Never argv, never a log."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from backup.model import Repository
from secwatch.core.errors import Refused, WrongPassword
from secwatch.system import process

_COMMAND_SECONDS = 60.0
# A pipe holds 64 KiB by default (pipe(7)): what is written before the reader starts must fit.
_MAX_BYTES = 4096


@dataclass(frozen=True)
class Key:
    """Where one restic process finds the password: a path, and the descriptor behind it if it is a pipe."""

    path: str
    descriptors: tuple[int, ...] = ()


@contextmanager
def key_for(repository: Repository, job: str, *, used: bool = False) -> Iterator[Key]:
    """Give one restic process the password of the repository; `used` says that snapshots are known in it.

    Raise WrongPassword if it cannot be had, Refused for a file that others could read or have written.
    """
    if repository.password_command is not None:
        password = _ask(repository)
        with _piped(password) as key:
            yield key
        return
    hint = _hint(repository, job, used)
    yield Key(str(_credential(repository, hint) if repository.password_credential else _checked_file(repository, hint)))


def exists(repository: Repository) -> bool:
    """Say whether there is a local repository, as far as can be seen without its password."""
    return repository.directory is not None and (repository.directory / "config").exists()


def _hint(repository: Repository, job: str, used: bool) -> str:
    """A new password for a repository that holds something would only hide that the old one is lost."""
    if used or exists(repository):
        return "put it back from the copy that was kept elsewhere: without it nothing can be restored"
    return f"put it back; for a new repository make one: secwatch backup init {job} --new-password"


def _checked_file(repository: Repository, hint: str) -> Path:
    path = repository.password_file
    if path is None:
        raise WrongPassword(f"repository {repository.name} has no password", "secwatch config check")
    found = _status(path, repository, hint)
    if found.st_uid not in (os.geteuid(), 0):
        raise Refused(f"the password file {path} belongs to somebody else", f"chown {os.geteuid()} {path}")
    if stat.S_IMODE(found.st_mode) & 0o077:
        mode = oct(stat.S_IMODE(found.st_mode))[2:]
        raise Refused(f"the password file {path} is open to others (mode {mode})", f"chmod 600 {path}")
    return path


def _credential(repository: Repository, hint: str) -> Path:
    """systemd guards this directory itself; its files may carry a group bit that stands for an access list."""
    directory = os.environ.get("CREDENTIALS_DIRECTORY")
    if not directory:
        raise WrongPassword(
            f"the password of repository {repository.name} is a systemd credential, and there are none here",
            "run it as a systemd service with LoadCredential=, or use password_file",
        )
    path = Path(directory) / str(repository.password_credential)
    _status(path, repository, hint)
    return path


def _status(path: Path, repository: Repository, hint: str) -> os.stat_result:
    try:
        found = path.stat()
    except FileNotFoundError as error:
        raise WrongPassword(
            f"the password file {path} of repository {repository.name} is missing",
            hint,
        ) from error
    except OSError as error:
        raise WrongPassword(
            f"the password file {path} cannot be read: {error.strerror}", f"ls -l {path.parent}"
        ) from error
    if not stat.S_ISREG(found.st_mode) or not found.st_size:
        raise WrongPassword(f"the password file {path} is empty or no file", f"ls -l {path}")
    return found


def _ask(repository: Repository) -> bytes:
    """We run the command ourselves: restic would split one string by rules of its own."""
    command = repository.password_command or ()
    answer = process.run(command, timeout=_COMMAND_SECONDS)
    password = answer.stdout.strip("\r\n").encode()
    if answer.return_code or not password or len(password) > _MAX_BYTES or b"\n" in password:
        raise WrongPassword(
            f"the password command of repository {repository.name} gave no password (exit code {answer.return_code})",
            "run it by hand: it must print one line",
        )
    return password


@contextmanager
def _piped(password: bytes) -> Iterator[Key]:
    reading, writing = os.pipe()
    try:
        try:
            os.write(writing, password + b"\n")
        finally:
            os.close(writing)
        yield Key(f"/dev/fd/{reading}", (reading,))
    finally:
        os.close(reading)


def make_password_file(path: Path) -> bool:
    """Write a new random password (256 bits) to the path, 0600; say whether it was made.

    A file that is there already is left alone. Raise OSError if it cannot be written.
    """
    import base64

    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial-{os.getpid()}")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(base64.b64encode(os.urandom(32)) + b"\n")
            stream.flush()
            os.fsync(stream.fileno())
        # A link fails where there is a file already; a rename would replace the only key to a repository.
        os.link(partial, path)
    except FileExistsError:
        return False
    finally:
        partial.unlink(missing_ok=True)
    return True
