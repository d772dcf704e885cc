//! What the server answers.

pub mod ops;
