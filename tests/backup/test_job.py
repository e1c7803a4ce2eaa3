"""A department from its first backup to its proven recovery, by the real command line and every restic there is."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path
from typing import Any

import pytest


def test_from_nothing_to_proof(matrix_city: Any) -> None:
    """Backup, change, backup, verify, drill: all good, sizes right, objectives measured, status green."""
    city = matrix_city
    first = city.item("run", "finance-files")
    assert first["result"] == "ok"
    assert (first["files"], first["bytes"]) == (2, 300_023)
    assert first["bytes_added"] > 300_000
    assert len(first["snapshot"]) == 64
    (city.data / "new.txt").write_text("one more\n")
    second = city.item("run", "finance-files")
    assert (second["files"], second["files_new"]) == (3, 1)
    assert second["manifest_files_hashed"] == 3
    verified = city.item("verify", "finance-files")
    assert (verified["result"], verified["read"], verified["snapshots"]) == ("ok", "all", 2)
    drilled = city.item("drill", "finance-files")
    assert drilled["result"] == "ok"
    assert drilled["differences"] == 0
    assert drilled["bytes_compared"] == 300_023 + len("one more\n")
    assert drilled["snapshot"] == second["snapshot"]
    assert 0 < drilled["rto_seconds"] < 60
    assert 0 < drilled["rpo_seconds"] < 60
    assert not (city.workspace / "state" / "drills" / "finance-files").exists()
    status = city.item("status", "--check")
    assert status["state"] == "green"
    assert status["rpo"]["verdict"] == status["rto"]["verdict"] == "met"
    listed = city.backup("snapshots", "finance-files", "--json").json["items"]
    assert [item["snapshot"] for item in listed] == [second["snapshot"], first["snapshot"]]
    assert city.rows("SELECT count(*) FROM anomalies") == [(0,)]


def test_restore_brings_every_kind_of_entry_back(matrix_city: Any) -> None:
    """Names that are no UTF-8, links that point away, modes, times and pipes come back; nothing is followed."""
    city = matrix_city
    strange = os.fsdecode(b"\xc4\xcf\xb2\xfd\n[x]*.txt")
    (city.data / strange).write_text("GBK name")
    (city.data / "victim.txt").chmod(0o2750)
    os.utime(city.data / "victim.txt", ns=(1, 1_600_000_000_123_456_789))
    os.mkfifo(city.data / "pipe")
    (city.data / "empty").mkdir(mode=0o711)
    assert city.item("run", "finance-files")["result"] == "ok"
    target = city.workspace.parent / "restored"
    restored = city.item("restore", "finance-files", "--target", target)
    assert (restored["result"], restored["differences"], restored["extra"]) == ("ok", 0, 0)
    copy = Path(f"{target}{city.data}")
    assert (copy / strange).read_text() == "GBK name"
    assert (copy / "victim.txt").stat().st_mtime_ns == 1_600_000_000_123_456_789
    assert stat.S_IMODE((copy / "victim.txt").stat().st_mode) == 0o2750
    assert stat.S_ISFIFO((copy / "pipe").lstat().st_mode)
    assert (copy / "deep" / "链接").readlink() == Path("/etc/passwd")


def test_restore_of_one_path_and_one_snapshot(matrix_city: Any) -> None:
    """A path with pattern letters in it is that path alone, out of the snapshot that was asked for."""
    city = matrix_city
    inner = city.data / "[a]*?"
    inner.mkdir()
    (inner / "note").write_text("old")
    (city.data / "a").mkdir()
    (city.data / "a" / "note").write_text("other")
    first = city.item("run", "finance-files")["snapshot"]
    (inner / "note").write_text("newer")
    city.item("run", "finance-files")
    target = city.workspace.parent / "one"
    item = city.item("restore", "finance-files", "--target", target, "--snapshot", first[:10], "--path", str(inner))
    assert (item["differences"], item["files"]) == (0, 1)
    assert Path(f"{target}{inner}/note").read_text() == "old"
    assert not Path(f"{target}{city.data}/a").exists()


def test_excludes_of_one_source_leave_the_others_alone(matrix_city: Any) -> None:
    """restic's relative patterns count everywhere; a source's own must not."""
    city = matrix_city
    other = city.workspace.parent / "other"
    other.mkdir()
    for place in (city.data, other, city.data / "deep" / "er"):
        (place / "note.tmp").write_text("x")
    city.configure(
        f'exclude = ["*.tmp"]\n\n[[backup.jobs.finance-files.sources]]\nkind = "files"\npaths = ["{other}"]\n'
    )
    item = city.item("run", "finance-files")
    assert (item["result"], item["files"], item["excluded"]) == ("ok", 3, 2)
    assert city.item("drill", "finance-files")["differences"] == 0


def test_missing_source_is_never_success(matrix_city: Any) -> None:
    """restic before 0.19 ends with 0 when a source is missing; this must not."""
    city = matrix_city
    gone = city.workspace.parent / "gone"
    city.configure(f'\n[[backup.jobs.finance-files.sources]]\nkind = "files"\npaths = ["{gone}"]\n')
    item = city.item("run", "finance-files", code=3)
    assert (item["result"], item["missing_sources"]) == ("partial", [str(gone)])
    assert city.rows("SELECT kind FROM anomalies") == [("source-missing",)]
    city.data.rename(city.data.with_name("moved"))
    item = city.item("run", "finance-files", code=3)
    assert (item["result"], item["snapshot"]) == ("failed", None)


def test_unreadable_file_is_partial(matrix_city: Any) -> None:
    """What could not be read is named, and the exit code says so; the rest is backed up and proven."""
    city = matrix_city
    secret = city.data / "secret"
    secret.write_text("not for everybody")
    secret.chmod(0)
    if os.geteuid() == 0:  # root reads everything, unless it gives these two capabilities away
        setpriv = shutil.which("setpriv")
        if setpriv is None:
            pytest.skip("root cannot do without its capabilities here")
        os.chown(secret, 12_345, 12_345)
        plain = city.environment["SECWATCH_BACKUP__RESTIC"]
        wrapper = city.workspace / "restic"
        wrapper.write_text(f'#!/bin/sh\nexec {setpriv} --bounding-set=-dac_override,-dac_read_search {plain} "$@"\n')
        wrapper.chmod(0o755)
        city.environment["SECWATCH_BACKUP__RESTIC"] = str(wrapper)
    item = city.item("run", "finance-files", code=3)
    assert (item["result"], item["unreadable"]) == ("partial", 1)
    assert item["unreadable_examples"][0]["path"] == str(secret)
    assert city.rows("SELECT kind FROM anomalies") == [("source-unreadable",)]
    assert city.item("drill", "finance-files")["differences"] == 0


def test_damage_in_the_repository_is_found(matrix_city: Any) -> None:
    """A flipped byte in a pack makes the verification fail with 15 and is written down."""
    city = matrix_city
    city.item("run", "finance-files")
    pack = max(
        (path for path in (city.repository / "data").rglob("*") if path.is_file()), key=lambda p: p.stat().st_size
    )
    pack.chmod(0o600)
    with pack.open("r+b") as stream:
        stream.seek(1000)
        stream.write(bytes([stream.read(1)[0] ^ 0xFF]))
    item = city.item("verify", "finance-files", code=15)
    assert (item["result"], len(item["problems"]) > 0) == ("different", True)
    assert city.rows("SELECT kind, severity FROM anomalies") == [("verify-failed", 4)]
    assert city.item("status", "--check", code=15)["state"] == "red"


def test_vanished_snapshot_is_found(matrix_city: Any) -> None:
    """A repository that passes restic's own check, but from which somebody took a snapshot, is not sound."""
    city = matrix_city
    city.item("run", "finance-files")
    for path in (city.repository / "snapshots").iterdir():
        path.unlink()
    city.item("verify", "finance-files", code=15)
    assert ("snapshot-missing",) in city.rows("SELECT kind FROM anomalies")


def test_size_collapse_is_stated(city: Any) -> None:
    """A source that lost most of its bytes is backed up, and said to have shrunk, if five runs say what is usual."""
    for _ in range(5):
        city.item("run", "finance-files")
    (city.data / "deep" / "er" / "random.bin").write_bytes(b"")
    assert city.item("run", "finance-files")["result"] == "ok"
    assert city.rows("SELECT kind, organisation FROM anomalies") == [("size-collapse", "FIN")]


def test_lost_ledger_adopts_what_the_repository_holds(city: Any) -> None:
    """After the loss of the database the snapshots are found again; without a manifest a drill says so."""
    old = city.item("run", "finance-files")["snapshot"]
    for path in (city.workspace / "state").glob("secwatch.db*"):
        path.unlink()
    assert city.item("run", "finance-files")["adopted"] == [old]
    item = city.item("drill", "finance-files", "--snapshot", old, code=3)
    assert item["result"] == "partial"
