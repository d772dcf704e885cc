//! Statements about many rows at once. Each number of rows is a statement of its own, kept prepared.

use crate::storage::tables::{Statement, Statements, with_rows};

/// Most rows in one statement.
pub(super) const ROWS: usize = 32;

/// Counts up guard rows, whose keys must be sorted. Other writers of these GUNs wait from here on.
pub(super) static GUARD: Statements = Statements::new(|| {
    let after = " ON DUPLICATE KEY UPDATE writes = writes + 1";
    with_rows(ROWS, "INSERT INTO trust_collections (id, writes) VALUES ", |_| "(?, 1)".to_owned(), ", ", after)
});

/// The newest version of each GUN and role, as the column compares names: on Notary's tables that may be a row of
/// another name. Soft-deleted rows count: they hold their versions too.
pub(super) static NEWEST: Statements = Statements::new(|| {
    let one = |place| {
        format!(
            "(SELECT CAST({place} AS SIGNED), CAST(id AS SIGNED), CONVERT(gun USING utf8mb4), CAST(version AS SIGNED), \
             coalesce(CONVERT(sha256 USING utf8mb4), CONVERT(sha2(data, 256) USING utf8mb4)) FROM tuf_files WHERE gun = ? AND role = ? \
             ORDER BY version DESC LIMIT 1)"
        )
    };
    with_rows(ROWS, "", one, " UNION ALL ", "")
});

/// The first row of each GUN, as the column compares names.
pub(super) static FIRST: Statements = Statements::new(|| {
    let one = |place| {
        format!(
            "(SELECT CAST({place} AS SIGNED), CONVERT(gun USING utf8mb4) FROM tuf_files WHERE gun = ? \
             ORDER BY gun, role, version LIMIT 1)"
        )
    };
    with_rows(ROWS, "", one, " UNION ALL ", "")
});

/// Holds off Notary, which deletes without a guard; finds what it has just deleted gone. Really written, because a lock
/// does not reach the other nodes of a Galera cluster.
pub(super) static HOLD: Statements = Statements::new(|| {
    let before = "UPDATE tuf_files SET updated_at = coalesce(updated_at, created_at) + INTERVAL 1 SECOND WHERE id IN (";
    with_rows(ROWS, before, |_| "?".to_owned(), ", ", ")")
});

pub(super) static INSERT: Statements = Statements::new(|| insert(TIME));
pub(super) static INSERT_SHARED: Statements = Statements::new(|| insert(SHARED_TIME));
pub(super) static RECORD: Statements = Statements::new(|| record(TIME));
pub(super) static RECORD_SHARED: Statements = Statements::new(|| record(SHARED_TIME));

pub(super) static RECORD_DELETION: Statement = Statement::new(
    "INSERT INTO changefeed (created_at, gun, version, sha256, category) \
     VALUES (?, ?, 0, '', 'deletion')",
);
pub(super) static RECORD_DELETION_SHARED: Statement = Statement::new(
    "INSERT INTO changefeed (created_at, gun, version, sha256, category) \
     VALUES (FROM_UNIXTIME(UNIX_TIMESTAMP(?)), ?, 0, '', 'deletion')",
);

const TIME: &str = "?";
/// Notary's columns take a time in UTC for one of the server's zone. Where clocks are put forward there is an hour that they
/// refuse; this makes of it the end of that hour, and nothing of any other.
const SHARED_TIME: &str = "FROM_UNIXTIME(UNIX_TIMESTAMP(?))";

fn insert(time: &str) -> Vec<String> {
    let before = "INSERT INTO tuf_files (created_at, updated_at, gun, role, version, sha256, data) VALUES ";
    with_rows(ROWS, before, |_| format!("({time}, {time}, ?, ?, ?, ?, ?)"), ", ", "")
}

fn record(time: &str) -> Vec<String> {
    let before = "INSERT INTO changefeed (created_at, gun, version, sha256, category) VALUES ";
    with_rows(ROWS, before, |_| format!("({time}, ?, ?, ?, 'update')"), ", ", "")
}

pub(super) static REMOVE: Statements = Statements::new(|| {
    let before = "DELETE FROM tuf_files WHERE gun = ? AND CAST(gun AS BINARY) = CAST(? AS BINARY) AND (";
    with_rows(ROWS, before, |_| "(role = ? AND version = ?)".to_owned(), " OR ", ")")
});
