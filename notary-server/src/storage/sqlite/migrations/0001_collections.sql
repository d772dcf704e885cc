-- Notary's tables and columns. Differences, all invisible to a query that names its columns:
-- * `data` comes last: SQLite finds a column by walking the row, and must not walk through a file to read a digest;
-- * times are text, see time.rs;
-- * Notary's index on sha256 alone became one on exactly what look-ups by checksum ask for.

CREATE TABLE tuf_files (
    id INTEGER PRIMARY KEY,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    deleted_at TEXT,
    gun TEXT NOT NULL,
    role TEXT NOT NULL,
    version INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    data BLOB NOT NULL,
    UNIQUE (gun, role, version)
);

CREATE INDEX tuf_files_checksum_idx ON tuf_files (gun, role, sha256);

-- What background renewal walks, without touching a file: every column it names is in this index, those of the
-- condition too (SQLite would else look them up in the table).
CREATE INDEX tuf_files_timestamp_idx ON tuf_files (role, gun, version, created_at, deleted_at)
    WHERE role = 'timestamp' AND deleted_at IS NULL;

CREATE TABLE change_category (
    category TEXT NOT NULL PRIMARY KEY
) WITHOUT ROWID;

INSERT INTO change_category (category) VALUES ('update'), ('deletion');

-- AUTOINCREMENT: an id is never given twice, even if the newest entries were removed by hand.
CREATE TABLE changefeed (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    created_at TEXT NOT NULL,
    gun TEXT NOT NULL,
    version INTEGER NOT NULL,
    sha256 TEXT,
    category TEXT NOT NULL DEFAULT 'update' REFERENCES change_category (category)
);

CREATE INDEX idx_changefeed_gun ON changefeed (gun);
