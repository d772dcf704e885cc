//! Why nothing was published.

use libtrust::client::PublishError;

use super::Failure;
use crate::exit::Exit;

impl From<PublishError> for Failure {
    fn from(error: PublishError) -> Self {
        let (exit, hint) = match error {
            PublishError::Update(error) => return error.into(),
            PublishError::Keys(error) => return error.into(),
            PublishError::Transport(error) => return error.into(),
            PublishError::Cache(error) => return error.into(),
            PublishError::MissingKeys { .. } | PublishError::NoSigningRole { .. } => {
                (Exit::Key, "see which keys are here: trust key list")
            }
            PublishError::AmbiguousRootKey { .. } => (Exit::Usage, "name the one to use"),
            PublishError::Contended { .. } => (Exit::Conflict, "run the command again"),
            PublishError::Outdated { .. } => (Exit::Conflict, "prepare the file anew and have it signed again"),
            PublishError::AlreadyThere { .. } => (Exit::Conflict, "nothing was changed"),
            _ => return Self::caused(Exit::Failure, &error),
        };
        Self::caused(exit, &error).hint(hint)
    }
}

#[cfg(test)]
mod tests {
    use libtrust::client::TransportError;
    use libtrust::metadata::Threshold;
    use libtrust::names::{Gun, RoleName};

    use super::*;

    #[test]
    fn every_publication_that_failed_has_its_exit_code() {
        let gun = || "registry.example/app".parse::<Gun>().unwrap();
        let conflict = || TransportError::Conflict { server: "s".to_owned(), message: "m".to_owned() };
        let missing = PublishError::MissingKeys {
            gun: gun(),
            role: RoleName::Root,
            needed: Threshold::try_from(1).unwrap(),
            found: 0,
            wanted: vec![],
            refused: vec![],
        };
        let cases = [
            (missing, 23),
            (PublishError::NoSigningRole { gun: gun(), name: "v1".to_owned(), roles: vec![] }, 23),
            (PublishError::AmbiguousRootKey { gun: gun(), keys: vec![] }, 2),
            (PublishError::Contended { attempts: 3, last: conflict() }, 22),
            (PublishError::Transport(conflict()), 22),
            (PublishError::AlreadyThere { gun: gun(), place: "on the server".to_owned() }, 22),
            (PublishError::OtherCollection { gun: gun(), found: gun() }, 1),
        ];
        for (error, code) in cases {
            let shown = format!("{error:?}");
            assert_eq!(Failure::from(error).exit().code(), code, "{shown}");
        }
    }
}
