//! The rules: who must have signed, what must hold, what may follow what. The only place that makes a [`Verified`].

mod chain;
mod error;
mod expiration;
mod links;
mod lookup;
mod pins;
mod rollback;
mod root;
mod scope;
mod search;
mod threshold;
mod verified;

pub use chain::{TrustedRoot, TrustedSnapshot, TrustedTargets, TrustedTimestamp};
pub use error::{Rejected, VerifyError};
pub use expiration::Expiration;
pub use links::{matches_file, snapshot_names};
pub use lookup::Found;
pub use pins::RootPins;
pub use rollback::{Known, not_older, snapshot_follows};
pub use root::{
    CertificateDates, first_root, has_retired_online_keys, known_root, newest_root, next_root, repository_root,
};
pub use scope::TargetName;
pub use search::{Search, Step};
pub use threshold::{Shortfall, SigningKeys};
pub use verified::{Verified, verify};
