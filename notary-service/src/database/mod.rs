//! Connections to PostgreSQL and MySQL or MariaDB, what their errors mean, and the tables both services bring.
//!
//! * [`Url`]: what an operator writes under `storage.db_url`, in the forms Notary's configuration takes.
//! * [`Pool`]: connections to whichever of the hosts is live; a host that is away, read-only or not ready is left.
//! * [`Failure`]: what an error means, decided in one place.
//! * [`schema`]: making tables, adopting Notary's, and leaving Notary.

pub mod failure;
pub mod pool;
pub mod schema;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod url;

pub use failure::{Failure, Meaning};
pub use pool::{Backend, Connection, Limit, Pool, Settings};
pub use url::{Engine, Host, Tls, TlsMode, Url, UrlError};

/// Connections to a PostgreSQL database.
pub type PostgresPool = Pool<sqlx::Postgres>;
/// Connections to a MySQL or MariaDB database.
pub type MySqlPool = Pool<sqlx::MySql>;
