//! Many publications in one transaction, in few statements.
//!
//! Every statement costs two changes of thread (SQLite runs on one of its own), which is more than SQLite needs for
//! it. So one statement looks up the newest versions for all publications, the judging happens in memory, one
//! statement inserts many rows, and one makes the feed's entries and commits.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use libtrust::metadata::Version;
use libtrust::names::{Gun, RoleName};
use sqlx::error::BoxDynError;
use sqlx::sqlite::{SqliteArguments, SqliteConnection, SqliteRow};
use sqlx::{Arguments, Row};

use super::row::Located;
use super::{backend, time};
use crate::storage::publication::{self, Publication, Verdict};
use crate::storage::tables::{Statement, Statements, Tables, with_rows};
use crate::storage::{Base, NewFile, Sha256, StorageError};

/// A transaction that was not committed, as far as we know.
pub(super) enum Undone {
    /// Because of something all publications share.
    Together(StorageError),
    /// While inserting: perhaps because of one of them.
    Inserting(StorageError),
}

/// About how much a publication adds to the log, in bytes: its files, and a few pages of tables and indexes.
pub(super) fn weight(publication: &Publication) -> u64 {
    const PAGES: u64 = 6 * 4096;
    publication.bytes().saturating_add(PAGES)
}

/// Judges and stores `publications` in order, in one durable transaction, or stores none of them. After an error the
/// caller rolls back.
pub(super) async fn store<'p>(
    tables: Tables,
    connection: &mut SqliteConnection,
    publications: &[&'p Publication],
) -> Result<Vec<Verdict>, Undone> {
    let together = |action| move |error| Undone::Together(backend(action)(error));
    let mut newest = begin(tables, connection, publications).await.map_err(together("begin a transaction"))?;
    let verdicts: Vec<Verdict> = publications.iter().map(|publication| judge(&mut newest, publication)).collect();
    let accepted = publications.iter().zip(&verdicts).filter(|(_, verdict)| verdict.is_ok());
    let files = |publication: &'p Publication| publication.files.iter().map(move |file| (publication, file));
    let rows: Vec<_> = accepted.flat_map(|(publication, _)| files(publication)).collect();
    if rows.is_empty() {
        sqlx::query("ROLLBACK").execute(connection).await.map_err(together("end a transaction"))?;
        return Ok(verdicts);
    }
    let last_id =
        insert(tables, connection, &rows).await.map_err(|error| Undone::Inserting(backend("store files")(error)))?;
    // Rows of one writer get consecutive ids: those of this transaction are the last ones.
    let before = last_id.saturating_sub(i64::try_from(rows.len()).unwrap_or(i64::MAX));
    sqlx::query(FINISH.on(tables)).bind(before).execute(connection).await.map_err(together("commit"))?;
    Ok(verdicts)
}

/// Most rows in one statement. Each number of rows is a statement of its own, kept prepared.
const ROWS: usize = 32;

/// Looks up the newest version of each GUN and role. Soft-deleted rows count: they hold their versions too.
static NEWEST: Statements = Statements::new(newest);

fn newest() -> Vec<String> {
    let wanted = |place| format!("({place}, ?, ?)");
    let query = ") SELECT stored.id AS id, wanted.place AS place, stored.version AS version, stored.sha256 AS sha256 \
         FROM wanted CROSS JOIN tuf_files AS stored \
         ON stored.gun = wanted.gun AND stored.role = wanted.role AND stored.version = \
             (SELECT max(version) FROM tuf_files WHERE gun = wanted.gun AND role = wanted.role)";
    with_rows(ROWS, "WITH wanted (place, gun, role) AS (VALUES ", wanted, ", ", query)
}

/// The same, as the first thing in a transaction.
static BEGIN_NEWEST: Statements =
    Statements::new(|| newest().into_iter().map(|newest| format!("BEGIN IMMEDIATE; {newest}")).collect());

static INSERT: Statements = Statements::new(|| {
    // Parameters are not numbered: SQLite looks for numbered ones in a list, which is slow for hundreds of them.
    let values = |_| "(?, ?, ?, ?, ?, ?, ?)".to_owned();
    let before = "INSERT INTO tuf_files (created_at, updated_at, gun, role, version, sha256, data) VALUES ";
    with_rows(ROWS, before, values, ", ", "")
});

/// Makes the feed's entries for the timestamps above an id, and commits.
static FINISH: Statement = Statement::new(
    "INSERT INTO changefeed (created_at, gun, version, sha256, category) \
     SELECT created_at, gun, version, sha256, 'update' FROM tuf_files WHERE id > ?1 AND role = 'timestamp' ORDER BY id; \
     COMMIT",
);

/// Version and digest of the newest file of each GUN and role that a batch is about, or what is wrong with its row.
type Newest<'p> = HashMap<(&'p Gun, &'p RoleName), Result<(Version, Sha256), StorageError>>;

