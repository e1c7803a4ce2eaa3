"""How a restic process ended, in classes that are the same for every version, and as errors for people.

restic has exit codes of its own for a missing repository, a lock and a wrong password only since
0.17; before that everything is 1 and its sentences on standard error must tell (they are matched
only there, so that a file name in a newer version's message cannot pass for one).
"""

from __future__ import annotations

import re
from urllib.parse import unquote

from backup.features import Feature, Version, available
from backup.model import Result
from secwatch.core.errors import (
    Locked,
    ProgramMissing,
    ProofFailed,
    Refused,
    RepositoryMissing,
    SecwatchError,
    WrongPassword,
)

# Greedy, for a password may hold `@` or `/`; Go quotes a part of such a one as the port.
_CREDENTIALS_IN_URL = re.compile(r"//\S*@")
_PASSWORD_AS_PORT = re.compile(r"invalid port \"[^\n]*\" after host")
# Sentences of 0.14 and 0.19, seen by harming each kind of file in a repository.
_DAMAGE = re.compile(
    r"is damaged|ciphertext verification failed|unmarshal: |invalid data returned|not found in repository"
    r"|wrong .{1,40}pack|config file has zero size"
    r"|<(?:data|index|key|snapshot)/[0-9a-f]+>.{0,200}(?:no such file|does not exist)",
    re.IGNORECASE,
)
# A function or a place in Go's stack trace, which restic appends to errors that it does not expect.
_STACK_LINE = re.compile(r"^(?:\s+\S+\.(?:go|s):\d+|[\w.\-]+(?:/[\w.\-]+)*\.(?:\(\*?\w+\)\.)?\w+(?:\.func\d+)*)$")
# Sentences of 0.14.0, seen by running it; [no repository] of 0.16 from its source.
_SENTENCES = (
    (Result.AUTH, ("wrong password or no key found", "an empty password is not a password")),
    (Result.LOCKED, ("repository is already locked",)),
    (
        Result.NO_REPOSITORY,
        ("Is there a repository at the following location", "repository does not exist", "unable to open config file"),
    ),
)
_EXIT_CODES = {
    10: (Result.NO_REPOSITORY, Feature.EXIT_NO_REPOSITORY_AND_LOCKED),
    11: (Result.LOCKED, Feature.EXIT_NO_REPOSITORY_AND_LOCKED),
    12: (Result.AUTH, Feature.EXIT_WRONG_PASSWORD),
}
_NO_SPACE = ("no space left on device", "disk quota exceeded", "file too large")
_REFUSED = ("403 Forbidden", "blob not removed, server response")
_INTERRUPTED = ("signal interrupt", "context canceled")


class RepositoryDamaged(ProofFailed):
    """Something in a repository is not what restic wrote."""


class ResticFailed(SecwatchError):
    """restic ended in a way that has no error of its own; `result` says in which."""

    def __init__(self, message: str, hint: str | None, result: Result):
        super().__init__(message, hint, result.exit_code)
        self.result = result


def classify(version: Version, return_code: int, text: str) -> Result:
    """Return the class of how restic ended. text is what it said on standard error outside of item errors.

    An exit code that this version does not have counts as UNKNOWN, never as success.
    """
    if return_code == 0:
        return Result.OK
    if return_code < 0 or return_code == 130:
        return Result.INTERRUPTED
    if return_code == 3:
        return Result.PARTIAL
    if return_code in _EXIT_CODES:
        result, feature = _EXIT_CODES[return_code]
        return result if available(feature, version) else Result.UNKNOWN
    for result, sentences in _SENTENCES:
        feature = next(item for known, item in _EXIT_CODES.values() if known is result)
        if not available(feature, version) and any(sentence in text for sentence in sentences):
            return result
    if any(sentence in text.lower() for sentence in _NO_SPACE):
        return Result.FAILED
    if any(sentence in text for sentence in _REFUSED):
        return Result.REFUSED
    if _DAMAGE.search(text):
        return Result.DAMAGED
    return Result.INTERRUPTED if any(sentence in text for sentence in _INTERRUPTED) else Result.UNKNOWN


