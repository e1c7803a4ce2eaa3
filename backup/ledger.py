"""The ledger: every SQL statement of the backup half, over the shared SQLite file."""

from __future__ import annotations

from sqlite_utils import Migrations

MIGRATIONS = Migrations("backup")
