//! Holds the online keys of a trust server: key stores, sealing, and the policy in front of them.
//!
//! * [`signer`]: create, look up, sign: what a server in the same process and a network face both stand on.
//! * [`policy`]: a request becomes [`policy::Approved`] or a refusal; nothing else reaches a private key.
//! * [`keystore`]: where keys are kept: a contract, a store that dies with the process, SQLite, PostgreSQL, MySQL,
//!   PKCS#11.
//! * [`rotate`]: sealing every stored key anew, under another passphrase; [`collect`]: deleting keys nobody needs.
//! * [`seal`]: how a private key is encrypted at rest, as Notary's signer does it.
//! * [`grpc`]: Notary's signer protocol over all that; [`peers`] says who may call what.
//! * [`config`], [`open`], [`health`], [`metrics`], [`ops`]: what the program `notary-signer` needs besides.
//!
//! What it is not: a place for root, targets or delegation keys, or a judge of what is signed. It signs any message for
//! the snapshot and timestamp of the image name a key was made for.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

pub mod collect;
pub mod config;
pub mod grpc;
pub mod health;
mod key_cache;
pub mod keystore;
pub mod metrics;
pub mod open;
pub mod ops;
pub mod peers;
pub mod policy;
pub mod rotate;
pub mod seal;
pub mod signer;
