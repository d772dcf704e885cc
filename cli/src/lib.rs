//! `trust` and `docker-trust`: the library behind both commands.
//!
//! * [`exit`], [`failure`]: how a command ends, and what it says when it fails.
//! * [`output`]: what it says when it does not.
//! * [`terminal`]: what it asks.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

pub mod docker;
pub mod exit;
pub mod failure;
pub mod notary;
pub mod output;
pub mod settings;
pub mod terminal;
