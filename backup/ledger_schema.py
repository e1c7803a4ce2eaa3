"""The tables of the ledger as SQL text; ledger.py applies it. Unreleased steps may still change."""

from __future__ import annotations

# runs: one row for each attempt at a verb, opened before the work and closed after it; a row that
# is open while nobody holds its job's lock is an attempt that died.
# repositories: which repository (restic's own id) was found where a name of the configuration pointed.
# drills.differences is NULL where there was nothing to compare with.
# anomalies: AUTOINCREMENT, so that a reader's cursor never meets an old number again.
BEGINNING = """
CREATE TABLE runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    job TEXT NOT NULL,
    organisation TEXT NOT NULL,
    repository TEXT NOT NULL,
    verb TEXT NOT NULL,
    started_at TEXT NOT NULL,
    ended_at TEXT,
    result TEXT,
    message TEXT,
    hint TEXT,
    seconds REAL,
    snapshot TEXT,
    details TEXT NOT NULL DEFAULT '{}'
) STRICT;
CREATE INDEX runs_job ON runs (job, verb, started_at);

CREATE TABLE repositories (
    name TEXT NOT NULL,
    location TEXT NOT NULL,
    id TEXT NOT NULL,
    seen_at TEXT NOT NULL,
    PRIMARY KEY (name, location, id)
) STRICT;

CREATE TABLE snapshots (
    repository TEXT NOT NULL,
    repository_id TEXT NOT NULL,
    id TEXT NOT NULL,
    job TEXT NOT NULL,
    time TEXT NOT NULL,
    run INTEGER REFERENCES runs (id),
    files INTEGER,
    bytes INTEGER,
    bytes_added INTEGER,
    bytes_added_packed INTEGER,
    files_new INTEGER,
    files_changed INTEGER,
    unreadable INTEGER NOT NULL,
    changed INTEGER NOT NULL,
    excluded INTEGER NOT NULL,
    manifest_sha256 TEXT,
    adopted INTEGER NOT NULL,
    missing_since TEXT,
    PRIMARY KEY (repository, id)
) STRICT;
CREATE INDEX snapshots_job ON snapshots (job, time);

CREATE TABLE checks (
    run INTEGER PRIMARY KEY REFERENCES runs (id),
    subset TEXT,
    problems INTEGER NOT NULL
) STRICT;

CREATE TABLE drills (
    run INTEGER PRIMARY KEY REFERENCES runs (id),
    snapshot TEXT NOT NULL,
    entries INTEGER NOT NULL,
    files_compared INTEGER NOT NULL,
    bytes_compared INTEGER NOT NULL,
    differences INTEGER,
    rto_seconds REAL NOT NULL,
    rpo_seconds REAL NOT NULL
) STRICT;

CREATE TABLE anomalies (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    fingerprint TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    job TEXT NOT NULL,
    organisation TEXT NOT NULL,
    repository TEXT NOT NULL,
    severity INTEGER NOT NULL CHECK (severity BETWEEN 1 AND 4),
    title_zh TEXT NOT NULL,
    title_en TEXT NOT NULL,
    response_zh TEXT NOT NULL,
    response_en TEXT NOT NULL,
    evidence TEXT NOT NULL,
    seen_at TEXT NOT NULL,
    run INTEGER REFERENCES runs (id)
) STRICT
"""
