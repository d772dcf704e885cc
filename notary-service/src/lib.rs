//! What the two services share: reading a configuration, logs, sockets with TLS, databases.
//!
//! Nothing here knows of trust: no metadata, no key, no rule. A service brings an [`listen::Application`] and its own
//! sections of the configuration.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

pub mod config;
pub mod database;
pub mod listen;
pub mod logs;
pub mod metrics;
pub mod probe;
pub mod supervisor;
