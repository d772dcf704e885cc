//! How the commands end: the exit codes that scripts rely on.

use std::process::ExitCode;

/// Why a command ended. The numbers are part of the interface: none is ever changed or given a second meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Exit {
    /// It did what it was asked.
    Ok = 0,
    /// It failed for a reason without a code of its own.
    Failure = 1,
    /// It was called in a way it does not understand; nothing was done.
    Usage = 2,
    /// Nobody has signed anything under this name.
    NoTrustData = 10,
    /// Metadata is malformed, not signed by enough of the right keys, or not the file that trusted metadata names.
    Signature = 11,
    /// Metadata that its publisher must sign again: root, targets, a delegation, the snapshot.
    Expired = 12,
    /// The server shows an older state than was seen before, or one it should have renewed: an expired timestamp.
    Rollback = 13,
    /// The policy or a pin does not allow it, or no root that is shown may speak for this name.
    Policy = 14,
    /// What the registry serves, or a file holds, is not what was signed.
    Digest = 15,
    /// The server wants other credentials.
    Auth = 20,
    /// The server cannot be reached, or does not give an answer that can be used.
    Network = 21,
    /// Somebody else published first.
    Conflict = 22,
    /// A private key is not here or cannot be opened.
    Key = 23,
}

impl Exit {
    /// Every way to end, in the order of the numbers.
    pub const ALL: [Self; 13] = [
        Self::Ok,
        Self::Failure,
        Self::Usage,
        Self::NoTrustData,
        Self::Signature,
        Self::Expired,
        Self::Rollback,
        Self::Policy,
        Self::Digest,
        Self::Auth,
        Self::Network,
        Self::Conflict,
        Self::Key,
    ];

    /// The number.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// Its name in `--output json`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failure => "failure",
            Self::Usage => "usage",
            Self::NoTrustData => "no-trust-data",
            Self::Signature => "signature",
            Self::Expired => "expired",
            Self::Rollback => "rollback",
            Self::Policy => "policy",
            Self::Digest => "digest",
            Self::Auth => "auth",
            Self::Network => "network",
            Self::Conflict => "conflict",
            Self::Key => "key",
        }
    }

    /// What it says, for help texts and man pages.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Ok => "done",
            Self::Failure => "failed",
            Self::Usage => "called wrongly; nothing was done",
            Self::NoTrustData => "nothing is signed under this name",
            Self::Signature => "signatures are missing or wrong, or metadata is damaged",
            Self::Expired => "metadata has expired: its publisher must sign again",
            Self::Rollback => "the server shows an old state (rollback or freeze)",
            Self::Policy => "the policy or a pin does not allow it",
            Self::Digest => "the content is not what was signed",
            Self::Auth => "credentials are missing, wrong, or not enough",
            Self::Network => "the server cannot be reached or does not answer properly",
            Self::Conflict => "somebody else published first",
            Self::Key => "a private key is missing or cannot be opened",
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_that_are_documented() {
        let listed: Vec<(u8, &str)> = Exit::ALL.iter().map(|exit| (exit.code(), exit.name())).collect();
        assert_eq!(
            listed,
            [
                (0, "ok"),
                (1, "failure"),
                (2, "usage"),
                (10, "no-trust-data"),
                (11, "signature"),
                (12, "expired"),
                (13, "rollback"),
                (14, "policy"),
                (15, "digest"),
                (20, "auth"),
                (21, "network"),
                (22, "conflict"),
                (23, "key"),
            ]
        );
    }
}
