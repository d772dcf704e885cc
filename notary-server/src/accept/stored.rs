//! What is stored of a collection, as far as judging an upload needs it.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use libtrust::dialect::Dialect;
use libtrust::metadata::{FileMeta, Root};
use libtrust::names::{Gun, RoleName};
use libtrust::verify::{CertificateDates, Expiration, Verified, first_root};

use super::{Refusal, parse_stored};

/// The current files of a collection. Empty for a new one.
#[derive(Debug, Clone, Default)]
pub struct Stored {
    /// The current root.
    pub root: Option<Arc<Verified<Root>>>,
    /// The current snapshot.
    pub snapshot: Option<Bytes>,
    /// What the current snapshot names, by role.
    pub named: BTreeMap<String, FileMeta>,
    /// Files of targets roles that the upload needs and does not bring.
    pub targets: BTreeMap<RoleName, StoredRole>,
}

/// A stored file that an upload needs.
#[derive(Debug, Clone)]
pub struct StoredRole {
    /// The exact bytes.
    pub bytes: Bytes,
}

/// Reads a root that was accepted before. Its certificates and its metadata may have expired since: otherwise an
/// expired root would block the rotation that replaces it.
///
/// # Errors
/// If it does not hold together, which a store that nobody tampered with never shows.
pub fn stored_root(dialect: Dialect, gun: &Gun, bytes: &[u8]) -> Result<Verified<Root>, Refusal> {
    let envelope = parse_stored(dialect, RoleName::Root, bytes)?;
    Ok(first_root(&envelope, gun, CertificateDates::Ignored, Expiration::Ignored)?)
}