def redact(text: str, location: str = "") -> str:
    """Return the text with user names and passwords in URLs blotted out, wherever else it repeats those of location."""
    text = _CREDENTIALS_IN_URL.sub("//***@", text)
    credentials = location.partition("//")[2].rpartition("@")[0]
    password = credentials.partition(":")[2]
    for secret in (credentials, unquote(credentials), password, unquote(password)):
        if len(secret) > 3:  # a shorter one would blot out half of the words
            text = text.replace(secret, "***")
    return _PASSWORD_AS_PORT.sub('invalid port "***" after host', text)


def sentence(text: str) -> str:
    """Return restic's own reason as one sentence of ours: the last fatal line, else the last line."""
    lines = [line.replace("\x1b[2K", "") for line in text.splitlines()]
    lines = [line.strip() for line in lines if line.strip() and not _STACK_LINE.match(line)]
    fatal = [line for line in lines if line.startswith("Fatal:")]
    chosen = (fatal or lines or ["it gave no reason"])[-1]
    while chosen.startswith("Fatal:"):
        chosen = chosen.removeprefix("Fatal:").strip()
    return redact(chosen[:1].lower() + chosen[1:]).rstrip(".")[:400]


def as_error(result: Result, text: str, *, repository: str, location: str, job: str, verb: str) -> SecwatchError:
    """Return the error that people are shown for how restic ended; text as for `classify`."""
    place, text = redact(location, location), redact(text, location)
    if result is Result.NO_REPOSITORY:
        return RepositoryMissing(
            f"there is no repository {repository} at {place}", f"make it with: secwatch backup init {job}"
        )
    if result is Result.LOCKED:
        return Locked(
            f"repository {repository} is locked: {_lock_holder(text)}",
            f"wait for it to end; if it is dead: secwatch backup unlock {job}",
        )
    if result is Result.AUTH:
        return WrongPassword(
            f"the password of repository {repository} is wrong",
            f"check the password settings of [backup.repositories.{repository}]",
        )
    if result is Result.DAMAGED:
        return RepositoryDamaged(
            f"the repository {repository} is damaged: {sentence(text)}",
            "keep it as it is, make a full backup to another place, then see what is left:"
            f" secwatch backup verify {job}",
        )
    if result is Result.REFUSED:
        return Refused(f"the server of repository {repository} refused it: {sentence(text)}", None)
    if any(words in text.lower() for words in _NO_SPACE):
        return ResticFailed(
            f"no space left for repository {repository}: {sentence(text)}",
            f"free some space at {place}; the snapshots that are there are unharmed",
            Result.FAILED,
        )
    if result is Result.INTERRUPTED:
        return ResticFailed(
            f"restic {verb} was stopped before its end", f"run it again: secwatch backup {verb} {job}", result
        )
    return ResticFailed(f"restic {verb} failed: {sentence(text)}", "secwatch doctor", result)


def _lock_holder(text: str) -> str:
    found = re.search(r"locked (?:exclusively )?by (PID \d+ on \S{1,255})", text)
    return f"held by {found[1]}" if found else sentence(text)


def result_of(error: SecwatchError) -> Result:
    """Return the class that an error stands for."""
    if isinstance(error, ResticFailed):
        return error.result
    classes = (
        (RepositoryMissing, Result.NO_REPOSITORY),
        (Locked, Result.LOCKED),
        (WrongPassword, Result.AUTH),
        (ProgramMissing, Result.PROGRAM),
        (RepositoryDamaged, Result.DAMAGED),
        (ProofFailed, Result.DIFFERENT),
        (Refused, Result.REFUSED),
    )
    return next((result for kind, result in classes if isinstance(error, kind)), Result.FAILED)
