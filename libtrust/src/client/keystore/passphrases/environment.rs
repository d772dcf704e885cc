//! Passphrases in environment variables, as Docker and Notary name them.

use std::ffi::OsString;
use std::fmt;

use zeroize::Zeroizing;

use super::{PassphraseError, PassphraseRequest, Passphrases};

/// Whose names the variables have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EnvironmentNames {
    /// `DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE`, and `DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE` for every other role.
    Docker,
    /// `NOTARY_ROOT_PASSPHRASE`, `NOTARY_TARGETS_PASSPHRASE`, `NOTARY_SNAPSHOT_PASSPHRASE`, and
    /// `NOTARY_DELEGATION_PASSPHRASE` for every other role.
    Notary,
}

impl EnvironmentNames {
    /// The variable for keys of a role.
    #[must_use]
    pub fn variable(self, role: &str) -> &'static str {
        match (self, role) {
            (Self::Docker, "root") => "DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE",
            (Self::Docker, _) => "DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE",
            (Self::Notary, "root") => "NOTARY_ROOT_PASSPHRASE",
            (Self::Notary, "targets") => "NOTARY_TARGETS_PASSPHRASE",
            (Self::Notary, "snapshot") => "NOTARY_SNAPSHOT_PASSPHRASE",
            (Self::Notary, _) => "NOTARY_DELEGATION_PASSPHRASE",
        }
    }
}

/// Looks passphrases up in the environment, at each request. A blank variable counts as not set. Any length is taken, as
/// by Docker and Notary, and a wrong one ends the asking.
pub struct PassphraseEnvironment {
    names: EnvironmentNames,
    lookup: Box<dyn Fn(&str) -> Option<OsString> + Send + Sync>,
}

impl PassphraseEnvironment {
    /// The environment of this process.
    #[must_use]
    pub fn new(names: EnvironmentNames) -> Self {
        Self::with(names, |name| std::env::var_os(name))
    }

    /// Another environment.
    pub fn with(names: EnvironmentNames, lookup: impl Fn(&str) -> Option<OsString> + Send + Sync + 'static) -> Self {
        Self { names, lookup: Box::new(lookup) }
    }
}

impl Passphrases for PassphraseEnvironment {
    fn passphrase(&self, request: &PassphraseRequest<'_>) -> Result<Zeroizing<String>, PassphraseError> {
        let name = self.names.variable(request.role);
        let value = (self.lookup)(name).filter(|value| !value.is_empty());
        let value = value.ok_or_else(|| PassphraseError::Unavailable(format!("set {name}")))?;
        request.first_answer(name)?;
        value
            .into_string()
            .map(Zeroizing::new)
            .map_err(|_| PassphraseError::Refused(format!("the value of {name} is not UTF-8 text")))
    }
}

impl fmt::Debug for PassphraseEnvironment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PassphraseEnvironment").field("names", &self.names).finish_non_exhaustive()
    }
}
