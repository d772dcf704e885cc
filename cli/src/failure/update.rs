//! Why a collection, or an image in it, is not trusted now.

use libtrust::client::{CacheError, UntrustedImage, UpdateError};

use super::Failure;
use crate::exit::Exit;

impl From<UpdateError> for Failure {
    fn from(error: UpdateError) -> Self {
        let (exit, hint) = match &error {
            UpdateError::Verify(error) => return error.clone().into(),
            UpdateError::Malformed(error) => return error.clone().into(),
            UpdateError::Transport(error) => return error.clone().into(),
            UpdateError::NoTrustData { gun, .. } => {
                (Exit::NoTrustData, format!("nothing is signed under {gun} there; to begin: trust init {gun}"))
            }
            UpdateError::Cache(_) => {
                (Exit::Failure, "check that you may read and write the trust folder (--trust-dir)".to_owned())
            }
            UpdateError::DamagedCache { gun, .. } => {
                (Exit::Signature, format!("if you know why, and trust the server now: trust forget {gun}"))
            }
            UpdateError::FirstUse { gun } => (
                Exit::Policy,
                format!(
                    "pin its root key in a policy (--policy FILE; `trust inspect {gun}` shows the key where it is \
                     known), or look at it once in a terminal"
                ),
            ),
            UpdateError::RootOrder { .. } | UpdateError::TooMany { .. } => (
                Exit::Signature,
                "do not use what it names: somebody may have changed it, or the server is damaged".to_owned(),
            ),
            UpdateError::NotCached { .. } => {
                (Exit::NoTrustData, "run it once while the server can be reached, or import a bundle".to_owned())
            }
            UpdateError::Stale { .. } => (Exit::Rollback, "reach the server once, or import a newer bundle".to_owned()),
            _ => return Self::caused(Exit::Failure, &error),
        };
        Self::caused(exit, &error).hint(hint)
    }
}

impl From<CacheError> for Failure {
    fn from(error: CacheError) -> Self {
        UpdateError::from(error).into()
    }
}

impl From<UntrustedImage> for Failure {
    fn from(error: UntrustedImage) -> Self {
        let (exit, hint) = match &error {
            UntrustedImage::NotReleased { gun, .. } => {
                (Exit::NoTrustData, format!("signed tags are listed by: trust inspect {gun}"))
            }
            UntrustedImage::NoDigest { .. } => (Exit::NoTrustData, "sign the image again".to_owned()),
            UntrustedImage::Signers { .. } => {
                (Exit::Policy, "the missing signers sign it with: trust sign IMAGE".to_owned())
            }
            UntrustedImage::UnknownDigest { gun, .. } => {
                (Exit::Digest, format!("signed tags and digests are listed by: trust inspect {gun}"))
            }
            _ => return Self::caused(Exit::NoTrustData, &error),
        };
        Self::caused(exit, &error).hint(hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_trusted_has_its_exit_code() {
        let gun = || "registry.example/app".parse().unwrap();
        let tag = || "v1".to_owned();
        let missing = libtrust::policy::MissingSigners { needed: 1, found: 0, missing: vec![tag()] };
        for (failure, code) in [
            (Failure::from(UpdateError::NoTrustData { server: tag(), gun: gun() }), 10),
            (UpdateError::FirstUse { gun: gun() }.into(), 14),
            (UpdateError::TooMany { gun: gun(), what: "roots", found: 2, limit: 1 }.into(), 11),
            (UntrustedImage::NotReleased { gun: gun(), tag: tag(), signed_by: None }.into(), 10),
            (UntrustedImage::Signers { gun: gun(), tag: tag(), missing }.into(), 14),
            (UntrustedImage::UnknownDigest { gun: gun(), digest: [0; 32] }.into(), 15),
        ] {
            assert_eq!(failure.exit().code(), code, "{failure:?}");
            assert!(!failure.hints().is_empty(), "{failure:?}");
        }
    }
}
