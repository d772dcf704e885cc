//! The role model: what each role says, however it is spelled. No encoding, no checking of signatures.

mod file_meta;
mod root;
mod snapshot;
mod succinct;
mod targets;
mod timestamp;
mod version;

use chrono::{DateTime, Utc};

pub use file_meta::{Digests, FileMeta};
pub use root::{RoleKeys, Root};
pub use snapshot::Snapshot;
pub use succinct::{InvalidSuccinctRoles, SuccinctRoles};
pub use targets::{Delegation, Delegations, HashPrefix, Target, Targets};
pub use timestamp::Timestamp;
pub use version::{InvalidThreshold, InvalidVersion, Threshold, Version};

/// What every role's metadata says.
pub trait Metadata {
    /// Its version.
    fn version(&self) -> Version;

    /// From when on it is no longer valid.
    fn expires(&self) -> DateTime<Utc>;

    /// Whether it is past its expiry at `now`, as Notary judges: in the second of its expiry it is still valid.
    fn is_expired(&self, now: DateTime<Utc>) -> bool {
        self.expires() < now
    }
}

macro_rules! metadata {
    ($($role:ty),*) => {
        $(impl Metadata for $role {
            fn version(&self) -> Version {
                self.version
            }

            fn expires(&self) -> DateTime<Utc> {
                self.expires
            }
        })*
    };
}

metadata!(Root, Targets, Snapshot, Timestamp);
