//! The spelling of `notary` 0.7.0: its tables and its configuration file, over the same verbs as our own.

pub mod config;
pub mod report;
pub mod tables;
