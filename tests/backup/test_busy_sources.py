"""Sources that change while they are backed up: what changed is no difference, what is missing is said."""

from __future__ import annotations

from typing import Any


def test_what_changes_while_it_is_backed_up_is_no_difference(fake: Any) -> None:
    """It is counted at the backup and left out of the comparison."""
    item = fake.item("run", "finance-files", FAKE_RESTIC="busy", BUSY=str(fake.data / "victim.txt"))
    assert (item["result"], item["changed_meanwhile"]) == ("ok", 1)
    drilled = fake.item("drill", "finance-files", FAKE_RESTIC="busy", BUSY="/dev/null")
    assert (drilled["differences"], drilled["changed_meanwhile"]) == (0, 1)


def test_a_file_that_restic_leaves_out_is_missed(fake: Any) -> None:
    """restic ends with 0 and a snapshot that lacks a file: what was seen in the sources says so."""
    item = fake.item("run", "finance-files", code=3, FAKE_RESTIC="drops")
    assert (item["result"], item["unreadable"]) == ("partial", 1)
    assert item["unreadable_examples"][0]["path"].endswith("victim.txt")


def test_a_file_that_vanishes_meanwhile_is_no_failure(fake: Any) -> None:
    """Busy systems remove files all the time; restic's exit code 3 alone says nothing."""
    item = fake.item("run", "finance-files", FAKE_RESTIC="vanished")
    assert (item["result"], item["unreadable"], item["changed_meanwhile"]) == ("ok", 0, 1)
