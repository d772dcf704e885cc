//! The spelling of `docker trust`: what it prints, and the protocol of Docker's plugins.

pub mod inspect;
mod natural;
