"""The errors that people are shown, and the exit codes that go with them.

    SecwatchError                  1   the work failed
    ├── UsageProblem               2   the command line asks for something that cannot be
    ├── UnreadableInput            3   an input could not be read (alone: nothing was done)
    ├── RepositoryMissing         10   there is no backup repository at that place
    ├── Locked                    11   another run is in progress
    ├── WrongPassword             12   a credential is missing or wrong
    ├── ConfigurationInvalid      13   the configuration has mistakes
    ├── ProgramMissing            14   a program is missing or too old
    ├── ProofFailed               15   verification, drill or compliance failed
    └── Refused                   16   a freeze or guard forbids it

Every error is one sentence in lower case without a full stop, and a hint that is best a
command to run.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What the `secwatch` command returns to the shell. Numbers shared with restic mean the same."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    INCOMPLETE = 3
    FINDINGS = 4
    NO_REPOSITORY = 10
    LOCKED = 11
    WRONG_PASSWORD = 12
    CONFIGURATION = 13
    PROGRAM = 14
    PROOF = 15
    REFUSED = 16
    OVERDUE = 17
    INTERRUPTED = 130
    TERMINATED = 143


def combine(*codes: ExitCode) -> ExitCode:
    """Return the code of a run of several parts: a specific failure, then 1, 4, 3, 0 in that order."""
    present = {code for code in codes if code is not ExitCode.DONE}
    ordinary = (ExitCode.FAILED, ExitCode.FINDINGS, ExitCode.INCOMPLETE)
    specific = sorted(present.difference(ordinary), reverse=True)
    if len(specific) == 1 and not present.intersection(ordinary[:1]):
        return specific[0]
    if specific:
        return ExitCode.FAILED
    return next((code for code in ordinary if code in present), ExitCode.DONE)


class SecwatchError(Exception):
    """A failure that is explained to the user by one sentence and a hint instead of a traceback."""

    exit_code = ExitCode.FAILED

    def __init__(self, message: str, hint: str | None = None, exit_code: ExitCode | None = None):
        super().__init__(message)
        self.message = message
        self.hint = hint
        if exit_code is not None:
            self.exit_code = exit_code


class UsageProblem(SecwatchError):
    """The command line asks for something that cannot be."""

    exit_code = ExitCode.USAGE


class UnreadableInput(SecwatchError):
    """An input could not be read."""

    exit_code = ExitCode.INCOMPLETE


class RepositoryMissing(SecwatchError):
    """There is no backup repository at that place."""

    exit_code = ExitCode.NO_REPOSITORY


class Locked(SecwatchError):
    """Another run is in progress."""

    exit_code = ExitCode.LOCKED


class WrongPassword(SecwatchError):
    """A credential is missing or wrong."""

    exit_code = ExitCode.WRONG_PASSWORD


class ConfigurationInvalid(SecwatchError):
    """The configuration has mistakes; `problems` holds every one of them."""

    exit_code = ExitCode.CONFIGURATION

    def __init__(self, message: str, hint: str | None = None, problems: tuple[str, ...] = ()):
        super().__init__(message, hint)
        self.problems = problems


class ProgramMissing(SecwatchError):
    """A program that the work needs is missing or too old."""

    exit_code = ExitCode.PROGRAM


class ProofFailed(SecwatchError):
    """A verification, drill or compliance check failed."""

    exit_code = ExitCode.PROOF


class Refused(SecwatchError):
    """A freeze or a guard forbids the act."""

    exit_code = ExitCode.REFUSED
