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
    use std::time::Duration;

    use libtrust::client::TransportError;
    use libtrust::dialect::{Dialect, Envelope};
    use libtrust::limits::Limits;
    use libtrust::metadata::Version;
    use libtrust::names::{Gun, RoleName};
    use libtrust::policy::MissingSigners;

    use super::*;

    fn gun() -> Gun {
        "registry.example/app".parse().unwrap()
    }

    /// One of each but `Verify`, whose variants have a table of their own.
    fn every_update_error() -> Vec<(UpdateError, u8)> {
        let server = || "trust.example".to_owned();
        let away = || TransportError::Unreachable { server: server(), cause: "refused".to_owned() };
        let malformed = Envelope::parse(Dialect::Notary, RoleName::Targets, b"{", &Limits::default()).unwrap_err();
        let cache = || CacheError::Name { gun: gun() };
        vec![
            (UpdateError::NoTrustData { server: server(), gun: gun() }, 10),
            (malformed.into(), 11),
            (away().into(), 21),
            (cache().into(), 1),
            (UpdateError::DamagedCache { gun: gun(), cause: Box::new(cache().into()) }, 11),
            (UpdateError::FirstUse { gun: gun() }, 14),
            (UpdateError::RootOrder { gun: gun(), expected: Version::FIRST, found: Version::FIRST.next() }, 11),
            (UpdateError::TooMany { gun: gun(), what: "roots", found: 2, limit: 1 }, 11),
            (UpdateError::NotCached { gun: gun(), role: RoleName::Root }, 10),
            (UpdateError::Stale { gun: gun(), confirmed: None, allowed: Duration::ZERO, cause: Some(away()) }, 13),
        ]
    }

    #[test]
    fn why_a_collection_is_not_trusted_has_its_exit_code() {
        for (error, code) in every_update_error() {
            let failure = Failure::from(error);
            assert_eq!(failure.exit().code(), code, "{failure:?}");
            assert!(!failure.hints().is_empty(), "{failure:?}");
        }
    }

    #[test]
    fn why_an_image_is_not_trusted_has_its_exit_code() {
        let tag = || "v1".to_owned();
        let missing = MissingSigners { needed: 1, found: 0, missing: vec![tag()] };
        for (error, code) in [
            (UntrustedImage::NotReleased { gun: gun(), tag: tag(), signed_by: None }, 10),
            (UntrustedImage::NoDigest { gun: gun(), tag: tag(), role: RoleName::Targets }, 10),
            (UntrustedImage::Signers { gun: gun(), tag: tag(), missing }, 14),
            (UntrustedImage::UnknownDigest { gun: gun(), digest: [0; 32] }, 15),
        ] {
            let failure = Failure::from(error);
            assert_eq!(failure.exit().code(), code, "{failure:?}");
            assert!(!failure.hints().is_empty(), "{failure:?}");
        }
    }
}
