//! What a token is to allow.

use std::fmt;

/// Actions on one repository.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::client) struct Scope {
    pub repository: String,
    pub actions: Actions,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::client) enum Actions {
    /// Reading.
    Pull,
    /// Publishing, and asking a trust server for its keys.
    PushAndPull,
    /// Everything: deleting, and new keys of a trust server.
    All,
}

impl Actions {
    /// Whether anonymous tokens might do.
    pub(super) fn may_be_anonymous(self) -> bool {
        self == Self::Pull
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let actions = match self.actions {
            Actions::Pull => "pull",
            Actions::PushAndPull => "push,pull",
            Actions::All => "*",
        };
        write!(f, "repository:{}:{actions}", self.repository)
    }
}
