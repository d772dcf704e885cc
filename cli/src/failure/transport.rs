//! What a trust server did not do.

use libtrust::client::TransportError;

use super::Failure;
use crate::exit::Exit;

impl From<TransportError> for Failure {
    fn from(error: TransportError) -> Self {
        let (exit, hint) = match &error {
            TransportError::NotFound { gun, .. } => (
                Exit::NoTrustData,
                Some(format!("check the spelling of {gun} and the server; nothing may have been signed there yet")),
            ),
            // More than a signed file says, or than any file may have: no trouble of the network, and no file to trust.
            TransportError::TooLarge { .. } => (
                Exit::Signature,
                Some("the server, or somebody before it, sends something else than metadata".to_owned()),
            ),
            TransportError::Unauthorized { .. } => {
                (Exit::Auth, Some("log in to the image's registry with an account that may do this".to_owned()))
            }
            TransportError::Conflict { .. } => {
                (Exit::Conflict, Some("run the command again: it starts from the newer version".to_owned()))
            }
            TransportError::Unreachable { .. } => {
                (Exit::Network, Some("check the network, the proxy settings and --server".to_owned()))
            }
            TransportError::Tls { .. } => {
                (Exit::Network, Some("name the authority of the server's certificate with --tlscacert FILE".to_owned()))
            }
            TransportError::Unavailable { .. } => (Exit::Network, Some("try again later".to_owned())),
            TransportError::ReadOnly { .. } => {
                (Exit::Failure, Some("name a trust server to change something: --server URL".to_owned()))
            }
            // A rejection says why in the server's words; what is not known here has no advice.
            _ => (Exit::Failure, None),
        };
        let failure = Self::caused(exit, &error);
        match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_of_a_server_has_its_exit_code() {
        let server = || "https://trust.example".to_owned();
        let gun = || "registry.example/app".parse().unwrap();
        let cause = || "why".to_owned();
        let cases = [
            (TransportError::NotFound { server: server(), gun: gun(), file: "root.json".to_owned() }, 10),
            (TransportError::TooLarge { server: server(), file: "root.json".to_owned(), limit: 1 }, 11),
            (TransportError::Unauthorized { server: server(), gun: gun(), action: "read", cause: cause() }, 20),
            (TransportError::Rejected { server: server(), message: cause(), status: 400, kind: None }, 1),
            (TransportError::Conflict { server: server(), message: cause() }, 22),
            (TransportError::Unreachable { server: server(), cause: cause() }, 21),
            (TransportError::Tls { server: server(), cause: cause() }, 21),
            (TransportError::Unavailable { server: server(), status: 503, message: cause() }, 21),
            (TransportError::ReadOnly { server: server() }, 1),
        ];
        for (error, code) in cases {
            let failure = Failure::from(error.clone());
            assert_eq!(failure.exit().code(), code, "{error:?}");
            assert_eq!(failure.message(), error.to_string());
        }
    }
}
