//! What the two kinds of database differ in when a connection is made.

use std::future::Future;

use super::Settings;
use crate::database::url::{Host, Url};

/// Why a host gave no connection.
#[derive(Debug)]
#[non_exhaustive]
pub enum Refused {
    /// Its own words, or those of the network.
    Database(sqlx::Error),
    /// It answers, but cannot serve: it only reads, or is outside its cluster.
    NotReady(String),
}

impl From<sqlx::Error> for Refused {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

/// A kind of database. Implemented for [`sqlx::Postgres`] and [`sqlx::MySql`].
pub trait Backend: sqlx::Database {
    /// A connection whose session is set up, to a host that serves.
    fn connect(
        url: &Url,
        host: &Host,
        settings: &Settings,
    ) -> impl Future<Output = Result<Self::Connection, Refused>> + Send;

    /// Whether a connection is alive, and its host still one that can write: what [`Backend::connect`] found may have
    /// changed under open sessions.
    fn serves(connection: &mut Self::Connection) -> impl Future<Output = bool> + Send {
        async { sqlx::Connection::ping(connection).await.is_ok() }
    }
}
