//! Changes of TUF 1.0 repositories: keys of roles, delegations, hash bins. Which role is signed anew, and by whom, is for the
//! caller; nothing in here is signed.

mod bins;
mod delegations;
mod error;
mod keys;

pub use bins::{BinForm, HashBin, HashBins, add_hash_bins};
pub use delegations::{Admitted, add_delegation, remove_delegation, replace_delegation_keys};
pub use error::TufEditError;
pub use keys::{Signatories, first_root, first_targets, replace_role_keys};
