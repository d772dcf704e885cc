//! What the program does instead of serving: a file per command.

pub mod gc;
pub mod migrate;
pub mod rotate;
