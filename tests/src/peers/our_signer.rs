//! Our `notary-signer`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use super::our_server::ready;
use super::signer::PASSPHRASE;
use crate::process::{Process, Stop, peer};

/// The binary under test: `NOTARY_SIGNER_BIN`, else the workspace's release build.
pub fn binary() -> Result<PathBuf> {
    let path = match std::env::var_os("NOTARY_SIGNER_BIN") {
        Some(path) => PathBuf::from(path),
        None => match std::env::var_os("CARGO_TARGET_DIR") {
            Some(target) => PathBuf::from(target).join("release/notary-signer"),
            None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/release/notary-signer"),
        },
    };
    if !path.exists() {
        bail!("{} is missing: cargo build --release --bin notary-signer", path.display());
    }
    Ok(path.canonicalize()?)
}

/// Starts it with a configuration file that listens on `port`.
pub(super) fn launch(folder: &Path, config: &Path, port: u16) -> Result<Process> {
    ready("notary-signer", folder, port, &mut command(config)?)
}

/// A command for it with a configuration file and its passphrase.
pub fn command(config: &Path) -> Result<Command> {
    let mut command = peer(binary()?, Stop::Kill);
    command.arg("-config").arg(config).env(PASSPHRASE.0, PASSPHRASE.1);
    Ok(command)
}
