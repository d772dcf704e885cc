//! What a registry did not tell.

use libtrust::client::RegistryError;
use libtrust::names::InvalidImageReference;

use super::Failure;
use crate::exit::Exit;

impl From<RegistryError> for Failure {
    fn from(error: RegistryError) -> Self {
        let (exit, hint) = match &error {
            RegistryError::NotFound { .. } => (Exit::Failure, "push the image first, or check its name and tag"),
            RegistryError::Unauthorized { .. } => (Exit::Auth, "log in: docker login REGISTRY"),
            RegistryError::OtherDigest { .. } => {
                (Exit::Digest, "do not use it: what the registry sends is not what it says it is")
            }
            RegistryError::Unreachable { .. } => (Exit::Network, "check the network and the registry's name"),
            RegistryError::Tls { .. } => (
                Exit::Network,
                "put the authority of its certificate where Docker looks: /etc/docker/certs.d/HOST/ca.crt",
            ),
            _ => return Self::caused(Exit::Network, &error),
        };
        Self::caused(exit, &error).hint(hint)
    }
}

impl From<InvalidImageReference> for Failure {
    fn from(error: InvalidImageReference) -> Self {
        Self::caused(Exit::Usage, &error)
    }
}
