//! Why nothing was published.

use libtrust::client::{ChangelistError, PublishError};
use libtrust::edit::EditError;

use super::Failure;
use crate::exit::Exit;

impl From<PublishError> for Failure {
    fn from(error: PublishError) -> Self {
        let (exit, hint) = match error {
            PublishError::Update(error) => return error.into(),
            PublishError::Edit(error) => return error.into(),
            PublishError::Keys(error) => return error.into(),
            PublishError::Transport(error) => return error.into(),
            PublishError::Cache(error) => return error.into(),
            PublishError::MissingKeys { .. } => (
                Exit::Key,
                "bring the key here (trust key import), or let others sign over files: --prepare FILE or trust root \
                 prepare, then trust root sign",
            ),
            PublishError::NoSigningRole { .. } => (
                Exit::Key,
                "whoever holds the repository key can let you sign: trust signer add; or bring your key here: trust \
                 key load",
            ),
            PublishError::BehindInTuf { gun, cause } => {
                let failure = Self::from(*cause);
                return failure.while_doing(format!("{gun} is published, and its TUF 1.0 form is behind"));
            }
            PublishError::Contended { .. } => (Exit::Conflict, "run it again"),
            PublishError::Outdated { .. } => (Exit::Conflict, "prepare the file anew and have it signed again"),
            PublishError::AlreadyThere { .. } => (
                Exit::Failure,
                "it can be signed as it is; what was begun here and never sent is sent by `trust publish`; to begin anew, \
                 delete it first: trust delete, or trust delete --remote",
            ),
            PublishError::AmbiguousRootKey { .. } => (Exit::Key, "choose one: --root-key ID"),
            PublishError::RootCertificate { .. } => (Exit::Key, "give its certificate: --root-certificate FILE"),
            PublishError::Rotation { .. } | PublishError::OtherCollection { .. } => {
                return Self::caused(Exit::Usage, &error);
            }
            _ => return Self::caused(Exit::Failure, &error),
        };
        Self::caused(exit, &error).hint(hint)
    }
}

impl From<EditError> for Failure {
    fn from(error: EditError) -> Self {
        let hint = match &error {
            EditError::SetAside(_) => {
                "to vouch for all it lists: trust witness IMAGE ROLE; to begin with nothing in it: trust witness --empty"
            }
            EditError::NoSuchRole(_) => "roles are listed by: trust delegation list",
            EditError::OutsidePaths { .. } => "give the role that path first: trust delegation add ROLE --paths",
            _ => return Self::caused(Exit::Usage, &error),
        };
        // Nothing is wrong with the call: something has to be decided first.
        let exit = if matches!(error, EditError::SetAside(_)) { Exit::Failure } else { Exit::Usage };
        Self::caused(exit, &error).hint(hint)
    }
}

impl From<ChangelistError> for Failure {
    fn from(error: ChangelistError) -> Self {
        Self::caused(Exit::Failure, &error)
            .hint("staged changes are listed by `trust status`, and dropped by `trust reset`")
    }
}
