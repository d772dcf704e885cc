//! Why metadata is not trusted.

use libtrust::dialect::{InvalidMetadata, MalformedFile};
use libtrust::names::RoleName;
use libtrust::verify::VerifyError;

use super::Failure;
use crate::exit::Exit;

const TAMPERED: &str = "do not use what it names: somebody may have changed it, or the server is damaged";

impl From<VerifyError> for Failure {
    fn from(error: VerifyError) -> Self {
        let (exit, hint) = match &error {
            VerifyError::Expired { role: RoleName::Timestamp, .. } => (
                Exit::Rollback,
                "the server has not renewed its statement: it is held back on the way, its signer is away, or the \
                 clock here is wrong",
            ),
            VerifyError::Expired { .. } => (Exit::Expired, "ask the publisher to sign again; check the clock here"),
            VerifyError::Rollback { .. } => (
                Exit::Rollback,
                "somebody shows an old state: ask whoever runs the server whether it was restored from a backup",
            ),
            VerifyError::NoRootCertificate { .. } => {
                (Exit::Policy, "this root may not speak for this name: check the name and the server")
            }
            VerifyError::NotPinned { .. } => {
                (Exit::Policy, "the policy names other root keys: ask the publisher before you change it")
            }
            VerifyError::RootRotation(_) => (
                Exit::Signature,
                "not enough of the root keys you trust signed the new root: ask the publisher before you trust its keys \
                 anew, for an image by `trust forget IMAGE`, for a TUF repository in another metadata folder. So it is, \
                 too, where `notary init` was run over a collection that was there",
            ),
            VerifyError::NoSignatures { .. }
            | VerifyError::Threshold(_)
            | VerifyError::KeyId { .. }
            | VerifyError::RepeatedSignature { .. }
            | VerifyError::RootIntegrity(_)
            | VerifyError::Checksum { .. }
            | VerifyError::NoChecksum { .. }
            | VerifyError::Length { .. }
            | VerifyError::NotInSnapshot { .. }
            | VerifyError::WrongVersion { .. }
            | VerifyError::NoLongerNamed { .. }
            | VerifyError::NotDelegated(_)
            | VerifyError::Structure(_) => (Exit::Signature, TAMPERED),
            _ => return Self::caused(Exit::Signature, &error),
        };
        Self::caused(exit, &error).hint(hint)
    }
}

impl From<MalformedFile> for Failure {
    fn from(error: MalformedFile) -> Self {
        Self::caused(Exit::Signature, &error).hint(TAMPERED)
    }
}

impl From<InvalidMetadata> for Failure {
    fn from(error: InvalidMetadata) -> Self {
        VerifyError::from(error).into()
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use libtrust::dialect::Fault;
    use libtrust::metadata::{Threshold, Version};
    use libtrust::verify::Shortfall;

    use super::*;

    fn shortfall() -> Shortfall {
        let needed = Threshold::try_from(2).unwrap();
        let (role, listed, rejected) = (RoleName::Targets, vec![], vec![]);
        Shortfall { role, version: 1, needed, found: 1, listed, rejected }
    }

    #[test]
    fn every_broken_rule_has_its_exit_code() {
        let key = || "ab".repeat(32).parse().unwrap();
        let version = |n| Version::try_from(n).unwrap();
        let role = RoleName::Targets;
        let expired = |role| VerifyError::Expired { role, version: version(3), expires: DateTime::UNIX_EPOCH };
        let fault = Fault::MissingRole(RoleName::Root);
        let invalid = || InvalidMetadata { role: RoleName::Root, version: None, fault: fault.clone() };
        let cases = [
            (VerifyError::Structure(invalid()), 11),
            (VerifyError::NoSignatures { role: role.clone(), version: 1 }, 11),
            (VerifyError::Threshold(shortfall()), 11),
            (VerifyError::KeyId { role: role.clone(), key: key() }, 11),
            (VerifyError::RepeatedSignature { role: role.clone(), key: key() }, 11),
            (expired(RoleName::Root), 12),
            (expired(RoleName::Targets), 12),
            (expired(RoleName::Snapshot), 12),
            (expired(RoleName::Timestamp), 13),
            (
                VerifyError::NoRootCertificate {
                    gun: "registry.example/app".parse().unwrap(),
                    version: version(1),
                    rejected: vec![],
                },
                14,
            ),
            (
                VerifyError::NotPinned {
                    gun: "registry.example/app".parse().unwrap(),
                    version: version(1),
                    rejected: vec![],
                },
                14,
            ),
            (VerifyError::RootIntegrity(shortfall()), 11),
            (VerifyError::RootRotation(shortfall()), 11),
            (VerifyError::Rollback { role: role.clone(), found: version(1), minimum: version(2) }, 13),
            (VerifyError::Checksum { role: role.clone(), algorithm: "sha256", expected: String::new() }, 11),
            (VerifyError::NoChecksum { role: role.clone(), named_by: RoleName::Snapshot }, 11),
            (VerifyError::Length { role: role.clone(), found: 1, expected: 2, named_by: RoleName::Snapshot }, 11),
            (VerifyError::NotInSnapshot { role: role.clone(), snapshot: version(1) }, 11),
            (VerifyError::NotDelegated(role.clone()), 11),
        ];
        for (error, code) in cases {
            let failure = Failure::from(error.clone());
            assert_eq!(failure.exit().code(), code, "{error:?}");
            assert!(!failure.hints().is_empty(), "{error:?}");
        }
        assert_eq!(Failure::from(invalid()).exit(), Exit::Signature);
        let malformed = MalformedFile::TooManySignatures { role, found: 2, limit: 1 };
        assert_eq!(Failure::from(malformed).exit(), Exit::Signature);
    }
}
