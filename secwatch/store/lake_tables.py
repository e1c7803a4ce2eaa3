"""The tables that say which file of the lake holds the rows of which inputs."""

from __future__ import annotations

# parts is how many parts a file was written with: those of inputs that were removed are no longer listed, and
# their rows no longer seen. A file that has no part left is gone. A lasting input (live capture) cannot be
# read again: nothing ever replaces it, so merging need not keep apart which rows came from which.
PARTS = (
    "ALTER TABLE inputs ADD COLUMN lasting INTEGER NOT NULL DEFAULT 0",
    """CREATE TABLE lake_files_new (
        path TEXT PRIMARY KEY,
        table_name TEXT NOT NULL,
        rows INTEGER NOT NULL,
        bytes INTEGER NOT NULL,
        first_time INTEGER NOT NULL,
        last_time INTEGER NOT NULL,
        parts INTEGER NOT NULL
    ) STRICT""",
    "INSERT INTO lake_files_new SELECT path, table_name, rows, bytes, first_time, last_time, 1 FROM lake_files",
    "CREATE TEMP TABLE lake_inputs AS SELECT path, input_id, rows FROM lake_files",
    "DROP TABLE lake_files",
    "ALTER TABLE lake_files_new RENAME TO lake_files",
    """CREATE TABLE lake_parts (
        path TEXT NOT NULL REFERENCES lake_files (path) ON DELETE CASCADE,
        part INTEGER NOT NULL,
        input_id INTEGER NOT NULL REFERENCES inputs (id) ON DELETE CASCADE,
        rows INTEGER NOT NULL,
        PRIMARY KEY (path, part)
    ) STRICT, WITHOUT ROWID""",
    "INSERT INTO lake_parts SELECT path, 0, input_id, rows FROM lake_inputs",
    "DROP TABLE lake_inputs",
    "CREATE INDEX lake_files_table ON lake_files (table_name, last_time)",
    "CREATE INDEX lake_parts_input ON lake_parts (input_id)",
    """CREATE TRIGGER lake_parts_gone AFTER DELETE ON lake_parts
        WHEN NOT EXISTS (SELECT 1 FROM lake_parts WHERE path = OLD.path)
        BEGIN DELETE FROM lake_files WHERE path = OLD.path; END""",
)
