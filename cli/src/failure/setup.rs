//! What was wrong before anything was asked: names, certificates, logins, the policy.

use libtrust::client::{CredentialsError, HttpOptionsError, InvalidServerAddress};
use libtrust::policy::InvalidPolicy;

use super::Failure;
use crate::exit::Exit;

impl From<InvalidServerAddress> for Failure {
    fn from(error: InvalidServerAddress) -> Self {
        Self::caused(Exit::Usage, &error)
    }
}

impl From<HttpOptionsError> for Failure {
    fn from(error: HttpOptionsError) -> Self {
        Self::caused(Exit::Usage, &error)
    }
}

impl From<InvalidPolicy> for Failure {
    fn from(error: InvalidPolicy) -> Self {
        Self::caused(Exit::Policy, &error)
            .hint("correct the policy; nothing is trusted by a policy that cannot be read")
    }
}

impl From<CredentialsError> for Failure {
    fn from(error: CredentialsError) -> Self {
        Self::caused(Exit::Auth, &error).hint("log in again")
    }
}