/// Begins a transaction that locks out other writers, and looks up what is stored.
async fn begin<'p>(
    tables: Tables,
    connection: &mut SqliteConnection,
    publications: &[&'p Publication],
) -> Result<Newest<'p>, sqlx::Error> {
    let roles = |publication: &'p Publication| publication.roles().map(|role| (&publication.gun, role));
    let wanted: Vec<_> = publications.iter().copied().flat_map(roles).collect();
    let mut newest = Newest::with_capacity(wanted.len());
    let mut statements = &BEGIN_NEWEST;
    for wanted in wanted.chunks(ROWS) {
        let mut query = sqlx::query(statements.about(tables, wanted.len()));
        for (gun, role) in wanted {
            query = query.bind(gun.as_str()).bind(role.as_str());
        }
        for row in query.fetch_all(&mut *connection).await? {
            let place: i64 = row.try_get("place")?;
            if let Some(key) = usize::try_from(place).ok().and_then(|place| wanted.get(place)) {
                newest.insert(*key, newest_of(tables, &row));
            }
        }
        statements = &NEWEST;
    }
    Ok(newest)
}

fn newest_of(tables: Tables, row: &SqliteRow) -> Result<(Version, Sha256), StorageError> {
    let row = Located::new(tables.files(), row)?;
    Ok((row.version()?, row.sha256()?))
}

/// Whether a publication may be stored; if so, its versions are the newest from now on.
fn judge<'p>(newest: &mut Newest<'p>, publication: &'p Publication) -> Verdict {
    let stored = |role: &RoleName| newest.get(&(&publication.gun, role)).cloned().transpose();
    publication::judge(publication.base, &publication.files, stored)?;
    for NewFile { role, version, sha256, .. } in &publication.files {
        newest.insert((&publication.gun, role), Ok((*version, *sha256)));
    }
    Ok(())
}

/// Inserts rows in their order; returns the id of the last one.
async fn insert(
    tables: Tables,
    connection: &mut SqliteConnection,
    rows: &[(&Publication, &NewFile)],
) -> Result<i64, sqlx::Error> {
    let mut last_id = 0;
    for rows in rows.chunks(ROWS) {
        let mut arguments = SqliteArguments::default();
        for (publication, file) in rows {
            bind(&mut arguments, publication, file).map_err(sqlx::Error::Encode)?;
        }
        let inserted = sqlx::query_with(INSERT.about(tables, rows.len()), arguments).execute(&mut *connection).await?;
        last_id = inserted.last_insert_rowid();
    }
    Ok(last_id)
}

fn bind(arguments: &mut SqliteArguments, publication: &Publication, file: &NewFile) -> Result<(), BoxDynError> {
    let now = time::to_text(publication.now);
    arguments.add(now.as_str())?;
    arguments.add(now)?;
    arguments.add(publication.gun.as_str())?;
    arguments.add(file.role.as_str())?;
    arguments.add(file.version.get().cast_signed())?;
    arguments.add(hex::encode(file.sha256))?;
    // sqlx wants to own it: the one copy outside SQLite.
    arguments.add(file.bytes.as_ref())
}

/// Removes versions of a collection if it is at `base`, in one durable transaction. False if it is not. After an error
/// the caller rolls back.
pub(super) async fn remove(
    tables: Tables,
    connection: &mut SqliteConnection,
    gun: &Gun,
    base: Base,
    versions: &[(RoleName, Version)],
) -> Result<bool, sqlx::Error> {
    sqlx::query("BEGIN IMMEDIATE").execute(&mut *connection).await?;
    let newest: Option<String> =
        sqlx::query_scalar(HEAD.on(tables)).bind(gun.as_str()).fetch_optional(&mut *connection).await?;
    let newest = newest.and_then(|text| {
        let mut digest = Sha256::default();
        hex::decode_to_slice(text, &mut digest).ok().map(|()| digest)
    });
    let is_there = base.holds(newest);
    if is_there {
        for (role, version) in versions {
            let removed =
                sqlx::query(REMOVE.on(tables)).bind(gun.as_str()).bind(role.as_str()).bind(version.get().cast_signed());
            removed.execute(&mut *connection).await?;
        }
    }
    sqlx::query("COMMIT").execute(connection).await?;
    Ok(is_there)
}

static HEAD: Statement = Statement::new(
    "SELECT sha256 FROM tuf_files WHERE gun = ?1 AND role = 'timestamp' AND deleted_at IS NULL \
     ORDER BY version DESC LIMIT 1",
);

static REMOVE: Statement = Statement::new("DELETE FROM tuf_files WHERE gun = ?1 AND role = ?2 AND version = ?3");

static DELETE: Statement = Statement::new("DELETE FROM tuf_files WHERE gun = ?1");

static RECORD_DELETION: Statement = Statement::new(
    "INSERT INTO changefeed (created_at, gun, version, sha256, category) VALUES (?1, ?2, 0, '', 'deletion')",
);

/// Deletes a collection and records it, in one durable transaction. False if there was nothing. After an error the
/// caller rolls back.
pub(super) async fn delete(
    tables: Tables,
    connection: &mut SqliteConnection,
    gun: &Gun,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    sqlx::query("BEGIN IMMEDIATE").execute(&mut *connection).await?;
    let files = sqlx::query(DELETE.on(tables)).bind(gun.as_str());
    let found = files.execute(&mut *connection).await?.rows_affected() > 0;
    if found {
        sqlx::query(RECORD_DELETION.on(tables))
            .bind(time::to_text(now))
            .bind(gun.as_str())
            .execute(&mut *connection)
            .await?;
    }
    sqlx::query("COMMIT").execute(connection).await?;
    Ok(found)
}
