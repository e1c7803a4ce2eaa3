"""The tables of rule packs, of rules that are switched off, and of matches that are silenced."""

from __future__ import annotations

# lowered_to is NULL where a match is silenced, else the severity that it gets instead.
SUPPRESSIONS = (
    """CREATE TABLE suppressions (
        id INTEGER PRIMARY KEY,
        rule TEXT,
        tag TEXT,
        path TEXT,
        sha256 TEXT,
        lowered_to INTEGER CHECK (lowered_to BETWEEN 1 AND 4),
        reason TEXT NOT NULL CHECK (reason != ''),
        created_by TEXT NOT NULL,
        created_at TEXT NOT NULL,
        expires_at TEXT NOT NULL,
        CHECK (coalesce(rule, tag, path, sha256) IS NOT NULL)
    ) STRICT""",
)
