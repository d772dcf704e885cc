//! What is written, and how: each transaction writes the guard rows of its GUNs first, in one order everywhere. They are
//! really written, not only locked: locks of a Galera node are its own, and what the cluster compares are writes.

use chrono::{DateTime, NaiveDateTime, SubsecRound, Utc};
use libtrust::metadata::Version;
use libtrust::names::{Gun, RoleName};
use notary_service::database::{Connection, Limit, MySqlPool};
use sqlx::mysql::MySqlArguments;
use sqlx::query::Query;
use sqlx::{MySql, Transaction};

use super::read::HEAD;
use super::statements::{
    FIRST, GUARD, HOLD, INSERT, INSERT_SHARED, NEWEST, RECORD, RECORD_DELETION, RECORD_DELETION_SHARED, RECORD_SHARED,
    REMOVE, ROWS,
};
use crate::storage::publication::{Publication, Verdict};
use crate::storage::sql::group::Transactions;
use crate::storage::sql::judged::{self, Known, NewRow};
use crate::storage::sql::row;
use crate::storage::sql::undone::{Undone, committing, connecting, during, inserting};
use crate::storage::tables::{Statement, Tables};
use crate::storage::{Base, Head, StorageError};

/// A statement brings no more bytes of files than this, unless one file alone does: servers bound what they take at once
/// (`max_allowed_packet`).
const STATEMENT_BYTES: usize = 4 << 20;

static DELETE: Statement =
    Statement::new("DELETE FROM tuf_files WHERE gun = ? AND CAST(gun AS BINARY) = CAST(? AS BINARY)");

/// The connections that write.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) pool: MySqlPool,
    pub(super) tables: Tables,
    /// Whether the tables are Notary's, and it may be writing beside us.
    pub(super) is_shared: bool,
}

impl Transactions for Writer {
    async fn store(&self, publications: &[&Publication]) -> Result<Vec<Verdict>, Undone> {
        let mut connection = self.pool.acquire().await.map_err(connecting)?;
        let mut work = Work::begin(&mut connection, self.tables, self.is_shared).await?;
        work.take_turns(publications.iter().map(|publication| &publication.gun)).await?;
        let known = work.look_up(publications).await?;
        let (verdicts, rows) = judged::judge(known, publications);
        if rows.is_empty() {
            work.abandon().await?;
        } else {
            work.insert(&rows).await?;
            work.commit().await?;
        }
        connection.release();
        Ok(verdicts)
    }
}

impl Writer {
    /// Deletes a collection and records it; false if there was nothing.
    pub(super) async fn delete(&self, gun: &Gun, now: DateTime<Utc>) -> Result<bool, Undone> {
        let mut connection = self.pool.acquire().await.map_err(connecting)?;
        let mut work = Work::begin(&mut connection, self.tables, self.is_shared).await?;
        work.take_turns(std::iter::once(gun)).await?;
        let found = work.delete(gun, now).await?;
        if found {
            work.commit().await?;
        } else {
            work.abandon().await?;
        }
        connection.release();
        Ok(found)
    }

    /// Removes versions of a collection that is at `base`; false if it is not.
    pub(super) async fn remove(&self, gun: &Gun, base: Base, versions: &[(RoleName, Version)]) -> Result<bool, Undone> {
        let mut connection = self.pool.acquire().await.map_err(connecting)?;
        let mut work = Work::begin(&mut connection, self.tables, self.is_shared).await?;
        work.take_turns(std::iter::once(gun)).await?;
        let is_there = base.holds(work.head(gun).await?.map(|head| head.sha256));
        if is_there {
            work.remove(gun, versions).await?;
            work.commit().await?;
        } else {
            work.abandon().await?;
        }
        connection.release();
        Ok(is_there)
    }
}

/// A transaction under way. Dropped, it is rolled back.
struct Work<'c> {
    transaction: Transaction<'c, MySql>,
    limit: Limit<MySql>,
    tables: Tables,
    is_shared: bool,
}

impl<'c> Work<'c> {
    async fn begin(connection: &'c mut Connection<MySql>, tables: Tables, is_shared: bool) -> Result<Self, Undone> {
        let limit = connection.limit();
        let transaction = limit.run(sqlx::Connection::begin(&mut **connection)).await;
        Ok(Self { transaction: transaction.map_err(during("begin a transaction"))?, limit, tables, is_shared })
    }

