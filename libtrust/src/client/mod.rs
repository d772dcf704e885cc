//! The client: updates a collection to what is trusted now, looks names up in it, and publishes changes.
//!
//! The rules are in [`crate::verify`]; this is the only part of the crate that does I/O, and it does it behind traits:
//! [`Transport`] (a trust server), [`Cache`] (what was trusted before), [`KeyStore`] (private keys) and [`Clock`].
#![allow(clippy::disallowed_methods, reason = "the client is where I/O belongs")]

mod clock;
mod keystore;
mod transport;

pub use clock::{Clock, SystemClock};
#[cfg(any(test, feature = "testing"))]
pub(crate) use keystore::fuzz_key_file;
pub use keystore::*;
pub use transport::{RemoteFile, Transport, TransportError};
