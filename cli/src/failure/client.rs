//! Why a collection is not up to date, or an image in it not trusted.

use libtrust::client::{CacheError, UntrustedImage, UpdateError};

use super::Failure;
use crate::exit::Exit;

impl From<UpdateError> for Failure {
    fn from(error: UpdateError) -> Self {
        let (exit, hint) = match error {
            UpdateError::Verify(error) => return error.into(),
            UpdateError::Malformed(error) => return error.into(),
            UpdateError::Transport(error) => return error.into(),
            UpdateError::Cache(error) => return error.into(),
            UpdateError::NoTrustData { .. } => {
                (Exit::NoTrustData, "check the spelling of the name and the server; nothing may have been signed yet")
            }
            UpdateError::DamagedCache { .. } => (
                Exit::Failure,
                "remove the collection's folder below tuf/ in the trust folder; the next run starts anew",
            ),
            UpdateError::FirstUse { .. } => {
                (Exit::Policy, "pin its root key in a policy (--policy FILE), or look at it once in a terminal")
            }
            UpdateError::RootOrder { .. } => (Exit::Rollback, "the server does not tell the history of its roots"),
            UpdateError::NotCached { .. } => (Exit::NoTrustData, "run it once with the server in reach"),
            UpdateError::Stale { .. } => (Exit::Rollback, "run it again with the server in reach"),
            UpdateError::TooMany { .. } => {
                (Exit::Signature, "no honest collection is that large; ask whoever runs the server")
            }
            _ => return Self::caused(Exit::Failure, &error),
        };
        Self::caused(exit, &error).hint(hint)
    }
}

impl From<CacheError> for Failure {
    fn from(error: CacheError) -> Self {
        Self::caused(Exit::Failure, &error).hint("check that you may read and write the trust folder (--trust-dir)")
    }
}

impl From<UntrustedImage> for Failure {
    fn from(error: UntrustedImage) -> Self {
        let (exit, hint) = match &error {
            UntrustedImage::NotReleased { gun, .. } => (Exit::NoTrustData, format!("see what is: trust inspect {gun}")),
            UntrustedImage::NoDigest { .. } => {
                (Exit::Digest, "ask the publisher to sign it with a sha256 digest".to_owned())
            }
            UntrustedImage::Signers { gun, .. } => (Exit::Policy, format!("see who signed: trust inspect {gun}")),
            UntrustedImage::UnknownDigest { gun, .. } => {
                (Exit::Digest, format!("see which digests are signed: trust inspect {gun}"))
            }
            _ => return Self::caused(Exit::Failure, &error),
        };
        Self::caused(exit, &error).hint(hint)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use libtrust::client::TransportError;
    use libtrust::metadata::Version;
    use libtrust::names::{Gun, RoleName};
    use libtrust::policy::SignerRule;
    use libtrust::verify::VerifyError;

    use super::*;

    fn gun() -> Gun {
        "registry.example/app".parse().unwrap()
    }

    fn version(number: u64) -> Version {
        Version::try_from(number).unwrap()
    }

    #[test]
    fn every_failed_update_has_its_exit_code() {
        let server = || "https://trust.example".to_owned();
        let rollback = || VerifyError::Rollback { role: RoleName::Root, found: version(1), minimum: version(2) };
        let cases = [
            (UpdateError::NoTrustData { server: server(), gun: gun() }, 10),
            (UpdateError::Verify(rollback()), 13),
            (UpdateError::Transport(TransportError::Unreachable { server: server(), cause: server() }), 21),
            (UpdateError::Cache(CacheError::Name { gun: gun() }), 1),
            (UpdateError::DamagedCache { gun: gun(), cause: Box::new(UpdateError::Verify(rollback())) }, 1),
            (UpdateError::FirstUse { gun: gun() }, 14),
            (UpdateError::RootOrder { gun: gun(), expected: version(2), found: version(3) }, 13),
            (UpdateError::TooMany { gun: gun(), what: "roots", found: 2, limit: 1 }, 11),
            (UpdateError::NotCached { gun: gun(), role: RoleName::Root }, 10),
            (UpdateError::Stale { gun: gun(), confirmed: None, allowed: Duration::from_secs(1), cause: None }, 13),
        ];
        for (error, code) in cases {
            let shown = format!("{error:?}");
            let failure = Failure::from(error);
            assert_eq!(failure.exit().code(), code, "{shown}");
            assert!(!failure.hints().is_empty(), "{shown}");
        }
    }

    #[test]
    fn every_untrusted_image_has_its_exit_code() {
        let tag = || "v1".to_owned();
        let missing = SignerRule::all_of(["alice".to_owned()]).check([]).unwrap_err();
        let cases = [
            (UntrustedImage::NotReleased { gun: gun(), tag: tag(), signed_by: None }, 10),
            (UntrustedImage::NoDigest { gun: gun(), tag: tag(), role: RoleName::Targets }, 15),
            (UntrustedImage::Signers { gun: gun(), tag: tag(), missing }, 14),
            (UntrustedImage::UnknownDigest { gun: gun(), digest: [0; 32] }, 15),
        ];
        for (error, code) in cases {
            assert_eq!(Failure::from(error.clone()).exit().code(), code, "{error:?}");
        }
    }
}
