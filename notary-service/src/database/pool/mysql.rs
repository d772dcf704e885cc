//! MySQL's, MariaDB's and Galera's sessions.

use std::collections::HashMap;
use std::time::Duration;

use sqlx::mysql::MySqlRow;
use sqlx::{AssertSqlSafe, ConnectOptions as _, MySql, MySqlConnection, Row as _};

use super::{Backend, Refused, Settings};
use crate::database::url::{Host, Url};

/// Answered also by a Galera node outside its cluster.
const VARIABLES: &str = "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('version', 'read_only', 'wsrep_on')";
/// Longer than a connection rests in the pool.
const SILENCE: Duration = Duration::from_secs(330);
const STATUS: &str = "SHOW GLOBAL STATUS WHERE Variable_name IN ('wsrep_ready', 'wsrep_cluster_status')";

impl Backend for MySql {
    async fn connect(url: &Url, host: &Host, settings: &Settings) -> Result<MySqlConnection, Refused> {
        let mut connection = url.mysql_options(host).connect().await?;
        let variables = table(&mut connection, VARIABLES).await?;
        let is = |name: &str, value: &str| variables.get(name).is_some_and(|found| found.eq_ignore_ascii_case(value));
        let galera = is("wsrep_on", "ON");
        if galera {
            let status = table(&mut connection, STATUS).await?;
            let ready = status.get("wsrep_ready").is_some_and(|ready| ready == "ON");
            let primary = status.get("wsrep_cluster_status").is_some_and(|status| status == "Primary");
            if !ready || !primary {
                return Err(Refused::NotReady("its Galera node is outside the cluster, or joining it".to_owned()));
            }
        }
        if variables.get("read_only").is_some_and(|value| value != "OFF" && value != "0") {
            return Err(Refused::NotReady("it only reads".to_owned()));
        }
        let mariadb = variables.get("version").is_some_and(|version| version.contains("MariaDB"));
        let setup = setup(settings, mariadb, galera);
        sqlx::raw_sql(AssertSqlSafe(setup)).execute(&mut connection).await?;
        Ok(connection)
    }

    /// A primary that is demoted keeps its sessions, and would be read from for as long as they live.
    async fn serves(connection: &mut MySqlConnection) -> bool {
        let read_only = sqlx::query_scalar("SELECT CAST(@@global.read_only AS SIGNED)").fetch_one(connection).await;
        matches!(read_only, Ok(0_i64))
    }
}

/// The time zone stays the server's: Notary's programs leave it too, and write times in UTC as if they were of that zone,
/// into columns that convert them. Read in another zone they would be others.
fn setup(settings: &Settings, mariadb: bool, galera: bool) -> String {
    let mut set = vec![
        "sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,NO_ENGINE_SUBSTITUTION'".to_owned(),
        format!("innodb_lock_wait_timeout = {}", settings.lock_limit.as_secs().max(1)),
        "autocommit = 1".to_owned(),
    ];
    // A machine that vanished in the middle of a transaction must not hold its locks for hours.
    set.push(match mariadb {
        true => format!("idle_transaction_timeout = {}", settings.statement_limit.as_secs().max(1)),
        false => format!("wait_timeout = {}", SILENCE.as_secs()),
    });
    // MySQL's own limit covers reads alone; what else takes too long is given up on this side.
    set.push(match mariadb {
        true => format!("max_statement_time = {}", settings.statement_limit.as_secs_f64()),
        false => format!("max_execution_time = {}", settings.statement_limit.as_millis()),
    });
    if galera && settings.causal_reads {
        set.push("wsrep_sync_wait = 1".to_owned());
    }
    format!("SET SESSION {}; SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED", set.join(", SESSION "))
}

async fn table(connection: &mut MySqlConnection, show: &'static str) -> Result<HashMap<String, String>, sqlx::Error> {
    let rows: Vec<MySqlRow> = sqlx::raw_sql(show).fetch_all(connection).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}