    /// Waits for other writers of these GUNs; those that come later wait for this transaction.
    async fn take_turns(&mut self, guns: impl Iterator<Item = &Gun>) -> Result<(), Undone> {
        for keys in judged::guards(guns).chunks(ROWS) {
            let query =
                keys.iter().fold(sqlx::query(GUARD.about(self.tables, keys.len())), |query, key| query.bind(key));
            let written = self.limit.run(query.execute(&mut *self.transaction)).await;
            written.map_err(during("wait for a collection's turn"))?;
        }
        Ok(())
    }

    async fn look_up<'p>(&mut self, publications: &[&'p Publication]) -> Result<Known<'p>, Undone> {
        let mut known = Known::default();
        let mut timestamps = Vec::new();
        for wanted in judged::wanted(publications).chunks(ROWS) {
            let mut query = sqlx::query_as(NEWEST.about(self.tables, wanted.len()));
            for (gun, role) in wanted {
                query = query.bind(gun.as_str()).bind(role.as_str());
            }
            let found = self.limit.run(query.fetch_all(&mut *self.transaction)).await;
            let found: Vec<(i64, i64, String, i64, String)> = found.map_err(during("look up the newest versions"))?;
            for (place, id, stored, version, sha256) in found {
                let Some(&(gun, role)) = at(wanted, place) else { continue };
                if stored != gun.as_str() {
                    known.taken.insert(gun, stored);
                    continue;
                }
                if *role == RoleName::Timestamp {
                    timestamps.push(id);
                }
                let newest = row::head(self.tables, (id, version, sha256)).map(|head| (head.version, head.sha256));
                known.newest.insert((gun, role), newest);
            }
        }
        if self.is_shared {
            self.look_for_others(publications, &mut known).await?;
            self.hold(timestamps).await?;
        }
        Ok(known)
    }

    /// Finds stored names that the column takes for those of the group.
    async fn look_for_others<'p>(
        &mut self,
        publications: &[&'p Publication],
        known: &mut Known<'p>,
    ) -> Result<(), Undone> {
        let guns: Vec<&'p Gun> = publications.iter().map(|publication| &publication.gun).collect();
        for guns in guns.chunks(ROWS) {
            let query = guns
                .iter()
                .fold(sqlx::query_as(FIRST.about(self.tables, guns.len())), |query, gun| query.bind(gun.as_str()));
            let found = self.limit.run(query.fetch_all(&mut *self.transaction)).await;
            let found: Vec<(i64, String)> = found.map_err(during("look for names that are alike"))?;
            for (place, stored) in found {
                if let Some(gun) = at(guns, place).filter(|gun| gun.as_str() != stored) {
                    known.taken.insert(*gun, stored);
                }
            }
        }
        Ok(())
    }

    /// Keeps these rows from being deleted until the transaction ends.
    async fn hold(&mut self, mut ids: Vec<i64>) -> Result<(), Undone> {
        const ACTION: &str = "hold the newest timestamps";
        ids.sort_unstable();
        ids.dedup();
        for ids in ids.chunks(ROWS) {
            let query = ids.iter().fold(sqlx::query(HOLD.about(self.tables, ids.len())), |query, id| query.bind(*id));
            let held = self.limit.run(query.execute(&mut *self.transaction)).await.map_err(during(ACTION))?;
            if held.rows_affected() < ids.len() as u64 {
                let cause = "a collection was deleted meanwhile".to_owned();
                return Err(Undone::Overtaken(StorageError::Backend { action: ACTION, cause }));
            }
        }
        Ok(())
    }

    async fn insert(&mut self, rows: &[NewRow<'_>]) -> Result<(), Undone> {
        let (insert, record) = if self.is_shared { (&INSERT_SHARED, &RECORD_SHARED) } else { (&INSERT, &RECORD) };
        for rows in bounded(rows) {
            let mut query = sqlx::query(insert.about(self.tables, rows.len()));
            for (publication, file) in rows {
                let now = self.time(publication.now);
                query = query.bind(now).bind(now).bind(publication.gun.as_str()).bind(file.role.as_str());
                query = query.bind(file.version.get().cast_signed()).bind(hex::encode(file.sha256));
                query = query.bind(file.bytes.as_ref());
            }
            self.execute(query).await?;
        }
        let timestamps: Vec<_> = rows.iter().filter(|(_, file)| file.role == RoleName::Timestamp).collect();
        for rows in timestamps.chunks(ROWS) {
            let mut query = sqlx::query(record.about(self.tables, rows.len()));
            for (publication, file) in rows {
                query = query.bind(self.time(publication.now)).bind(publication.gun.as_str());
                query = query.bind(file.version.get().cast_signed()).bind(hex::encode(file.sha256));
            }
            self.execute(query).await?;
        }
        Ok(())
    }

    async fn execute(&mut self, query: Query<'_, MySql, MySqlArguments>) -> Result<(), Undone> {
        self.limit.run(query.execute(&mut *self.transaction)).await.map(drop).map_err(inserting)
    }

    async fn delete(&mut self, gun: &Gun, now: DateTime<Utc>) -> Result<bool, Undone> {
        let query = sqlx::query(DELETE.on(self.tables)).bind(gun.as_str()).bind(gun.as_str());
        let deleted = self.limit.run(query.execute(&mut *self.transaction)).await;
        if deleted.map_err(during("delete a collection"))?.rows_affected() == 0 {
            return Ok(false);
        }
        let record = if self.is_shared { &RECORD_DELETION_SHARED } else { &RECORD_DELETION };
        let query = sqlx::query(record.on(self.tables)).bind(self.time(now)).bind(gun.as_str());
        let recorded = self.limit.run(query.execute(&mut *self.transaction)).await;
        recorded.map_err(during("record a deletion"))?;
        Ok(true)
    }

    async fn head(&mut self, gun: &Gun) -> Result<Option<Head>, Undone> {
        let query = sqlx::query_as(HEAD.on(self.tables)).bind(gun.as_str()).bind(gun.as_str());
        let found = self.limit.run(query.fetch_optional(&mut *self.transaction)).await;
        let found = found.map_err(during("read the newest timestamp's digest"))?;
        found.map(|row| row::head(self.tables, row)).transpose().map_err(Undone::Together)
    }

    async fn remove(&mut self, gun: &Gun, versions: &[(RoleName, Version)]) -> Result<(), Undone> {
        for versions in versions.chunks(ROWS) {
            let mut query =
                sqlx::query(REMOVE.about(self.tables, versions.len())).bind(gun.as_str()).bind(gun.as_str());
            for (role, version) in versions {
                query = query.bind(role.as_str()).bind(version.get().cast_signed());
            }
            let removed = self.limit.run(query.execute(&mut *self.transaction)).await;
            removed.map_err(during("remove superseded versions"))?;
        }
        Ok(())
    }

    async fn commit(self) -> Result<(), Undone> {
        self.limit.run(self.transaction.commit()).await.map_err(committing)
    }

    /// Ends it with nothing stored.
    async fn abandon(self) -> Result<(), Undone> {
        self.limit.run(self.transaction.rollback()).await.map_err(during("end a transaction"))
    }

    /// What the column keeps: microseconds; in Notary's, seconds from 1970 on, which some servers would round up.
    fn time(&self, time: DateTime<Utc>) -> NaiveDateTime {
        const FIRST: DateTime<Utc> = DateTime::from_timestamp_nanos(1_000_000_000);
        if self.is_shared { time.trunc_subsecs(0).max(FIRST) } else { time.trunc_subsecs(6) }.naive_utc()
    }
}

/// What a row's first column says it is about.
fn at<T>(wanted: &[T], place: i64) -> Option<&T> {
    usize::try_from(place).ok().and_then(|place| wanted.get(place))
}

/// Runs of rows that one statement can bring.
fn bounded<'r, 'p>(rows: &'r [NewRow<'p>]) -> Vec<&'r [NewRow<'p>]> {
    let mut runs = Vec::new();
    let mut rest = rows;
    while !rest.is_empty() {
        let mut bytes = 0_usize;
        let fits = |(_, file): &&NewRow<'_>| {
            bytes = bytes.saturating_add(file.bytes.len());
            bytes <= STATEMENT_BYTES
        };
        let count = rest.iter().take(ROWS).take_while(fits).count().max(1);
        let (run, others) = rest.split_at(count);
        runs.push(run);
        rest = others;
    }
    runs
}
