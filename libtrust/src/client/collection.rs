//! A collection as it is trusted now.

use bytes::Bytes;
use chrono::{DateTime, Utc};

use super::{TransportError, UpdateError};
use crate::metadata::{Metadata, Root, Snapshot, Targets, Timestamp};
use crate::names::{Gun, RoleName};
use crate::verify::{TrustedTargets, Verified};

/// A collection that was brought up to date: every file verified, at one time.
#[derive(Debug)]
pub struct Collection {
    pub(super) gun: Gun,
    pub(super) chain: TrustedTargets,
    pub(super) set_aside: Vec<SetAside>,
    pub(super) root_trust: RootTrust,
    pub(super) confirmation: Confirmation,
    pub(super) as_of: DateTime<Utc>,
}

/// Why the root is trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RootTrust {
    /// A pin names its keys, or an authority that vouches for them.
    Pinned,
    /// It, or one it follows, was trusted before.
    SeenBefore,
    /// It is the first one seen, and nothing speaks for it but the server and its TLS certificate.
    FirstUse,
}

/// Who says that this is the newest state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Confirmation {
    /// A server, just now.
    Server {
        /// Its name.
        server: String,
    },
    /// A copy of the server: a mirror, a bundle. It may be behind.
    Copy {
        /// Its name.
        copy: String,
        /// When the server itself last confirmed an earlier state here, if it ever did.
        confirmed: Option<DateTime<Utc>>,
    },
    /// Nobody: it is what was newest when a server was last asked.
    Cache {
        /// When that was, if it is known.
        confirmed: Option<DateTime<Utc>>,
        /// Why no server could be asked now; nothing if none was to be.
        cause: Option<TransportError>,
    },
}

/// A delegation that is not trusted now. It and what it delegates to count as absent.
#[derive(Debug)]
pub struct SetAside {
    /// The role.
    pub role: RoleName,
    /// Why: expired, or short of signatures.
    pub cause: UpdateError,
    pub(super) bytes: Bytes,
    pub(super) content: Option<Targets>,
}

impl SetAside {
    /// Its file, as the snapshot names it.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What its file says. The snapshot names it, and nobody who may has signed it: good for signing anew by somebody who
    /// read it, for nothing else.
    #[must_use]
    pub const fn content(&self) -> Option<&Targets> {
        self.content.as_ref()
    }
}

impl Collection {
    /// Its name.
    #[must_use]
    pub fn gun(&self) -> &Gun {
        &self.gun
    }

    /// The root.
    #[must_use]
    pub fn root(&self) -> &Verified<Root> {
        self.chain.root()
    }

    /// The timestamp.
    #[must_use]
    pub fn timestamp(&self) -> &Verified<Timestamp> {
        self.chain.timestamp()
    }

    /// The snapshot.
    #[must_use]
    pub fn snapshot(&self) -> &Verified<Snapshot> {
        self.chain.snapshot()
    }

    /// The targets file of a role.
    #[must_use]
    pub fn role(&self, role: &RoleName) -> Option<&Verified<Targets>> {
        self.chain.role(role)
    }

    /// The targets files, and searching in them.
    #[must_use]
    pub const fn targets(&self) -> &TrustedTargets {
        &self.chain
    }

    /// Delegations that are not trusted now.
    #[must_use]
    pub fn set_aside(&self) -> &[SetAside] {
        &self.set_aside
    }

    /// Why the root is trusted.
    #[must_use]
    pub const fn root_trust(&self) -> RootTrust {
        self.root_trust
    }

    /// Who says that this is the newest state.
    #[must_use]
    pub const fn confirmation(&self) -> &Confirmation {
        &self.confirmation
    }

    /// The time at which everything was judged.
    #[must_use]
    pub const fn as_of(&self) -> DateTime<Utc> {
        self.as_of
    }

    /// When each file expires, the first to expire first.
    #[must_use]
    pub fn expiries(&self) -> Vec<(RoleName, DateTime<Utc>)> {
        let mut expiries = vec![
            (RoleName::Root, self.root().expires()),
            (RoleName::Timestamp, self.timestamp().expires()),
            (RoleName::Snapshot, self.snapshot().expires()),
        ];
        expiries.extend(self.chain.roles().map(|file| (file.role().clone(), file.expires())));
        expiries.sort_by_key(|(_, expires)| *expires);
        expiries
    }
}
