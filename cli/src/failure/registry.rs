//! Why a registry did not tell what an image is.

use libtrust::client::{RegistryError, RegistryOptionsError};

use super::Failure;
use crate::exit::Exit;

impl From<RegistryError> for Failure {
    fn from(error: RegistryError) -> Self {
        let (exit, hint) = match &error {
            RegistryError::NotFound { .. } => (Exit::Failure, "check the spelling; has it been pushed?"),
            RegistryError::Unauthorized { .. } => {
                (Exit::Auth, "log in to the registry with an account that may pull it")
            }
            RegistryError::OtherDigest { .. } => (Exit::Digest, "do not use what it sent"),
            RegistryError::Malformed { .. } | RegistryError::TooLarge { .. } | RegistryError::Refused { .. } => {
                (Exit::Network, "try again later, or ask whoever runs the registry")
            }
            RegistryError::Unreachable { .. } => (Exit::Network, "check the network and the proxy settings"),
            RegistryError::Tls { .. } => {
                (Exit::Network, "put its authority's certificate into the folder tls/HOST of Docker's configuration")
            }
            _ => return Self::caused(Exit::Failure, &error),
        };
        Self::caused(exit, &error).hint(hint)
    }
}

impl From<RegistryOptionsError> for Failure {
    fn from(error: RegistryOptionsError) -> Self {
        Self::caused(Exit::Usage, &error)
    }
}

#[cfg(test)]
mod tests {
    use libtrust::names::{ImageDigest, ImageReference};

    use super::*;

    #[test]
    fn every_answer_of_a_registry_has_its_exit_code() {
        let text = || "registry.example".to_owned();
        let image = || "registry.example/app:v1".parse::<ImageReference>().unwrap();
        let digest = |bytes| ImageDigest::of(bytes);
        let cases = [
            (RegistryError::NotFound { registry: text(), image: image() }, 1),
            (RegistryError::OtherRegistry { registry: text(), image: image() }, 1),
            (RegistryError::Unauthorized { registry: text(), image: image(), cause: text() }, 20),
            (
                RegistryError::OtherDigest {
                    registry: text(),
                    image: image(),
                    expected: digest(b"a"),
                    found: digest(b"b"),
                },
                15,
            ),
            (RegistryError::Malformed { registry: text(), image: image(), why: text() }, 21),
            (RegistryError::TooLarge { registry: text(), image: image(), limit: 1 }, 21),
            (RegistryError::Refused { registry: text(), image: image(), status: 500, message: text() }, 21),
            (RegistryError::Unreachable { registry: text(), cause: text() }, 21),
            (RegistryError::Tls { registry: text(), cause: text() }, 21),
        ];
        for (error, code) in cases {
            assert_eq!(Failure::from(error.clone()).exit().code(), code, "{error:?}");
        }
    }
}
