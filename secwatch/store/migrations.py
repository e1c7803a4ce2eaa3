"""The numbered steps that bring a database of secwatch to the present form. Add at the end; never change one."""

from __future__ import annotations

from sqlite_utils import Database, Migrations

from secwatch.store import lake_tables, rule_tables

MIGRATIONS = Migrations("secwatch")


@MIGRATIONS(name="0001_beginning")
def beginning(database: Database) -> None:
    """Organisations, what the lake holds, alerts, warnings, bulletins, scans."""
    for statement in _BEGINNING.split(";\n"):
        if statement.strip():
            database.execute(statement)


@MIGRATIONS(name="0002_content")
def content(database: Database) -> None:
    """Inputs know their content after decompression; stretches that no detection has got to are kept."""
    for statement in _CONTENT.split(";\n"):
        database.execute(statement)


@MIGRATIONS(name="0003_taken_severity")
def taken_severity(database: Database) -> None:
    """A warning knows how severe an alert was when it took it in: one that got worse is taken in again."""
    database.execute("ALTER TABLE warning_alerts ADD COLUMN severity INTEGER NOT NULL DEFAULT 0")


@MIGRATIONS(name="0004_keyed_identities")
def keyed_identities(database: Database) -> None:
    """Inputs are told apart by tags under a secret key; what is there keeps its SHA-256 and is still recognised."""
    for statement in _KEYED_IDENTITIES.split(";\n"):
        database.execute(statement)


@MIGRATIONS(name="0005_lake_parts")
def lake_parts(database: Database) -> None:
    """A file of the lake may hold rows of several inputs: which, its parts say."""
    for statement in lake_tables.PARTS:
        database.execute(statement)


@MIGRATIONS(name="0006_live")
def live(database: Database) -> None:
    """A run of the live sensor that ended without goodbye is noticed."""
    for statement in _LIVE.split(";\n"):
        database.execute(statement)


@MIGRATIONS(name="0007_follows")
def follows(database: Database) -> None:
    """Directories of rotated captures are read as one sequence, and taken up where a run stopped."""
    for statement in _FOLLOWS.split(";\n"):
        database.execute(statement)


@MIGRATIONS(name="0008_beginnings")
def beginnings(database: Database) -> None:
    """What an input was before it grew is still known; inputs say how many flows were open when they began."""
    for statement in _BEGINNINGS.split(";\n"):
        database.execute(statement)


@MIGRATIONS(name="0009_live_absent")
def live_absent(database: Database) -> None:
    """An interface that is not there is told of while the run goes on."""
    database.execute(_LIVE_ABSENT)


@MIGRATIONS(name="0010_live_left_out")
def live_left_out(database: Database) -> None:
    """Packets that were captured and not kept as evidence are told of while the run goes on, and after it."""
    for statement in _LIVE_LEFT_OUT:
        database.execute(statement)


@MIGRATIONS(name="0011_suppressions")
def suppressions(database: Database) -> None:
    """Matches of files may be silenced or lowered, with a reason and until a day."""
    for statement in rule_tables.SUPPRESSIONS:
        database.execute(statement)


@MIGRATIONS(name="0012_rule_packs")
def rule_packs(database: Database) -> None:
    """Packs of rules are imported, and packs, files and rules switched off."""
    for statement in rule_tables.PACKS:
        database.execute(statement)


_BEGINNING = """
CREATE TABLE organisations (
    code TEXT PRIMARY KEY,
    name_zh TEXT NOT NULL,
    name_en TEXT NOT NULL,
    parent TEXT REFERENCES organisations (code) DEFERRABLE INITIALLY DEFERRED,
    importance INTEGER NOT NULL CHECK (importance BETWEEN 1 AND 3),
    netblocks TEXT NOT NULL,
    domains TEXT NOT NULL,
    hosts TEXT NOT NULL,
    paths TEXT NOT NULL
) STRICT;

CREATE TABLE inputs (
    id INTEGER PRIMARY KEY,
    identity TEXT NOT NULL,
    quick_identity TEXT NOT NULL,
    name TEXT NOT NULL,
    read_at TEXT NOT NULL,
    first_time INTEGER,
    last_time INTEGER,
    counters TEXT NOT NULL
) STRICT;
CREATE INDEX inputs_identity ON inputs (identity);
CREATE INDEX inputs_quick_identity ON inputs (quick_identity);

CREATE TABLE lake_files (
    path TEXT PRIMARY KEY,
    input_id INTEGER NOT NULL REFERENCES inputs (id) ON DELETE CASCADE,
    table_name TEXT NOT NULL,
    rows INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    first_time INTEGER NOT NULL,
    last_time INTEGER NOT NULL
) STRICT;
CREATE INDEX lake_files_table ON lake_files (table_name, last_time);

CREATE TABLE alerts (
    id INTEGER PRIMARY KEY,
    detection TEXT NOT NULL,
    key TEXT NOT NULL,
    origin TEXT NOT NULL,
    severity INTEGER NOT NULL,
    organisation TEXT,
    source TEXT,
    target TEXT,
    first_seen TEXT NOT NULL,
    last_seen TEXT NOT NULL,
    count INTEGER NOT NULL,
    score REAL NOT NULL,
    details TEXT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
) STRICT;
CREATE INDEX alerts_key ON alerts (detection, key, last_seen);
CREATE INDEX alerts_last_seen ON alerts (last_seen);
CREATE INDEX alerts_first_seen ON alerts (first_seen);

CREATE TABLE warnings (
    id INTEGER PRIMARY KEY,
    number TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL,
    level TEXT NOT NULL,
    computed_level TEXT NOT NULL,
    organisation TEXT,
    detection TEXT NOT NULL,
    details TEXT NOT NULL,
    first_seen TEXT NOT NULL,
    last_seen TEXT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    expires_at TEXT NOT NULL
) STRICT;

CREATE INDEX warnings_expiry ON warnings (expires_at, state);

-- last_seen is how far the warning has taken the alert in: what the alert saw later belongs to
-- the warning that is open then.
CREATE TABLE warning_alerts (
    warning_id INTEGER NOT NULL REFERENCES warnings (id) ON DELETE CASCADE,
    alert_id INTEGER NOT NULL REFERENCES alerts (id) ON DELETE CASCADE,
    last_seen TEXT NOT NULL,
    PRIMARY KEY (warning_id, alert_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX warning_alerts_alert ON warning_alerts (alert_id);

CREATE TABLE cursors (
    name TEXT PRIMARY KEY,
    position INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE bulletins (
    id INTEGER PRIMARY KEY,
    year INTEGER NOT NULL,
    week INTEGER NOT NULL,
    edition INTEGER NOT NULL,
    composed_at TEXT NOT NULL,
    body TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    UNIQUE (year, week, edition)
) STRICT;

CREATE TABLE scans (
    id INTEGER PRIMARY KEY,
    started_at TEXT NOT NULL,
    ended_at TEXT,
    paths TEXT NOT NULL,
    ruleset TEXT NOT NULL,
    summary TEXT NOT NULL
) STRICT
"""

