"""Making a repository: for a job that has none yet, with a new password if asked for."""

from __future__ import annotations

from backup import secrets
from backup.model import Job, Outcome, Result
from backup.restic import verbs
from backup.session import Done, Surroundings, attempt, states_nothing
from secwatch.core.errors import Refused, UsageProblem, WrongPassword


def init_job(surroundings: Surroundings, job: Job, *, new_password: bool) -> Outcome:
    """Make the job's repository; one that is there and opens with the password is left as it is."""

    def work() -> Done:
        made_password = _make_password(job) if new_password else False
        try:
            made = verbs.init(surroundings.restic(job))
        except WrongPassword as error:
            if not made_password or job.repository.password_file is None:
                raise
            job.repository.password_file.unlink(missing_ok=True)
            raise _password_lost(job) from error
        message = None if made else "the repository is there already"
        return Done(Result.OK, message=message, details={"created": made, "password_created": made_password})

    return attempt(surroundings, job, "init", work, states_nothing)


def _make_password(job: Job) -> bool:
    path = job.repository.password_file
    if path is None:
        raise UsageProblem(
            f"repository {job.repository.name} has no password_file to write a new password to",
            f"give [backup.repositories.{job.repository.name}] a password_file",
        )
    if secrets.exists(job.repository) and not path.exists():
        raise _password_lost(job)
    return secrets.make_password_file(path)


def _password_lost(job: Job) -> Refused:
    path = job.repository.password_file
    return Refused(
        f"the repository {job.repository.name} is there, and its password is lost: a new one cannot open it",
        f"put {path} back from the copy that was kept elsewhere, or name another location for a new repository",
    )
