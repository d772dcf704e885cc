//! What is written, and how: each transaction writes the guard rows of its GUNs first, in one order everywhere.

use chrono::{DateTime, NaiveDateTime, SubsecRound, Utc};
use libtrust::metadata::Version;
use libtrust::names::{Gun, RoleName};
use notary_service::database::{Connection, Limit, PostgresPool};
use sqlx::{Postgres, Transaction};

use super::read::HEAD;
use crate::storage::publication::{Publication, Verdict};
use crate::storage::sql::group::Transactions;
use crate::storage::sql::judged::{self, Known, NewRow};
use crate::storage::sql::row;
use crate::storage::sql::undone::{Undone, committing, connecting, during, inserting};
use crate::storage::tables::{Statement, Tables};
use crate::storage::{Base, Head};

/// The connections that write.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) pool: PostgresPool,
    pub(super) tables: Tables,
    /// Whether Notary may be deleting beside us.
    pub(super) is_shared: bool,
}

/// Counts up the guard rows with these keys, which must be sorted. Other writers of these GUNs wait from here on.
pub(super) const GUARD: &str = "INSERT INTO trust_collections (id, writes) \
     SELECT given.id, 1 FROM unnest($1::bytea[]) AS given (id) \
     ON CONFLICT (id) DO UPDATE SET writes = trust_collections.writes + 1";

/// The newest version of each GUN and role. Soft-deleted rows count: they hold their versions too.
pub(super) static NEWEST: Statement = Statement::new(
    "SELECT wanted.place, newest.id::bigint, newest.version::bigint, \
         coalesce(newest.sha256::text, encode(sha256(newest.data), 'hex')) \
     FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS wanted (gun, role, place) \
     CROSS JOIN LATERAL (SELECT id, version, sha256, data FROM tuf_files \
         WHERE gun = wanted.gun AND role = wanted.role ORDER BY version DESC LIMIT 1) AS newest",
);

/// Holds off Notary's writers, which know no guard and look before their transactions begin: a row that one has looked
/// for must not appear, nor vanish, under it. Readers do not notice.
const HOLD_OFF_NOTARY: &str = "LOCK TABLE tuf_files IN SHARE ROW EXCLUSIVE MODE";

/// All rows of a group and the feed's entries for its timestamps.
static INSERT: Statement = Statement::new(
    "WITH given AS MATERIALIZED (SELECT * FROM \
         unnest($1::timestamp[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::bytea[]) \
         WITH ORDINALITY AS given (stored_at, gun, role, version, sha256, data, place)), \
     stored AS (INSERT INTO tuf_files (created_at, updated_at, gun, role, version, sha256, data) \
         SELECT stored_at, stored_at, gun, role, version, sha256, data FROM given ORDER BY place) \
     INSERT INTO changefeed (created_at, gun, version, sha256, category) \
     SELECT stored_at, gun, version, sha256, 'update' FROM given WHERE role = 'timestamp' ORDER BY place",
);

static DELETE: Statement = Statement::new("DELETE FROM tuf_files WHERE gun = $1");

static RECORD_DELETION: Statement = Statement::new(
    "INSERT INTO changefeed (created_at, gun, version, sha256, category) \
     VALUES ($1, $2, 0, '', 'deletion')",
);

static REMOVE: Statement = Statement::new(
    "DELETE FROM tuf_files USING unnest($2::text[], $3::bigint[]) AS doomed (role, version) \
     WHERE tuf_files.gun = $1 AND tuf_files.role = doomed.role AND tuf_files.version = doomed.version",
);

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
    transaction: Transaction<'c, Postgres>,
    limit: Limit<Postgres>,
    tables: Tables,
}

impl<'c> Work<'c> {
    async fn begin(connection: &'c mut Connection<Postgres>, tables: Tables, is_shared: bool) -> Result<Self, Undone> {
        let limit = connection.limit();
        let transaction = limit.run(sqlx::Connection::begin(&mut **connection)).await;
        let mut work = Self { transaction: transaction.map_err(during("begin a transaction"))?, limit, tables };
        if is_shared {
            let query = sqlx::query(HOLD_OFF_NOTARY);
            let locked = work.limit.run(query.execute(&mut *work.transaction)).await;
            locked.map_err(during("hold off Notary's servers"))?;
        }
        Ok(work)
    }

