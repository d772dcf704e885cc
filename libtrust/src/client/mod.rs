//! The client: updates a collection to what is trusted now, looks names up in it, and publishes changes.
//!
//! The rules are in [`crate::verify`]; this is the only part of the crate that does I/O, and it does it behind traits:
//! [`Transport`] (a trust server), [`Cache`] (what was trusted before), [`KeyStore`] (private keys) and [`Clock`].
#![allow(clippy::disallowed_methods, reason = "the client is where I/O belongs")]

mod bundle;
mod cache;
mod changelist;
mod clock;
mod collection;
mod credentials;
mod error;
mod folder;
mod history;
mod http;
mod image;
mod keystore;
mod publish;
mod reader;
mod registry;
mod transport;
pub mod tuf;
mod update;

pub use bundle::{Bundle, InvalidBundleFile};
pub use cache::{Cache, CacheError, FileCache, MemoryCache, ReadOnlyCache};
pub use changelist::{ChangelistError, Changelists, StagedChange};
pub use clock::{Clock, SystemClock};
pub use collection::{Collection, Confirmation, RootTrust, SetAside};
pub use credentials::{
    Anonymous, Credential, Credentials, CredentialsError, CredentialsRequest, DockerConfig, NotaryAuth, Secret,
};
pub use error::UpdateError;
pub use history::History;
pub use http::{
    HttpOptions, HttpOptionsError, HttpTransport, InvalidServerAddress, ServerAddress, ServerProbe, TlsFileError,
    TlsOptions, UnaddressableName,
};
pub use image::{ImageSigner, RELEASES, TrustedImage, UntrustedImage, released_in};
#[cfg(any(test, feature = "testing"))]
pub(crate) use keystore::fuzz_key_file;
pub use keystore::*;
pub use publish::{
    Init, InvalidPartialFile, NewKeys, PartialFile, Publication, PublishError, Publisher, Rotation, SignatureGroup,
    SnapshotHolder, TufForm, TufPublication,
};
pub use reader::Client;
pub use registry::{Descriptor, Manifest, Platform, PlatformManifest, Registry, RegistryError, RegistryOptionsError};
pub use transport::{FolderTransport, MemoryTransport, Mirrors, RemoteFile, Transport, TransportError};
pub use update::Offline;
