//! Notary v1's dialect of TUF.

mod key;

pub use key::key_id;
