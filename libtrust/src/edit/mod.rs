//! The next version of a role. Building is separate from signing: what comes out is a message for keys that may live
//! elsewhere, and the finished file is verified like any other.

mod change;
mod draft;
mod error;
mod in_tuf;
mod snapshot;
mod timestamp;
pub mod tuf;

pub use change::Change;
pub use draft::{Draft, ROOT_LIFETIME, TARGETS_LIFETIME};
pub use error::EditError;
pub use in_tuf::{root_in_tuf, targets_in_tuf};
pub use snapshot::{SNAPSHOT_LIFETIME, next_snapshot};
pub use timestamp::{TIMESTAMP_LIFETIME, next_timestamp};
