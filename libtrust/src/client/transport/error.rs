//! Why a trust server did not do what it was asked.

use crate::names::Gun;

/// Why a trust server did not answer, or refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// The server has no such file, or nothing of this collection.
    #[error("{server} has no {file} of {gun}")]
    NotFound {
        /// The server.
        server: String,
        /// The collection.
        gun: Gun,
        /// What was asked for.
        file: String,
    },
    /// More bytes than allowed. What came so far was thrown away.
    #[error("{server} sent more than {limit} bytes for {file}")]
    TooLarge {
        /// The server.
        server: String,
        /// What was asked for.
        file: String,
        /// The limit, in bytes.
        limit: u64,
    },
    /// Credentials are missing, wrong, or do not suffice.
    #[error("{server} does not let you {action} {gun}: {cause}")]
    Unauthorized {
        /// The server.
        server: String,
        /// The collection.
        gun: Gun,
        /// What was tried: `read`, `publish to`, `delete`.
        action: &'static str,
        /// What the server or the token service said.
        cause: String,
    },
    /// The server found the files invalid, or the request.
    #[error("{server} refused: {message}")]
    Rejected {
        /// The server.
        server: String,
        /// Its words for why.
        message: String,
        /// The HTTP status; 0 if there is none.
        status: u16,
        /// What role the server's error is about, as its error code says: `ErrBadRoot`.
        kind: Option<String>,
    },
    /// Another publication came first: update and try again.
    #[error("{server} has a newer version already: {message}")]
    Conflict {
        /// The server.
        server: String,
        /// Its words.
        message: String,
    },
    /// No connection, or it broke.
    #[error("cannot reach {server}: {cause}")]
    Unreachable {
        /// The server.
        server: String,
        /// Why, the whole chain of causes.
        cause: String,
    },
    /// The server's certificate is not trusted, or ours was refused.
    #[error("no trusted connection to {server}: {cause}")]
    Tls {
        /// The server.
        server: String,
        /// Why.
        cause: String,
    },
    /// The server is there and cannot do it now.
    #[error("{server} cannot answer now: status {status}{}", if .message.is_empty() { String::new() } else { format!(", {}", .message) })]
    Unavailable {
        /// The server.
        server: String,
        /// The HTTP status.
        status: u16,
        /// Its words, cut.
        message: String,
    },
    /// This transport only reads.
    #[error("{server} can only be read")]
    ReadOnly {
        /// Its name.
        server: String,
    },
}
