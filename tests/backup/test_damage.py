"""A repository that was harmed, emptied or exchanged, and backups of nothing: none of it may look like success."""

from __future__ import annotations

import os
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

JOB = "finance-files"


@pytest.fixture
def whole(backed_up: Any, tmp_path: Path, copy_city: Any) -> Any:
    """A city with one good snapshot, driven by the installed restic, to be ruined."""
    return copy_city(backed_up, tmp_path)


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.chmod(0o600)
    path.write_bytes(content)


def _files(directory: Path) -> list[Path]:
    return sorted((path for path in directory.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)


def _empty(directory: Path) -> None:
    for path in directory.iterdir():
        path.unlink()


def _failed(run: Any, code: int, words: str) -> None:
    assert run.code == code, (run.stdout, run.stderr)
    assert words in run.stderr
    assert "secwatch: hint: " in run.stderr
    assert "Traceback" not in run.stderr


def test_a_drill_proves_the_repository_and_not_the_cache(whole: Any) -> None:
    """Damage to a pack of directories of which restic keeps a sound copy in its cache."""
    whole.item("restore", JOB, "--target", whole.workspace / "target")  # reads the directories into the cache
    cached = next(path for path in _files(whole.workspace / "state" / "cache") if path.parent.parent.name == "data")
    (kept,) = [path for path in _files(whole.repository / "data") if path.name == cached.name]
    _flip(kept)
    item = whole.item("drill", JOB, code=15)
    assert item["result"] in ("damaged", "different")
    assert whole.item("status", "--check", code=15)["state"] == "red"


@pytest.mark.parametrize("what", ["config", "keys", "index"])
def test_a_damaged_repository_is_called_damaged(whole: Any, what: str) -> None:
    """15 with one sentence, a hint, a critical fact, and red: not restic's own words about what it could not parse."""
    place = whole.repository / what
    _flip(place if place.is_file() else next(iter(place.iterdir())))
    run = whole.backup("drill", JOB)
    _failed(run, 15, "the repository finance is damaged")
    if what != "index":  # restic still has a copy of the index in its cache
        _failed(whole.backup("run", JOB), 15, "the repository finance is damaged")
        assert ("repository-damaged", 4) in whole.rows("SELECT kind, severity FROM anomalies")
    assert ("drill-failed", 4) in whole.rows("SELECT kind, severity FROM anomalies")
    assert whole.item("status", "--check", code=15)["state"] == "red"
    assert whole.backup("verify", JOB).code == 15


def test_snapshots_that_have_gone_are_never_forgotten(whole: Any) -> None:
    """No run and no verification is good until they are back; the alert is there at once."""
    kept = whole.workspace / "kept"
    shutil.copytree(whole.repository / "snapshots", kept)
    _empty(whole.repository / "snapshots")
    _failed(whole.backup("drill", JOB), 15, "have gone")
    for _ in range(2):
        item = whole.item("run", JOB, code=3)
        assert item["result"] == "partial"
        assert "1 snapshots have gone from the repository" in item["message"]
    listed = whole.secwatch("-w", whole.workspace, "alerts", "list", "--json").json["items"]
    assert [alert["detection"] for alert in listed].count("backup-snapshot-missing") == 1
    for _ in range(2):
        assert whole.item("verify", JOB, code=15)["result"] == "different"
    state = whole.item("status", "--check", code=15)
    assert (state["state"], state["missing_snapshots"]) == ("red", 1)
    shutil.copytree(kept, whole.repository / "snapshots", dirs_exist_ok=True)
    assert whole.item("verify", JOB)["result"] == "ok"
    assert whole.item("status")["missing_snapshots"] == 0


def test_another_place_is_another_repository(whole: Any, weaken: Any) -> None:
    """A repository that is moved keeps its snapshots, a new place misses none, an exchanged one misses all."""
    configuration = whole.workspace / "secwatch.toml"
    text = configuration.read_text()
    configuration.write_text(text.replace('"centre/finance"', '"centre/second"'))
    assert whole.item("status")["state"] == "red"
    whole.item("init", JOB)
    weaken(whole.repository.with_name("second"), whole.password.read_bytes().strip())
    assert whole.item("run", JOB)["result"] == "ok"
    assert whole.item("status")["missing_snapshots"] == 0
    moved = whole.repository.with_name("moved")
    whole.repository.rename(moved)
    configuration.write_text(text.replace('"centre/finance"', '"centre/moved"'))
    assert whole.item("verify", JOB)["snapshots"] == 1
    shutil.rmtree(moved)
    whole.item("init", JOB)
    weaken(moved, whole.password.read_bytes().strip())
    assert "have gone" in whole.item("run", JOB, code=3)["message"]


def test_a_source_that_is_a_link_is_refused(city: Any) -> None:
    """restic would keep the link and nothing behind it."""
    real = city.data.with_name("real")
    city.data.rename(real)
    city.data.symlink_to(real)
    run = city.backup("run", JOB)
    _failed(run, 16, f"the source {city.data} is a link to {real}")
    assert f"name {real} in paths" in run.stderr


def test_a_backup_of_nothing_is_not_good(city: Any) -> None:
    """An empty directory is what an unmounted one looks like."""
    shutil.rmtree(city.data)
    city.data.mkdir()
    item = city.item("run", JOB, code=3)
    assert (item["result"], "nothing in it" in item["message"]) == ("partial", True)
    assert city.rows("SELECT kind FROM anomalies") == [("source-empty",)]


def test_a_manifest_that_has_gone_proves_nothing(whole: Any) -> None:
    """The drill fails; the restore brings the data and says that nothing could be compared."""
    for path in (whole.workspace / "state" / "manifests" / JOB).iterdir():
        path.unlink()
    _failed(whole.backup("drill", JOB), 15, "has gone")
    target = whole.workspace / "target"
    item = whole.item("restore", JOB, "--target", target, code=15)
    assert (item["differences"], "has gone" in item["message"]) == (None, True)
    (victim,) = target.rglob("victim.txt")
    assert victim.read_text() == "the budget of the city\n"


def test_a_restore_without_comparison_says_so(whole: Any) -> None:
    """A snapshot that was adopted has no manifest: no number of differences is shown, and a warning is."""
    for path in (whole.workspace / "state").glob("secwatch.db*"):
        path.unlink()
    run = whole.backup("restore", JOB, "--target", whole.workspace / "target")
    assert run.code == 0
    assert "—" in run.stdout
    assert "has no manifest" in run.stderr


def test_a_lost_password_is_not_replaced(whole: Any) -> None:
    """A new password cannot open the old repository: no file is left that pretends to."""
    whole.password.unlink()
    run = whole.backup("run", JOB)
    _failed(run, 12, "is missing")
    assert "--new-password" not in run.stderr
    _failed(whole.backup("init", JOB, "--new-password"), 16, "is there, and its password is lost")
    assert not whole.password.exists()


def test_a_name_that_is_not_utf_8_can_be_restored_alone(city: Any) -> None:
    """The bytes of the name are the name; one that is not there is explained."""
    strange = os.fsdecode(os.fsencode(city.data) + b"/\xc4\xcf\xb2\xfd.txt")
    Path(strange).write_text("GBK name")
    assert city.item("run", JOB)["result"] == "ok"
    target = city.workspace / "target"
    item = city.item("restore", JOB, "--target", target, "--path", strange)
    assert (item["result"], item["files"], item["differences"]) == ("ok", 1, 0)
    assert Path(f"{target}{strange}").read_text() == "GBK name"
    other = os.fsdecode(b"/nowhere/\xff")
    _failed(city.backup("restore", JOB, "--target", city.workspace / "t", "--path", other), 2, "holds no /nowhere/")


@pytest.mark.parametrize("option", ["--target", "--path", "--snapshot"])
def test_an_empty_option_is_a_mistake(whole: Any, option: str) -> None:
    """An unset variable of a script must not restore into the directory where it happens to run."""
    options = {"--target": str(whole.workspace / "target"), "--path": "/", "--snapshot": "latest", option: ""}
    _failed(whole.backup("restore", JOB, *(part for pair in options.items() for part in pair)), 2, f"{option} is empty")


def test_a_row_that_cannot_be_read_is_named(whole: Any) -> None:
    """An unknown result is unknown; a moment that is none names its row."""
    from sqlite_utils import Database

    database = Database(whole.workspace / "state" / "secwatch.db")
    database.execute("UPDATE runs SET result = 'splendid'")
    assert whole.item("status")["last_result"] == "unknown"
    database.execute("UPDATE runs SET result = 'ok', started_at = 'yesterday'")
    database.close()
    _failed(whole.backup("status"), 1, "in the ledger cannot be read")


def test_a_snapshot_from_the_future_keeps_no_promise(city: Any) -> None:
    """A clock that ran ahead once must not keep the objective met for years."""
    from sqlite_utils import Database

    city.item("run", JOB)
    database = Database(city.workspace / "state" / "secwatch.db")
    database.execute("UPDATE snapshots SET time = '2099-01-01T00:00:00.000000Z'")
    database.close()
    state = city.item("status", "--check", code=15)
    assert (state["state"], state["rpo"]["verdict"], state["future_snapshots"]) == ("red", "no-data", 1)
    assert "clock" in city.backup("status", "--lang", "en").stdout


def test_a_long_history_is_whole(whole: Any) -> None:
    """Beyond a thousand snapshots the oldest are still known, with the hashes of their manifests."""
    from backup import ledger
    from backup.model import SnapshotRecord
    from secwatch.core.moments import from_text
    from secwatch.system.database import open_database

    database = open_database(whole.workspace / "state" / "secwatch.db", (ledger.MIGRATIONS,))
    ((first, time, repository),) = database.execute("SELECT id, time, repository_id FROM snapshots").fetchall()
    for number in range(1100):
        moment = from_text(time) + timedelta(microseconds=number + 1)
        record = SnapshotRecord("finance", f"{number:064x}", JOB, moment, repository_id=repository)
        ledger.record_snapshot(database, record)
    database.close()
    item = whole.item("run", JOB, code=3)
    assert item["adopted"] == []
    assert "1100 snapshots have gone" in item["message"]
    hashed = whole.rows(f"SELECT adopted, manifest_sha256 IS NOT NULL FROM snapshots WHERE id = '{first}'")  # noqa: S608
    assert hashed == [(0, 1)]
