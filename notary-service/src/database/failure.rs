//! What an error of a database means, decided in one place, and its words for the log.

use sqlx::mysql::MySqlDatabaseError;

use super::url::{Host, Url};

/// What an error means for whoever asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Meaning {
    /// The database cannot serve now; another host may, or the same one later. If it happened at a commit, whether it
    /// was done is not known.
    Unavailable,
    /// The transaction gave way to another (serialisation, deadlock, lock time, a Galera node that certified another
    /// first) and was not done; do it again from its beginning.
    Retry,
    /// A row with the same unique key is there.
    Duplicate,
    /// A table is not there.
    MissingTable,
    /// A value is too long, too large or of characters the column cannot hold.
    OutOfRange,
    /// The database does not let us: password, account, database name, rights.
    Denied,
    /// Anything else: a defect here, or tables that are not what they should be.
    Other,
}

/// Why the database gave no answer. For logs and health, never for clients: it names hosts and quotes the database.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{host}, database {database}: {}{reason}", state.as_ref().map(|state| format!("SQLSTATE {state}: ")).unwrap_or_default())]
pub struct Failure {
    /// What it means.
    pub meaning: Meaning,
    /// The host asked, or all of them.
    pub host: String,
    /// The database's name.
    pub database: String,
    /// SQLSTATE, on MySQL with the error's number, if the database said one.
    pub state: Option<String>,
    /// The words of the database or its library.
    pub reason: String,
    /// Whether it says that this host cannot serve at all.
    pub(super) host_is_away: bool,
}

impl Failure {
    /// What an error of this host means.
    #[must_use]
    pub fn new(url: &Url, host: &Host, error: &sqlx::Error) -> Self {
        let (meaning, host_is_away) = judge(error);
        let state = error.as_database_error().and_then(|error| {
            let state = error.code()?;
            Some(match error.try_downcast_ref::<MySqlDatabaseError>() {
                Some(error) => format!("{state} ({})", error.number()),
                None => state.into_owned(),
            })
        });
        let reason = match error.as_database_error() {
            Some(error) => error.message().to_owned(),
            None => error.to_string(),
        };
        let reason = match meaning {
            Meaning::Denied => format!("{reason}; check user, password, database and rights in the database URL"),
            _ => reason,
        };
        Self { meaning, host: host.to_string(), database: url.database().to_owned(), state, reason, host_is_away }
    }

    pub(super) fn unavailable(url: &Url, host: String, reason: impl Into<String>) -> Self {
        Self {
            meaning: Meaning::Unavailable,
            host,
            database: url.database().to_owned(),
            state: None,
            reason: reason.into(),
            host_is_away: false,
        }
    }

    pub(super) fn away(mut self) -> Self {
        self.host_is_away = true;
        self
    }

    /// Whether the whole transaction should be done again.
    #[must_use]
    pub fn is_retry(&self) -> bool {
        self.meaning == Meaning::Retry
    }

    /// Whether another host, or the same one later, may serve.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        self.meaning == Meaning::Unavailable
    }
}

/// The meaning, and whether the host is away.
fn judge(error: &sqlx::Error) -> (Meaning, bool) {
    match error {
        sqlx::Error::Database(error) => match error.try_downcast_ref::<MySqlDatabaseError>() {
            Some(mysql) => of_number(mysql.number(), mysql.code()),
            None => of_state(error.code().as_deref().unwrap_or_default()),
        },
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => {
            (Meaning::Unavailable, true)
        }
        sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => (Meaning::Unavailable, false),
        _ => (Meaning::Other, false),
    }
}

/// PostgreSQL: <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
fn of_state(state: &str) -> (Meaning, bool) {
    match state {
        "40001" | "40P01" | "55P03" => (Meaning::Retry, false),
        "23505" => (Meaning::Duplicate, false),
        "42P01" => (Meaning::MissingTable, false),
        "22001" | "22003" | "22021" | "22P05" | "54000" => (Meaning::OutOfRange, false),
        "42501" | "3D000" => (Meaning::Denied, false),
        // Shutting down, crashed, starting, recovering; a host that only reads.
        "57P01" | "57P02" | "57P03" | "25006" => (Meaning::Unavailable, true),
        // A statement that took too long, no connections, memory or disk left, an idle session ended.
        "57014" | "57P05" | "25P03" => (Meaning::Unavailable, false),
        state if state.starts_with("53") => (Meaning::Unavailable, false),
        state if state.starts_with("08") || state.starts_with("58") => (Meaning::Unavailable, true),
        state if state.starts_with("28") => (Meaning::Denied, false),
        _ => (Meaning::Other, false),
    }
}

/// MySQL and MariaDB: <https://mariadb.com/kb/en/mariadb-error-code-reference/>.
fn of_number(number: u16, state: Option<&str>) -> (Meaning, bool) {
    match number {
        // Lock wait, deadlock (also a Galera node that certified another transaction first), changed since read.
        1205 | 1213 | 1020 | 3572 => (Meaning::Retry, false),
        // A Galera node outside the cluster, or joining it. Nothing was done.
        1047 => (Meaning::Retry, true),
        1022 | 1062 | 1586 => (Meaning::Duplicate, false),
        1146 => (Meaning::MissingTable, false),
        1153 | 1264 | 1265 | 1366 | 1406 | 3854 | 3988 => (Meaning::OutOfRange, false),
        1044 | 1045 | 1049 | 1142 | 1143 | 1227 | 1370 | 1698 | 4151 => (Meaning::Denied, false),
        // Shutting down, killed, read-only.
        1053 | 1077 | 1079 | 1290 | 1792 | 1836 | 1927 => (Meaning::Unavailable, true),
        // No connections, memory or disk left, host blocked, a statement that took too long, interrupted.
        1021 | 1037 | 1040 | 1041 | 1129 | 1135 | 1203 | 1226 | 1317 | 1969 | 3024 => (Meaning::Unavailable, false),
        _ if state.is_some_and(|state| state.starts_with("08")) => (Meaning::Unavailable, true),
        _ if state == Some("40001") => (Meaning::Retry, false),
        _ => (Meaning::Other, false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn races_are_retried_and_outages_are_not_mistaken_for_them() {
        for state in ["40001", "40P01", "55P03"] {
            assert_eq!(of_state(state), (Meaning::Retry, false), "{state}");
        }
        for state in ["57P01", "57P03", "08006", "25006"] {
            assert_eq!(of_state(state), (Meaning::Unavailable, true), "{state}");
        }
        assert_eq!(of_state("53300"), (Meaning::Unavailable, false));
        assert_eq!(of_state("28P01"), (Meaning::Denied, false));
        assert_eq!(of_state("42703"), (Meaning::Other, false));
        assert_eq!(of_number(1213, Some("40001")), (Meaning::Retry, false));
        assert_eq!(of_number(1047, Some("08S01")), (Meaning::Retry, true));
        assert_eq!(of_number(1062, Some("23000")), (Meaning::Duplicate, false));
        assert_eq!(of_number(1290, Some("HY000")), (Meaning::Unavailable, true));
        assert_eq!(of_number(1054, Some("42S22")), (Meaning::Other, false));
    }
}
