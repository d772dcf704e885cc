//! The tables of a component: made in an empty database, added to Notary's in place, brought up to this release.
//!
//! What was done is in the table `trust_schema`, one row per component, so that server and signer may share a database.
//! Notary's own `schema_migrations` is read and never changed. A database that Notary's programs made is *shared* with
//! them: only additions are made, and the Go programs go on beside ours, until [`Migrator::leave_notary`].
//!
//! Rules for steps: each statement can be run again (`IF NOT EXISTS` and the like), because MySQL commits each by itself
//! and two programs may start at once; and a step only adds, so that the release before keeps running. A step that cannot
//! says so in [`Step::readable_since`].

mod error;
mod found;
mod mysql;
mod notary;
mod postgres;
mod prepare;
mod report;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::time::Duration;

pub use error::SchemaError;
pub use notary::{NotaryColumn, NotaryTable, NotaryTables};
pub use prepare::{OpenError, Prepare, prepare};
pub use report::{Order, migrate};

use found::Found;

use super::failure::Failure;
use super::pool::{Backend, Connection, Pool};

/// Between a migration that had to give way and the next attempt; each pause is twice as long as the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LAST_PAUSE: Duration = Duration::from_millis(1600);

/// The tables one program brings: `server` or `signer`.
#[derive(Debug, Clone, Copy)]
pub struct Component {
    /// Its name in `trust_schema`, at most 32 bytes.
    pub name: &'static str,
    /// What each step does on PostgreSQL, ascending from version 1 without gaps.
    pub postgres: &'static [Step],
    /// What each step does on MySQL and MariaDB, as many.
    pub mysql: &'static [Step],
    /// How PostgreSQL databases made by Notary are known.
    pub notary_postgres: NotaryTables,
    /// How MySQL databases made by Notary are known.
    pub notary_mysql: NotaryTables,
}

/// One version of a component's tables.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    /// Its version.
    pub version: i64,
    /// The oldest version a program may know and still use tables of this one. Lower than `version` if the step only
    /// adds.
    pub readable_since: i64,
    /// What it is for, in a few words.
    pub name: &'static str,
    /// Statements on tables of our own.
    pub own: &'static [&'static str],
    /// Statements on tables shared with Notary; nothing but additions.
    pub shared: &'static [&'static str],
    /// Statements that make of shared tables what `own` makes; run when Notary is left. Not undone.
    pub leave: &'static [&'static str],
}

/// What applying did, or would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What the database was before.
    pub before: Before,
    /// Version of the tables afterwards.
    pub version: i64,
    /// Whether Notary's programs may use them beside us afterwards.
    pub shared_with_notary: bool,
    /// The statements, in order; empty if there was nothing to do.
    pub statements: Vec<String>,
}

/// What was found in a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    /// No table of this component.
    Empty,
    /// Notary's tables, as its own migrations left them; the version they say, if any.
    Notary(Option<i64>),
    /// Tables we know already, of this version.
    Known(i64),
}

/// Whose tables and rules a [`Component`]'s are.
pub struct Migrator<D: Backend> {
    pool: Pool<D>,
    component: Component,
}

impl<D: Catalog> Migrator<D> {
    /// For one component in one database. Nothing is asked yet.
    #[must_use]
    pub fn new(pool: Pool<D>, component: Component) -> Self {
        Self { pool, component }
    }

    /// What [`Migrator::apply`] would do. Changes nothing.
    ///
    /// # Errors
    /// What would make applying fail before it begins.
    pub async fn plan(&self) -> Result<Outcome, SchemaError> {
        let mut connection = self.pool.acquire().await?;
        let found = Found::read(&mut connection, &self.component).await?;
        connection.release();
        self.outcome(found, false)
    }

    /// Makes or brings up the tables; two programs may do so at once. Nothing to do costs a few small questions.
    ///
    /// # Errors
    /// If the database is not one we may change (each reason says why), with nothing changed; or it failed, in which case
    /// applying again goes on where it stopped.
    pub async fn apply(&self) -> Result<Outcome, SchemaError> {
        self.run(false).await
    }

    /// Applies, and ends the sharing with Notary: its programs must not run against this database again.
    ///
    /// # Errors
    /// As [`Migrator::apply`].
    pub async fn leave_notary(&self) -> Result<Outcome, SchemaError> {
        self.run(true).await
    }

    /// What [`Migrator::leave_notary`] would do. Changes nothing.
    ///
    /// # Errors
    /// As [`Migrator::plan`].
    pub async fn plan_leave(&self) -> Result<Outcome, SchemaError> {
        let mut connection = self.pool.acquire().await?;
        let found = Found::read(&mut connection, &self.component).await?;
        connection.release();
        self.outcome(found, true)
    }

