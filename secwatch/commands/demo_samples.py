"""The demo's sample data: three departments, a tree with two harmless findings in it, files that change."""

from __future__ import annotations

import base64
import filecmp
import os
import secrets
import tomllib
from pathlib import Path

import tomli_w

from secwatch.core.escape import visible
from secwatch.system.paths import CONFIGURATION_NAME, prepare

# Both samples are encoded, so that no scanner (ours among them) takes offence at this source file.
# The EICAR anti-malware test file:
_EICAR = "WDVPIVAlQEFQWzRcUFpYNTQoUF4pN0NDKTd9JEVJQ0FSLVNUQU5EQVJELUFOVElWSVJVUy1URVNULUZJTEUhJEgrSCo="
# A PHP page that looks like a web shell; it is never served:
_WEB_SHELL = "PD9waHAKLy8gc2FtcGxlIGZvciBzZWN3YXRjaCBkZW1vCkBldmFsKGJhc2U2NF9kZWNvZGUoJF9QT1NUWydzYW1wbGUnXSkpOwo="

_JOB = """
[backup.repositories.finance]
location = "backup-centre/finance"
password_file = "secrets/finance.password"

[backup.jobs.finance-files]
organisation = "FIN"
repository = "finance"
policy = { rpo = "24h", rto = "1h" }

[[backup.jobs.finance-files.sources]]
kind = "files"
paths = ["sample/departments/finance"]
"""


def departments(directory: Path) -> None:
    """Add to a fresh workspace: who owns the sample files, a backup job, and its password."""
    registry = directory / "organisations.toml"
    content = tomllib.loads(registry.read_text(encoding="utf-8"))
    sample = directory.resolve() / "sample" / "files"
    for organisation in content["organisation"]:
        if organisation["code"] in ("FIN", "CIVIL"):
            organisation["paths"] = [str(sample / organisation["code"].lower())]
    registry.write_text(tomli_w.dumps(content), encoding="utf-8")
    password = prepare(directory / "secrets") / "finance.password"
    descriptor = os.open(password, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as stream:
        stream.write(secrets.token_urlsafe(32) + "\n")
    with (directory / CONFIGURATION_NAME).open("a", encoding="utf-8") as stream:
        stream.write(_JOB)
    prepare(directory / "sample")
    prepare(directory / "backup-centre")


def files(tree: Path) -> set[str]:
    """Make a tree of clean files with two findings in it; return the names that must be found."""
    for owner in ("fin", "civil"):
        prepare(tree / owner)
        for number in range(20):
            text = f"{owner} record {number}\n" * 200
            (tree / owner / f"record-{number:02}.txt").write_text(text, encoding="utf-8")
    (tree / "fin" / "页面.php").write_text("<?php echo htmlspecialchars($_GET['name']); ?>\n", encoding="utf-8")
    (tree / "fin" / "upload.php").write_bytes(base64.b64decode(_WEB_SHELL))
    (tree / "civil" / "eicar.com").write_bytes(base64.b64decode(_EICAR))
    return {"upload.php", "eicar.com"}


def department_files(source: Path) -> None:
    """Make the files of the finance department: texts, a Chinese name, random data, a link, an empty file."""
    prepare(source / "账目")
    for number in range(60):
        text = "".join(f"{number},{line},{number * line}\n" for line in range(500))
        (source / "账目" / f"{number:03}.csv").write_text(text, encoding="utf-8")
    (source / "scan.bin").write_bytes(secrets.token_bytes(4 << 20))
    (source / "empty").touch()
    (source / "latest").symlink_to("账目/059.csv")


def change(source: Path) -> None:
    """Change the department's files as a day of work does: some edited, one new, one gone."""
    for number in range(3):
        with (source / "账目" / f"{number:03}.csv").open("a", encoding="utf-8") as stream:
            stream.write("correction\n")
    (source / "账目" / "060.csv").write_text("new,1,2\n", encoding="utf-8")
    (source / "账目" / "010.csv").unlink()


def differences(source: Path, restored: Path) -> list[str]:
    """Return where a restored tree differs from its source: missing, additional, other bytes or link targets."""
    found: list[str] = []
    base = next((path for path in restored.rglob(source.name) if path.is_dir() and path.name == source.name), None)
    if base is None:
        return [f"{source.name} is not in {restored}"]
    names = {path.relative_to(source) for path in source.rglob("*")}
    names |= {path.relative_to(base) for path in base.rglob("*")}
    for name in sorted(names):
        first, second = source / name, base / name
        if first.is_symlink() or second.is_symlink():
            same = first.is_symlink() and second.is_symlink() and first.readlink() == second.readlink()
        elif first.is_file() and second.is_file():
            same = filecmp.cmp(first, second, shallow=False)
        else:
            same = first.is_dir() and second.is_dir()
        if not same:
            found.append(visible(str(name)))
    return found
