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

# contents: a JSON object of file → SHA-256, of the files in use; broken: a JSON list of {file, line, message}.
# A switch turns off what it names: an origin or pack, a file of it, a rule of that file, or a rule in every file.
PACKS = (
    """CREATE TABLE rule_packs (
        name TEXT PRIMARY KEY,
        kind TEXT NOT NULL CHECK (kind IN ('directory', 'git', 'zip', 'tar')),
        path TEXT NOT NULL,
        source TEXT NOT NULL,
        version TEXT NOT NULL,
        licence TEXT NOT NULL,
        author TEXT NOT NULL,
        signer TEXT NOT NULL,
        sha256 TEXT NOT NULL,
        folder TEXT NOT NULL,
        contents TEXT NOT NULL,
        broken TEXT NOT NULL,
        rules INTEGER NOT NULL,
        imported_at TEXT NOT NULL,
        updated_at TEXT NOT NULL
    ) STRICT""",
    """CREATE TABLE rule_switches (
        rule_file TEXT NOT NULL,
        rule TEXT NOT NULL,
        reason TEXT NOT NULL,
        changed_by TEXT NOT NULL,
        changed_at TEXT NOT NULL,
        PRIMARY KEY (rule_file, rule),
        CHECK (rule_file != '' OR rule != '')
    ) STRICT""",
)
