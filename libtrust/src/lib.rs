//! The core of a trust service: who may say that an image tag is this digest, and how that is proved.
//!
//! Bytes, trusted state and a time go in; proofs and typed errors come out. Nothing here opens a file or a socket,
//! reads a clock or needs an async runtime, so the same rules serve the server, the signer and every client.
//!
//! * [`names`]: image names (GUNs), role names, key ids; parsed once.
//! * [`json`]: bounded JSON and the canonical form that is signed.
//! * [`keys`]: public keys, certificates, making and checking one signature.
//! * [`metadata`]: the role model: root, targets, snapshot, timestamp.
//! * [`dialect`]: how a role is spelled on the wire; Notary v1.
//! * [`verify`]: the rules; the only place that makes a [`verify::Verified`].
//! * [`policy`]: what a reader decided beforehand: pins, required signers.
//! * [`edit`]: build and sign the next version of a role.
//! * `client` (feature `client`): updating and publishing, with caches and key stores; the only part with I/O.
//!
//! What it is not: a client that fetches, a key store, or a parser for anything else than trust metadata.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

#[cfg(feature = "client")]
pub mod client;
pub mod dialect;
pub mod edit;
#[cfg(any(test, feature = "testing"))]
pub mod fuzzing;
pub mod json;
pub mod keys;
pub mod limits;
pub mod metadata;
pub mod names;
pub mod policy;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod verify;

/// The page for people who embed this crate; its code is compiled and run as tests.
#[cfg(all(doctest, feature = "client", feature = "testing"))]
#[doc = include_str!("../../docs/embedding.md")]
struct Embedding;
