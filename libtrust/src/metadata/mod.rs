//! The role model: what each role says, however it is spelled.

mod version;

pub use version::{InvalidThreshold, InvalidVersion, Threshold, Version};
