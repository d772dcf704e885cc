//! Whether expiry is enforced.

use chrono::{DateTime, Utc};

use super::VerifyError;
use crate::dialect::{Dialect, ExpiryRule};
use crate::metadata::Metadata;
use crate::names::RoleName;

/// Whether a file may be past its expiry. Ignoring it is right only for a file that is not used for what it says but as
/// a baseline: the predecessor of a new one, or the parent of a delegation that is being published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiration {
    /// The file must be valid at this time.
    Enforced(DateTime<Utc>),
    /// The file may be expired.
    Ignored,
}

impl Expiration {
    pub(super) fn check<T: Metadata>(self, dialect: Dialect, role: &RoleName, metadata: &T) -> Result<(), VerifyError> {
        let is_over = |now| match dialect.rules().expiry {
            ExpiryRule::After => metadata.is_expired(now),
            ExpiryRule::At => metadata.expires() <= now,
        };
        match self {
            Self::Enforced(now) if is_over(now) => Err(VerifyError::Expired {
                role: role.clone(),
                version: metadata.version(),
                expires: metadata.expires(),
            }),
            _ => Ok(()),
        }
    }
}
