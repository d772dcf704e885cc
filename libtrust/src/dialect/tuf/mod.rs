//! TUF 1.0 (specification 1.0.34) as JSON, read as deployed repositories write it.

mod common;
mod delegations;
mod encode;
mod envelope;
mod key;
mod over;
mod root;
mod snapshot;
mod targets;
mod timestamp;

pub use key::{key_id, key_of, plain_key};

pub(super) use encode::file;
pub(super) use envelope::read as read_envelope;
pub(super) use over::over;
pub(super) use root::{decode as decode_root, value as root_value};
pub(super) use snapshot::{decode as decode_snapshot, value as snapshot_value};
pub(super) use targets::{decode as decode_targets, value as targets_value};
pub(super) use timestamp::{decode as decode_timestamp, value as timestamp_value};

/// What `spec_version` says in what we write.
const SPEC_VERSION: &str = "1.0.31";