    /// Waits for other writers of these GUNs; those that come later wait for this transaction.
    async fn take_turns(&mut self, guns: impl Iterator<Item = &Gun>) -> Result<(), Undone> {
        let query = sqlx::query(GUARD).bind(judged::guards(guns));
        let written = self.limit.run(query.execute(&mut *self.transaction)).await;
        written.map(drop).map_err(during("wait for a collection's turn"))
    }

    async fn look_up<'p>(&mut self, publications: &[&'p Publication]) -> Result<Known<'p>, Undone> {
        let wanted = judged::wanted(publications);
        let (guns, roles): (Vec<&str>, Vec<&str>) =
            wanted.iter().map(|(gun, role)| (gun.as_str(), role.as_str())).unzip();
        let query = sqlx::query_as(NEWEST.on(self.tables)).bind(guns).bind(roles);
        let found = self.limit.run(query.fetch_all(&mut *self.transaction)).await;
        let found: Vec<(i64, i64, i64, String)> = found.map_err(during("look up the newest versions"))?;
        let mut known = Known::default();
        for (place, id, version, sha256) in found {
            let place = usize::try_from(place.saturating_sub(1)).ok();
            let Some(&(gun, role)) = place.and_then(|place| wanted.get(place)) else { continue };
            let newest = row::head(self.tables, (id, version, sha256)).map(|head| (head.version, head.sha256));
            known.newest.insert((gun, role), newest);
        }
        Ok(known)
    }

    async fn insert(&mut self, rows: &[NewRow<'_>]) -> Result<(), Undone> {
        let each = || rows.iter();
        let query = sqlx::query(INSERT.on(self.tables))
            .bind(each().map(|(publication, _)| time(publication.now)).collect::<Vec<_>>())
            .bind(each().map(|(publication, _)| publication.gun.as_str()).collect::<Vec<_>>())
            .bind(each().map(|(_, file)| file.role.as_str()).collect::<Vec<_>>())
            .bind(each().map(|(_, file)| file.version.get().cast_signed()).collect::<Vec<_>>())
            .bind(each().map(|(_, file)| hex::encode(file.sha256)).collect::<Vec<_>>())
            .bind(each().map(|(_, file)| file.bytes.as_ref()).collect::<Vec<_>>());
        self.limit.run(query.execute(&mut *self.transaction)).await.map(drop).map_err(inserting)
    }

    async fn delete(&mut self, gun: &Gun, now: DateTime<Utc>) -> Result<bool, Undone> {
        let query = sqlx::query(DELETE.on(self.tables)).bind(gun.as_str());
        let deleted = self.limit.run(query.execute(&mut *self.transaction)).await;
        if deleted.map_err(during("delete a collection"))?.rows_affected() == 0 {
            return Ok(false);
        }
        let query = sqlx::query(RECORD_DELETION.on(self.tables)).bind(time(now)).bind(gun.as_str());
        let recorded = self.limit.run(query.execute(&mut *self.transaction)).await;
        recorded.map_err(during("record a deletion"))?;
        Ok(true)
    }

    async fn head(&mut self, gun: &Gun) -> Result<Option<Head>, Undone> {
        let query = sqlx::query_as(HEAD.on(self.tables)).bind(gun.as_str());
        let found = self.limit.run(query.fetch_optional(&mut *self.transaction)).await;
        let found = found.map_err(during("read the newest timestamp's digest"))?;
        found.map(|row| row::head(self.tables, row)).transpose().map_err(Undone::Together)
    }

    async fn remove(&mut self, gun: &Gun, versions: &[(RoleName, Version)]) -> Result<(), Undone> {
        let roles: Vec<&str> = versions.iter().map(|(role, _)| role.as_str()).collect();
        let numbers: Vec<i64> = versions.iter().map(|(_, version)| version.get().cast_signed()).collect();
        let query = sqlx::query(REMOVE.on(self.tables)).bind(gun.as_str()).bind(roles).bind(numbers);
        let removed = self.limit.run(query.execute(&mut *self.transaction)).await;
        removed.map(drop).map_err(during("remove superseded versions"))
    }

    async fn commit(self) -> Result<(), Undone> {
        self.limit.run(self.transaction.commit()).await.map_err(committing)
    }

    /// Ends it with nothing stored.
    async fn abandon(self) -> Result<(), Undone> {
        self.limit.run(self.transaction.rollback()).await.map_err(during("end a transaction"))
    }
}

/// Microseconds are what the column keeps.
fn time(time: DateTime<Utc>) -> NaiveDateTime {
    time.trunc_subsecs(6).naive_utc()
}
