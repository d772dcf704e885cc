//! A trust server: stores signed metadata per image name; a drop-in for Notary v1.
//!
//! Start with `routes` for what is served, `accept` for what may be stored, `collection` for how the two meet.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

pub mod accept;
pub mod auth;
pub mod collection;
pub mod config;
pub mod embedded;
pub mod error;
pub mod maintenance;
pub mod manifests;
pub mod names;
mod percent;
pub mod routes;
pub mod signer;
pub mod storage;
pub mod telemetry;
