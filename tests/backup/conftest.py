"""What the backup tests share: a city with one department, its data, and every restic that can be had."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.poly1305 import Poly1305

FAKE = Path(__file__).resolve().parent.parent / "fakes" / "restic"


def restic_programs() -> list[str]:
    """The installed restic, and those that SECWATCH_TEST_RESTIC names, separated by colons."""
    found = [shutil.which("restic"), *os.environ.get("SECWATCH_TEST_RESTIC", "").split(":")]
    return [path for path in found if path and Path(path).is_file()]


@dataclass
class City:
    """A workspace with the job `finance-files`, backing `data` up into a local repository."""

    workspace: Path
    data: Path
    secwatch: Callable[..., Any]
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def repository(self) -> Path:
        """The directory of the repository."""
        return self.workspace / "centre" / "finance"

    @property
    def password(self) -> Path:
        """The password file."""
        return self.workspace / "secrets" / "finance.password"

    def backup(self, *arguments: str | Path, **environment: str) -> Any:
        """Run `secwatch backup …` and return how it ended."""
        return self.secwatch(
            "-w", self.workspace, "backup", *arguments, environment={**self.environment, **environment}
        )

    def item(self, *arguments: str | Path, code: int = 0, **environment: str) -> Mapping[str, Any]:
        """Run it with --json, insist on the exit code, and return its first item."""
        run = self.backup(*arguments, "--json", **environment)
        assert run.code == code, (run.stdout, run.stderr)
        first: Mapping[str, Any] = run.json["items"][0]
        return first

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """Look into the ledger from outside."""
        connection = sqlite3.connect(self.workspace / "state" / "secwatch.db")
        try:
            return connection.execute(statement).fetchall()
        finally:
            connection.close()

    def configure(self, text: str) -> None:
        """Add to the configuration."""
        with (self.workspace / "secwatch.toml").open("a", encoding="utf-8") as stream:
            stream.write(text)


CONFIGURATION = """
[backup.repositories.finance]
location = "centre/finance"
password_file = "secrets/finance.password"

[backup.jobs.finance-files]
organisation = "FIN"
repository = "finance"

[[backup.jobs.finance-files.sources]]
kind = "files"
paths = ["../data"]
"""


def cheapen(repository: Path, password: bytes) -> None:
    """Wrap the repository's master key with a weak scrypt, so that a restic starts in 0.05 s instead of 0.5 s.

    Format: restic's design document, "Keys, Encryption and MAC".
    """
    (path,) = (repository / "keys").iterdir()
    key = json.loads(path.read_text())
    salt, data = base64.b64decode(key["salt"]), base64.b64decode(key["data"])
    strong = Scrypt(salt=salt, length=64, n=key["N"], r=key["r"], p=key["p"]).derive(password)
    weak = Scrypt(salt=salt, length=64, n=1024, r=8, p=1).derive(password)
    nonce, sealed, tag = data[:16], data[16:-16], data[-16:]
    Poly1305.verify_tag(_one_time_key(strong, nonce), sealed, tag)
    master = _counter_mode(strong, nonce).update(sealed)
    again = _counter_mode(weak, nonce).update(master)
    key["data"] = base64.b64encode(nonce + again + Poly1305.generate_tag(_one_time_key(weak, nonce), again)).decode()
    text = json.dumps({**key, "N": 1024, "r": 8, "p": 1}).encode()
    path.unlink()
    (repository / "keys" / hashlib.sha256(text).hexdigest()).write_bytes(text)


def _one_time_key(derived: bytes, nonce: bytes) -> bytes:
    # Poly1305-AES as its author defined it, over one block: no mode of operation is involved.
    encryptor = Cipher(algorithms.AES(derived[32:48]), modes.ECB()).encryptor()  # noqa: S305
    return derived[48:64] + encryptor.update(nonce)


def _counter_mode(derived: bytes, nonce: bytes) -> Any:
    return Cipher(algorithms.AES(derived[:32]), modes.CTR(nonce)).encryptor()


def make_city(directory: Path, secwatch: Callable[..., Any]) -> City:
    """Make a workspace with one job and its data."""
    workspace, data = directory / "city", directory / "data"
    assert secwatch("init", workspace).code == 0
    (data / "deep" / "er").mkdir(parents=True)
    (data / "victim.txt").write_text("the budget of the city\n")
    (data / "deep" / "er" / "random.bin").write_bytes(os.urandom(300_000))
    (data / "deep" / "链接").symlink_to("/etc/passwd")
    city = City(workspace, data, secwatch, {"SECWATCH_BACKUP__LOCK_WAIT": "1s"})
    city.configure(CONFIGURATION)
    return city


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory, secwatch: Callable[..., Any]) -> Callable[[str], City]:
    """Give a city with an empty repository made by a restic program; made once, to be copied."""
    made: dict[str, City] = {}

    def give(program: str) -> City:
        if program not in made:
            city = make_city(tmp_path_factory.mktemp("template"), secwatch)
            city.environment["SECWATCH_BACKUP__RESTIC"] = program
            run = city.backup("init", "finance-files", "--new-password")
            assert run.code == 0, run.stderr
            cheapen(city.repository, city.password.read_bytes().strip())
            made[program] = city
        return made[program]

    return give


def copy_of(city: City, directory: Path) -> City:
    """Return a copy of a city, with its data, to be ruined by one test."""
    workspace, data = directory / "city", directory / "data"
    shutil.copytree(city.workspace, workspace, symlinks=True)
    shutil.copytree(city.data, data, symlinks=True)
    return City(workspace, data, city.secwatch, dict(city.environment))


@pytest.fixture(params=restic_programs() or ["absent"], ids=lambda path: Path(path).name)
def restic(request: pytest.FixtureRequest) -> str:
    """Each restic program in turn."""
    if request.param == "absent":
        pytest.skip("restic is not installed")
    return str(request.param)


@pytest.fixture
def city(template: Callable[[str], City], tmp_path: Path) -> City:
    """A city with an empty repository, driven by the installed restic."""
    programs = restic_programs()
    if not programs:
        pytest.skip("restic is not installed")
    return copy_of(template(programs[0]), tmp_path)


@pytest.fixture
def matrix_city(template: Callable[[str], City], tmp_path: Path, restic: str) -> City:
    """The same for each restic program in turn."""
    return copy_of(template(restic), tmp_path)


@pytest.fixture(scope="session")
def backed_up(template: Callable[[str], City], tmp_path_factory: pytest.TempPathFactory) -> City:
    """A city with one good snapshot; made once, to be copied."""
    programs = restic_programs()
    if not programs:
        pytest.skip("restic is not installed")
    city = copy_of(template(programs[0]), tmp_path_factory.mktemp("backed-up"))
    assert city.backup("run", "finance-files").code == 0
    return city


@pytest.fixture
def fake(backed_up: City, tmp_path: Path) -> City:
    """A city with one good snapshot whose restic is from now on the fake; FAKE_RESTIC says how it fails."""
    city = copy_of(backed_up, tmp_path)
    city.environment["REAL_RESTIC"] = city.environment["SECWATCH_BACKUP__RESTIC"]
    city.environment["SECWATCH_BACKUP__RESTIC"] = str(FAKE)
    return city


@pytest.fixture(scope="session")
def copy_city() -> Callable[[City, Path], City]:
    """Give what copies a city, to be ruined by one test."""
    return copy_of


@pytest.fixture(scope="session")
def weaken() -> Callable[[Path, bytes], None]:
    """Give what makes a new repository cheap to open."""
    return cheapen