_CONTENT = """
ALTER TABLE inputs ADD COLUMN content_head TEXT NOT NULL DEFAULT '';
ALTER TABLE inputs ADD COLUMN content_length INTEGER NOT NULL DEFAULT 0;
ALTER TABLE inputs ADD COLUMN content_sha256 TEXT NOT NULL DEFAULT '';
CREATE INDEX inputs_content ON inputs (content_head, content_length);
CREATE TABLE unevaluated (
    detection TEXT NOT NULL,
    first_time INTEGER NOT NULL,
    last_time INTEGER NOT NULL,
    PRIMARY KEY (detection, first_time, last_time)
) STRICT, WITHOUT ROWID
"""

_KEYED_IDENTITIES = """
CREATE TABLE identity_keys (id INTEGER PRIMARY KEY CHECK (id = 1), key BLOB NOT NULL) STRICT;
ALTER TABLE inputs RENAME COLUMN content_sha256 TO content_tag;
ALTER TABLE inputs ADD COLUMN flows_only INTEGER NOT NULL DEFAULT 0
"""

# The interfaces that were not up when the last window ended: a JSON list of [name, condition, since].
_LIVE_ABSENT = "ALTER TABLE live_runs ADD COLUMN absent TEXT NOT NULL DEFAULT '[]'"

# left_out counts them since the run began; left_out_at is when it last grew, as far as the run had recorded then.
_LIVE_LEFT_OUT = (
    "ALTER TABLE live_runs ADD COLUMN left_out INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE live_runs ADD COLUMN left_out_at TEXT",
)

# recorded_to is how far the packets are in the lake, open_since when the oldest flow began that was still open
# then; ended_at is set by a run that ended well, missing_until by the one that found it had not.
_LIVE = """
CREATE INDEX inputs_lasting ON inputs (read_at) WHERE lasting = 1;
CREATE TABLE live_runs (
    id INTEGER PRIMARY KEY,
    interfaces TEXT NOT NULL,
    started_at TEXT NOT NULL,
    recorded_to TEXT NOT NULL,
    open_since TEXT,
    ended_at TEXT,
    missing_until TEXT
) STRICT
"""

_FOLLOWS = """
ALTER TABLE inputs ADD COLUMN directory TEXT NOT NULL DEFAULT '';
CREATE INDEX inputs_directory ON inputs (directory, name) WHERE directory != '';
CREATE TABLE follows (
    directory TEXT PRIMARY KEY,
    path TEXT NOT NULL,
    first_time INTEGER NOT NULL,
    position INTEGER NOT NULL,
    done INTEGER NOT NULL,
    input_id INTEGER NOT NULL,
    snapshot TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    open_flows INTEGER NOT NULL
) STRICT
"""

# Whoever grew, or stands in the place of others, holds what these columns tell of: the same as those of inputs.
_BEGINNINGS = """
ALTER TABLE inputs ADD COLUMN carried INTEGER NOT NULL DEFAULT 0;
CREATE TABLE input_beginnings (
    id INTEGER PRIMARY KEY,
    input_id INTEGER NOT NULL REFERENCES inputs (id) ON DELETE CASCADE,
    identity TEXT NOT NULL,
    quick_identity TEXT NOT NULL,
    content_head TEXT NOT NULL,
    content_length INTEGER NOT NULL,
    content_tag TEXT NOT NULL
) STRICT;
CREATE INDEX input_beginnings_input ON input_beginnings (input_id);
CREATE INDEX input_beginnings_identity ON input_beginnings (identity);
CREATE INDEX input_beginnings_quick ON input_beginnings (quick_identity);
CREATE INDEX input_beginnings_content ON input_beginnings (content_head, content_length)
"""
