//! Versions only move forward.

use super::{Verified, VerifyError};
use crate::metadata::{Metadata, Version};

/// Refuses a file older than the newest one known. The same version again is no rollback, whatever its bytes (Notary's
/// clients accept it).
///
/// # Errors
/// [`VerifyError::Rollback`].
pub fn not_older<T: Metadata>(file: &Verified<T>, newest_known: Option<Version>) -> Result<(), VerifyError> {
    match newest_known {
        Some(minimum) if file.version() < minimum => {
            Err(VerifyError::Rollback { role: file.role().clone(), found: file.version(), minimum })
        }
        _ => Ok(()),
    }
}
