//! `trust` and `docker-trust`: the library behind both commands.
//!
//! * [`args`]: our command line; [`commands`]: its verbs, a file each.
//! * [`docker`], [`notary`]: the spellings of `docker trust` and `notary`, over the same verbs.
//! * [`settings`]: what options and environment come to.
//! * [`exit`], [`failure`]: how a command ends, and what it says when it fails.
//! * [`files`]: files that users name.
//! * [`output`]: what it says when it does not.
//! * [`references`]: images in Dockerfiles, compose files and Kubernetes manifests.
//! * [`terminal`]: what it asks.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

pub mod args;
pub mod commands;
pub mod docker;
pub mod exit;
pub mod failure;
pub mod files;
pub mod notary;
pub mod output;
pub mod references;
pub mod session;
pub mod settings;
mod start;
pub mod terminal;
mod token;

pub use start::start;
