//! Notary v1's dialect of TUF, as notary 0.7.0 reads and writes it.

mod change;
mod common;
mod delegations;
mod encode;
mod envelope;
mod form;
mod key;
mod root;
mod snapshot;
mod targets;
mod timestamp;

pub use change::{InvalidChange, read_change, write_change};
pub use key::{key_id, key_text, read_key};

pub(super) use encode::file;
pub(super) use envelope::read as read_envelope;
pub(super) use form::is_written_so;
pub(super) use root::{decode as decode_root, value as root_value};
pub(super) use snapshot::{decode as decode_snapshot, value as snapshot_value};
pub(super) use targets::{decode as decode_targets, value as targets_value};
pub(super) use timestamp::{decode as decode_timestamp, value as timestamp_value};
