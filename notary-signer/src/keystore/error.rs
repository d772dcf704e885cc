//! What can go wrong with stored keys. None of these means "no such key".

use libtrust::keys::{KeyAlgorithm, SigningFailed};
use libtrust::names::KeyId;
use notary_service::database::schema;

use super::PassphraseError;
use crate::policy::Mismatch;
use crate::seal::{OpenError, SealError};

/// Why a key store gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyStoreError {
    /// A key is sealed under an alias whose passphrase is not there or cannot be read.
    #[error("key {id} is sealed under passphrase alias {alias:?} and cannot be opened: {reason}")]
    MissingPassphrase {
        /// The key.
        id: KeyId,
        /// The alias in its row.
        alias: String,
        /// Why there is none.
        reason: PassphraseError,
    },
    /// The passphrase of the alias does not open the key.
    #[error(
        "key {id} does not open with the passphrase that {origin} has for alias {alias:?}; provide the passphrase it \
         was sealed under, or restore the row from a backup if that is the one"
    )]
    WrongPassphrase {
        /// The key.
        id: KeyId,
        /// The alias in its row.
        alias: String,
        /// Where the passphrase was found: a variable or a file.
        origin: String,
    },
    /// There is no passphrase to seal a new key under.
    #[error("the new key cannot be sealed: {0}")]
    NewKeyPassphrase(PassphraseError),
    /// A key's row is damaged, or written by something else.
    #[error(
        "the row of key {id} (passphrase alias {alias:?}) cannot be used: {fault}; restore it from a backup, or delete \
         the key and rotate the role to a new one"
    )]
    UnreadableRow {
        /// The key, as the row has it.
        id: String,
        /// The alias in its row; empty if that cannot be read either.
        alias: String,
        /// What is wrong.
        fault: RowFault,
    },
    /// A new key could not be made.
    #[error(transparent)]
    NewKey(#[from] SigningFailed),
    /// A new key could not be sealed.
    #[error("the new key cannot be stored: {0}")]
    Seal(#[from] SealError),
    /// The file is not one of ours.
    #[error("{path} is not a key database: {reason}; give the path of another file, or restore it from a backup")]
    NotAKeyDatabase {
        /// The file.
        path: String,
        /// What the database library says.
        reason: String,
    },
    /// A newer release wrote the tables.
    #[error("the key database has schema {found}, this program knows up to {known}; use the release that wrote it")]
    SchemaTooNew {
        /// Version found.
        found: i64,
        /// The last version known here.
        known: i64,
    },
    /// A migration stopped half-way.
    #[error(
        "the key database is marked dirty at schema {version}: a migration stopped half-way; restore it from a backup, \
         or finish the migration by hand and clear the mark in schema_migrations"
    )]
    SchemaDirty {
        /// The version marked.
        version: i64,
    },
    /// The tables cannot be used, or their database cannot be reached.
    #[error("the key store: {0}")]
    Open(#[from] schema::OpenError),
    /// The database failed; trying again later may help.
    #[error("the key database failed to {action}: {reason}")]
    Database {
        /// What was tried, as a verb phrase.
        action: &'static str,
        /// What the database library says.
        reason: String,
    },
    /// A PKCS#11 token or its library failed; for some reasons trying again later may help.
    #[error("the PKCS#11 token {token} failed to {action}: {reason}")]
    Token {
        /// The token, and the library it is reached through.
        token: String,
        /// What was tried, as a verb phrase.
        action: &'static str,
        /// What the library says.
        reason: String,
    },
    /// A PKCS#11 token makes no keys of this kind.
    #[error("the PKCS#11 token {token} makes no {algorithm} keys; set the server's key algorithm to ecdsa")]
    TokenLacks {
        /// The token, and the library it is reached through.
        token: String,
        /// The kind asked for.
        algorithm: KeyAlgorithm,
    },
    /// The work was stopped before it was done.
    #[error("stopped before the key could be sealed or opened; the program is shutting down, or this is a defect")]
    Stopped,
}

/// What is wrong with a row.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RowFault {
    /// A column does not hold what it should.
    #[error("column {column}: {reason}")]
    Column {
        /// The column.
        column: &'static str,
        /// Why.
        reason: String,
    },
    /// The sealed private key does not open, and the passphrase is not why.
    #[error("column private: {0}")]
    Sealed(OpenError),
    /// What is sealed is not a private key of that algorithm.
    #[error("column private: what is sealed is not a private key of the row's algorithm")]
    PrivateKey,
    /// The sealed key is another one than the row says.
    #[error("the {0} in the row is not that of the sealed private key")]
    Mismatch(Mismatch),
}
