-- TUF 1.0 repositories beside Notary's collections: the same tables under other names.

CREATE TABLE tuf1_files (
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

CREATE INDEX tuf1_files_checksum_idx ON tuf1_files (gun, role, sha256);

CREATE INDEX tuf1_files_timestamp_idx ON tuf1_files (role, gun, version, created_at, deleted_at)
    WHERE role = 'timestamp' AND deleted_at IS NULL;

CREATE TABLE tuf1_changes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    created_at TEXT NOT NULL,
    gun TEXT NOT NULL,
    version INTEGER NOT NULL,
    sha256 TEXT,
    category TEXT NOT NULL DEFAULT 'update' REFERENCES change_category (category)
);

CREATE INDEX idx_tuf1_changes_gun ON tuf1_changes (gun);
