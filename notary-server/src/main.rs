//! The trust server.
#![forbid(unsafe_code)]

fn main() {}
