//! PostgreSQL's sessions.

use sqlx::{AssertSqlSafe, ConnectOptions as _, PgConnection, Postgres};

use super::{Backend, Refused, Settings};
use crate::database::url::{Host, Url};

const READ_ONLY: &str = "SHOW transaction_read_only";

impl Backend for Postgres {
    async fn connect(url: &Url, host: &Host, settings: &Settings) -> Result<PgConnection, Refused> {
        let mut connection = url.postgres_options(host).connect().await?;
        let setup = format!(
            "SET statement_timeout = {}; SET lock_timeout = {}; SET idle_in_transaction_session_timeout = {}; \
             SET default_transaction_isolation = 'read committed'; SET client_min_messages = warning",
            settings.statement_limit.as_millis(),
            settings.lock_limit.as_millis(),
            // Ours never rests in a transaction: whoever does has lost its program, and holds locks.
            settings.statement_limit.as_millis(),
        );
        sqlx::raw_sql(AssertSqlSafe(setup)).execute(&mut connection).await?;
        // Standbys, too.
        let read_only: String = sqlx::query_scalar(READ_ONLY).fetch_one(&mut connection).await?;
        match read_only.as_str() {
            "off" => Ok(connection),
            _ => Err(Refused::NotReady("it is a standby, or only reads".to_owned())),
        }
    }
}
