//! The next version of a role. Building is separate from signing: what comes out is a message for keys that may live
//! elsewhere, and the finished file is verified like any other.

mod snapshot;
mod timestamp;

pub use snapshot::{SNAPSHOT_LIFETIME, next_snapshot};
pub use timestamp::{TIMESTAMP_LIFETIME, next_timestamp};
