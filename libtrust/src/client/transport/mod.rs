//! A trust server as the client sees it.

mod error;
mod folder;
mod memory;
mod mirrors;

use std::sync::Arc;

use async_trait::async_trait;

pub use error::TransportError;
pub use folder::FolderTransport;
pub use memory::MemoryTransport;
pub use mirrors::Mirrors;

use super::tuf::MetadataName;
use crate::keys::PublicKey;
use crate::metadata::Version;
use crate::names::{Gun, RoleName};

/// A metadata file as a server names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RemoteFile {
    /// The newest of a role: `root.json`.
    Current(RoleName),
    /// The one with this SHA-256: `targets.HEX.json`.
    ByDigest(RoleName, [u8; 32]),
    /// The one of this version: `3.root.json`. Every server has roots; Notary 0.7 and ours have every role, older ones do not.
    ByVersion(RoleName, Version),
}

impl RemoteFile {
    /// The role it is of.
    #[must_use]
    pub const fn role(&self) -> &RoleName {
        match self {
            Self::Current(role) | Self::ByDigest(role, _) | Self::ByVersion(role, _) => role,
        }
    }

    /// The name below the collection's address, as Notary's server spells it.
    #[must_use]
    pub fn file_name(&self) -> String {
        match self {
            Self::Current(role) => format!("{role}.json"),
            Self::ByDigest(role, digest) => format!("{role}.{}.json", hex::encode(digest)),
            Self::ByVersion(role, version) => format!("{version}.{role}.json"),
        }
    }
}

/// A trust server, or something that stands for one: files in memory, in a folder, in a bundle.
///
/// Nothing that comes from here is trusted. An implementation bounds what it reads and tells failures apart; it does not
/// retry beyond what its protocol asks for.
#[async_trait]
pub trait Transport: Send + Sync {
    /// The server's name for messages: its address, or the bundle's path.
    fn name(&self) -> &str;

    /// The same for one update, where it matters which of several servers answered: a new one that starts with the first.
    /// Nothing if this one keeps no such state.
    fn for_update(&self) -> Option<Arc<dyn Transport>> {
        None
    }

    /// Whether what was read last came from the server itself, which knows what is newest. A copy does not: a mirror, a
    /// bundle.
    fn is_authority(&self) -> bool {
        true
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`TransportError::NotFound`] if there is none, [`TransportError::TooLarge`] beyond `limit` bytes, else why the
    /// server could not be asked.
    async fn fetch(&self, gun: &Gun, file: &RemoteFile, limit: u64) -> Result<Vec<u8>, TransportError>;

    /// Publishes new files, all or none.
    ///
    /// # Errors
    /// [`TransportError::Conflict`] if another publication came first, [`TransportError::Rejected`] if the server found
    /// them invalid, else why it could not be asked.
    async fn publish(&self, gun: &Gun, files: &[(RoleName, Vec<u8>)]) -> Result<(), TransportError>;

    /// The public key of a role the server signs (timestamp, snapshot); made there if it has none yet.
    ///
    /// # Errors
    /// Why the server gave none.
    async fn server_key(&self, gun: &Gun, role: &RoleName) -> Result<PublicKey, TransportError>;

    /// A new key for a role the server signs. It comes into use with the next published root that names it.
    ///
    /// # Errors
    /// Why the server gave none.
    async fn new_server_key(&self, gun: &Gun, role: &RoleName) -> Result<PublicKey, TransportError>;

    /// Reads a file of the collection's TUF 1.0 form.
    ///
    /// # Errors
    /// As [`Transport::fetch`]; [`TransportError::NotFound`] also if the server has no such form of anything.
    async fn fetch_in_tuf(&self, gun: &Gun, file: &MetadataName, limit: u64) -> Result<Vec<u8>, TransportError> {
        let _ = limit;
        Err(TransportError::NotFound { server: self.name().to_owned(), gun: gun.clone(), file: file.to_string() })
    }

    /// Publishes new files of the collection's TUF 1.0 form, all or none.
    ///
    /// # Errors
    /// As [`Transport::publish`]; [`TransportError::ReadOnly`] if the server takes no such form.
    async fn publish_in_tuf(&self, gun: &Gun, files: &[(RoleName, Vec<u8>)]) -> Result<(), TransportError> {
        let _ = (gun, files);
        Err(TransportError::ReadOnly { server: self.name().to_owned() })
    }

    /// Removes everything of a collection from the server.
    ///
    /// # Errors
    /// Why that did not happen.
    async fn delete(&self, gun: &Gun) -> Result<(), TransportError>;
}