    /// Where the lock does not reach (Galera), another who migrates may make a statement give way.
    async fn run(&self, leave: bool) -> Result<Outcome, SchemaError> {
        let mut pause = FIRST_PAUSE;
        loop {
            match self.attempt(leave).await {
                Err(error) if error.is_retry() && pause <= LAST_PAUSE => {
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
                done => return done,
            }
        }
    }

    async fn attempt(&self, leave: bool) -> Result<Outcome, SchemaError> {
        let mut connection = self.pool.acquire().await?;
        let found = Found::read(&mut connection, &self.component).await?;
        let planned = self.outcome(found, leave)?;
        if planned.statements.is_empty() {
            connection.release();
            return Ok(planned);
        }
        let done = match D::lock(&mut connection).await {
            Ok(()) => self.locked(&mut connection, leave).await,
            Err(failure) => Err(failure.into()),
        };
        let unlocked = D::unlock(&mut connection, done.is_ok()).await;
        // Its session is not like the others' any more.
        connection.discard();
        let done = done?;
        unlocked?;
        Ok(done)
    }

    /// Looks again, now that nobody else migrates, and does what is to be done.
    async fn locked(&self, connection: &mut Connection<D>, leave: bool) -> Result<Outcome, SchemaError> {
        let mut found = Found::read(connection, &self.component).await?;
        let mut outcome = self.outcome(found.clone(), leave)?;
        if outcome.statements.is_empty() {
            return Ok(outcome);
        }
        let mut made = Vec::new();
        if !found.has_ledger {
            D::execute(connection, D::CREATE_LEDGER).await?;
            made.push(D::CREATE_LEDGER.to_owned());
        }
        if found.ledger.is_none() {
            // Before any table: what is made half-way is known as ours next time. Where the lock does not reach (Galera),
            // the first row counts.
            D::insert_ledger(connection, self.component.name, found.shared()).await?;
            let before = outcome.before;
            found = Found::read(connection, &self.component).await?;
            let rest = self.outcome(found.clone(), leave)?;
            made.extend(rest.statements);
            outcome = Outcome { before, statements: made, ..rest };
        }
        for statement in self.steps(&found, leave) {
            D::execute(connection, statement).await?;
        }
        let (version, readable_since, shared) = self.target(&found, leave);
        D::update_ledger(connection, self.component.name, version, readable_since, shared).await?;
        Ok(outcome)
    }

    fn outcome(&self, found: Found, leave: bool) -> Result<Outcome, SchemaError> {
        found.judge(&self.component, self.known(), D::engine_tables(&self.component))?;
        let mut statements: Vec<String> = Vec::new();
        if !found.has_ledger {
            statements.push(D::CREATE_LEDGER.to_owned());
        }
        statements.extend(self.steps(&found, leave).map(|statement| statement.trim().to_owned()));
        let (version, readable_since, shared) = self.target(&found, leave);
        let ledger = found.ledger;
        let as_it_is = ledger.is_some_and(|ledger| ledger.version >= version && ledger.shared == shared);
        if as_it_is {
            return Ok(Outcome {
                before: found.before(),
                version: ledger.map_or(version, |ledger| ledger.version),
                shared_with_notary: shared,
                statements: Vec::new(),
            });
        }
        let name = self.component.name;
        statements.push(format!(
            "-- trust_schema: component {name}, version {version}, readable since {readable_since}, shared with Notary: \
             {shared}"
        ));
        Ok(Outcome { before: found.before(), version, shared_with_notary: shared, statements })
    }

    /// The statements still to be run.
    fn steps<'a>(&'a self, found: &Found, leave: bool) -> impl Iterator<Item = &'static str> + 'a {
        let (done, shared) = (found.version(), found.shared());
        let leaving = leave && shared;
        let open = D::steps(&self.component).iter().filter(move |step| step.version > done);
        let open = open.flat_map(move |step| if shared { step.shared } else { step.own });
        let all = D::steps(&self.component).iter().filter(move |_| leaving).flat_map(|step| step.leave);
        open.chain(all).copied()
    }

    /// Version, the oldest that may use it, and whether shared, afterwards.
    fn target(&self, found: &Found, leave: bool) -> (i64, i64, bool) {
        let readable = D::steps(&self.component).last().map_or(1, |step| step.readable_since);
        let readable = found.ledger.map_or(readable, |ledger| ledger.readable_since.max(readable));
        (self.known().max(found.version()), readable, found.shared() && !leave)
    }

    fn known(&self) -> i64 {
        D::steps(&self.component).last().map_or(0, |step| step.version)
    }
}

/// What the two kinds of database differ in when tables are made. Implemented for [`sqlx::Postgres`] and [`sqlx::MySql`].
pub trait Catalog: Backend {
    /// Makes `trust_schema`.
    #[doc(hidden)]
    const CREATE_LEDGER: &'static str;

    #[doc(hidden)]
    fn steps(component: &Component) -> &'static [Step];

    #[doc(hidden)]
    fn engine_tables(component: &Component) -> NotaryTables;

    /// Names of tables and their columns, as far as they are in the list of tables.
    #[doc(hidden)]
    fn columns(
        connection: &mut Connection<Self>,
        tables: &[&str],
    ) -> impl Future<Output = Result<Vec<(String, String)>, Failure>> + Send;

    /// Version and dirty mark of each row of golang-migrate's table.
    #[doc(hidden)]
    fn migrations(
        connection: &mut Connection<Self>,
        has_dirty: bool,
    ) -> impl Future<Output = Result<Vec<(i64, bool)>, Failure>> + Send;

    /// Version, readable since, shared.
    #[doc(hidden)]
    fn ledger(
        connection: &mut Connection<Self>,
        component: &str,
    ) -> impl Future<Output = Result<Option<(i64, i64, bool)>, Failure>> + Send;

    /// Waits until nobody else migrates.
    #[doc(hidden)]
    fn lock(connection: &mut Connection<Self>) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Lets others; keeps what was done, or undoes what can be undone.
    #[doc(hidden)]
    fn unlock(connection: &mut Connection<Self>, keep: bool) -> impl Future<Output = Result<(), Failure>> + Send;

    #[doc(hidden)]
    fn execute(
        connection: &mut Connection<Self>,
        statement: &'static str,
    ) -> impl Future<Output = Result<(), SchemaError>> + Send;

    /// Version 0, unless there is a row.
    #[doc(hidden)]
    fn insert_ledger(
        connection: &mut Connection<Self>,
        component: &str,
        shared: bool,
    ) -> impl Future<Output = Result<(), Failure>> + Send;

    #[doc(hidden)]
    fn update_ledger(
        connection: &mut Connection<Self>,
        component: &str,
        version: i64,
        readable_since: i64,
        shared: bool,
    ) -> impl Future<Output = Result<(), Failure>> + Send;
}
