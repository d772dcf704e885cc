//! tough and sigstore-tuf: the Rust clients, in one program of `tests/rust-tuf-clients`.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use super::python_tuf::installed;

/// tough's client, without arguments yet.
pub fn tough() -> Result<Command> {
    named("tough")
}

/// sigstore-tuf's client, without arguments yet.
pub fn sigstore_tuf() -> Result<Command> {
    named("sigstore-tuf")
}

/// The program.
pub fn binary() -> Result<PathBuf> {
    installed("rust/release/rust-tuf-clients")
}

fn named(client: &str) -> Result<Command> {
    let mut command = Command::new(binary()?);
    command.arg(client);
    Ok(command)
}
