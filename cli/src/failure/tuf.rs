//! Why a TUF repository is not trusted, or could not be read or changed.

use libtrust::client::tuf::repository::RepositoryError;
use libtrust::client::tuf::{DownloadError, InvalidBaseUrl, InvalidTargetPath, SourceError, StoreError, TufError};

use super::Failure;
use crate::exit::Exit;

const NEWER: &str = "do not use what is there: somebody may have changed it, or the repository is damaged";

impl From<TufError> for Failure {
    fn from(error: TufError) -> Self {
        let (exit, hint) = match error {
            TufError::Verify(error) => return error.into(),
            TufError::Malformed(error) => return error.into(),
            TufError::Source(error) => return error.into(),
            TufError::Store(error) => return error.into(),
            TufError::TargetPath(error) => return error.into(),
            TufError::NoRoot { .. } => {
                (Exit::NoTrustData, "trust tuf init ROOT.json --metadata-dir DIR, with a root that you trust")
            }
            TufError::DamagedRoot { .. } => (Exit::Signature, "find out who wrote there before you begin again"),
            TufError::NoSuchTarget { .. } => {
                (Exit::NoTrustData, "check the spelling; its publisher may not have signed it, or taken it back")
            }
            TufError::TooManyRoles { .. } | TufError::Missing { .. } => (Exit::Network, "tell the repository's owner"),
            _ => return Self::caused(Exit::Failure, &error),
        };
        Self::caused(exit, &error).hint(hint)
    }
}

impl From<SourceError> for Failure {
    fn from(error: SourceError) -> Self {
        let (exit, hint) = match &error {
            SourceError::TooLarge { .. } => (Exit::Signature, NEWER),
            SourceError::Tls { .. } => {
                (Exit::Network, "name the authority of the server's certificate with --tlscacert FILE")
            }
            SourceError::NoTargets { .. } => (Exit::Usage, "--target-base-url URL"),
            SourceError::Unreadable { .. } => (Exit::Failure, "check that you may read that folder"),
            _ => (Exit::Network, "check the network, the proxy settings and the address"),
        };
        Self::caused(exit, &error).hint(hint)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::caused(Exit::Failure, &error).hint("check that you may read and write --metadata-dir")
    }
}

impl From<DownloadError> for Failure {
    fn from(error: DownloadError) -> Self {
        let (exit, hint) = match error {
            DownloadError::Source(error) => return error.into(),
            DownloadError::Length { .. } | DownloadError::Hash { .. } => (Exit::Digest, NEWER),
            DownloadError::NoKnownHash { .. } => (Exit::Signature, "ask its publisher to sign it with sha256"),
            DownloadError::Missing { .. } | DownloadError::TooSlow { .. } => {
                (Exit::Network, "try again later, or tell the repository's owner")
            }
            _ => (Exit::Failure, "check that you may write --target-dir and --metadata-dir"),
        };
        Self::caused(exit, &error).hint(hint)
    }
}

impl From<InvalidTargetPath> for Failure {
    fn from(error: InvalidTargetPath) -> Self {
        Self::caused(Exit::Usage, &error).hint("name a path below the folder, such as docs/guide.txt")
    }
}

impl From<InvalidBaseUrl> for Failure {
    fn from(error: InvalidBaseUrl) -> Self {
        Self::caused(Exit::Usage, &error)
    }
}

impl From<RepositoryError> for Failure {
    fn from(error: RepositoryError) -> Self {
        let (exit, hint) = match error {
            RepositoryError::Malformed(error) => return error.into(),
            RepositoryError::Structure(error) => return error.into(),
            RepositoryError::Verify(error) => return error.into(),
            RepositoryError::Keys(error) => return error.into(),
            RepositoryError::Source(error) => return error.into(),
            RepositoryError::TargetPath(error) => return error.into(),
            RepositoryError::Server(error) => return error.into(),
            RepositoryError::Nothing { .. } => (Exit::NoTrustData, "trust tuf init DIR"),
            RepositoryError::Busy { .. } | RepositoryError::Stale { .. } | RepositoryError::Staged { .. } => {
                (Exit::Conflict, "what is staged is dropped with: trust tuf drop DIR")
            }
            RepositoryError::MissingSignatures { .. } => (
                Exit::Key,
                "what is signed so far is in the folder staged; who has the keys signs there: trust tuf sign DIR",
            ),
            RepositoryError::Missing { .. } | RepositoryError::Inconsistent { .. } => {
                (Exit::Failure, "take the folder from a copy, or read it anew with: trust tuf export")
            }
            RepositoryError::Edit(_)
            | RepositoryError::NoSuchRole { .. }
            | RepositoryError::NotListed { .. }
            | RepositoryError::NotAdmitted { .. }
            | RepositoryError::Shadowed { .. }
            | RepositoryError::RoleName { .. }
            | RepositoryError::RoleTaken { .. } => {
                (Exit::Usage, "roles and what they list are shown by: trust tuf inspect DIR")
            }
            _ => return Self::caused(Exit::Failure, &error),
        };
        Self::caused(exit, &error).hint(hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn why_a_repository_is_not_trusted_has_its_exit_code() {
        let text = || "x".to_owned();
        let status = || SourceError::Status { origin: text(), file: text(), status: 500 };
        let too_large = SourceError::TooLarge { origin: text(), file: text(), limit: 1 };
        let cases: Vec<(Failure, u8)> = vec![
            (TufError::NoRoot { store: text() }.into(), 10),
            (TufError::NoSuchTarget { path: text() }.into(), 10),
            (TufError::from(status()).into(), 21),
            (TufError::from(too_large).into(), 11),
            (TufError::from("../a".parse::<libtrust::client::tuf::TargetPath>().unwrap_err()).into(), 2),
            (DownloadError::Hash { path: text(), algorithm: "sha256" }.into(), 15),
            (DownloadError::from(status()).into(), 21),
            (RepositoryError::Busy { dir: text() }.into(), 22),
            (RepositoryError::Nothing { dir: text() }.into(), 10),
        ];
        for (failure, code) in cases {
            assert_eq!(failure.exit().code(), code, "{failure:?}");
            assert!(!failure.hints().is_empty(), "{failure:?}");
        }
    }
}
