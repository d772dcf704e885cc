//! Which root keys a reader has decided to trust.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::error::Rejected;
use crate::dialect::Dialect;
use crate::keys::{CertificateAuthorities, PublicKey};
use crate::names::KeyId;

/// The root keys that may speak for a collection, beyond what its own root says. Every root passes them: the first one,
/// and each that follows it.
#[derive(Debug, Clone, Default)]
pub enum RootPins {
    /// No pins: the chain of roots alone decides.
    #[default]
    Unpinned,
    /// These keys, each by the id that metadata gives it (for certificates, that of the certificate) or by the id of the
    /// plain key in it.
    Keys(BTreeSet<KeyId>),
    /// Keys in certificates that chain to one of these authorities.
    Authorities(CertificateAuthorities),
}

impl RootPins {
    /// Whether any root passes.
    #[must_use]
    pub const fn is_unpinned(&self) -> bool {
        matches!(self, Self::Unpinned)
    }

    pub(super) fn judge(
        &self,
        dialect: Dialect,
        id: &KeyId,
        key: &PublicKey,
        now: DateTime<Utc>,
    ) -> Result<(), Rejected> {
        let reject = |reason: String| Err(Rejected { key: id.clone(), reason });
        match self {
            Self::Unpinned => Ok(()),
            Self::Keys(pinned) if pinned.contains(id) || pinned.contains(&dialect.canonical_key_id(key)) => Ok(()),
            Self::Keys(_) => reject("it is not one of the pinned keys".to_owned()),
            Self::Authorities(authorities) => match authorities.vouch_for(&key.public, now) {
                Ok(()) => Ok(()),
                Err(why) => reject(format!("no pinned authority vouches for it: {why}")),
            },
        }
    }
}
