//! The client: updates a collection to what is trusted now, looks names up in it, and publishes changes.
//!
//! The rules are in [`crate::verify`]; this is the only part of the crate that does I/O, and it does it behind traits:
//! [`Transport`] (a trust server), [`Cache`] (what was trusted before), [`KeyStore`] (private keys) and [`Clock`].
#![allow(clippy::disallowed_methods, reason = "the client is where I/O belongs")]

mod clock;
mod credentials;
mod http;
mod keystore;
mod registry;
mod transport;

pub use clock::{Clock, SystemClock};
pub use credentials::{
    Anonymous, Credential, Credentials, CredentialsError, CredentialsRequest, DockerConfig, NotaryAuth, Secret,
};
pub use http::{
    HttpOptions, HttpOptionsError, HttpTransport, InvalidServerAddress, ServerAddress, TlsFileError, TlsOptions,
    UnaddressableName,
};
pub use keystore::{
    KeyEntry, KeyStore, KeyStoreError, KeyUse, PassphraseError, PassphraseRequest, Passphrases, Signer,
};
pub use registry::{Descriptor, Manifest, Platform, PlatformManifest, Registry, RegistryError, RegistryOptionsError};
pub use transport::{RemoteFile, Transport, TransportError};
