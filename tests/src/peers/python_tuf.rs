//! python-tuf: the reference implementation's client, and what makes repositories with its metadata API.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use crate::command::bounded;

/// The client, without arguments yet.
pub fn client() -> Result<Command> {
    bare("python_tuf.py")
}

/// One of the scripts in `tests/peers`, run by the Python that has python-tuf; ended after two minutes.
pub fn script(name: &str) -> Result<Command> {
    Ok(bounded(&bare(name)?))
}

/// The same without an end: some take as long as they take.
pub fn bare(name: &str) -> Result<Command> {
    let mut command = Command::new(python()?);
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    // The first run would leave compiled modules in the source tree.
    command.env("PYTHONDONTWRITEBYTECODE", "1").arg(scripts().join(name));
    Ok(command)
}

/// The Python that has python-tuf.
pub fn python() -> Result<PathBuf> {
    installed("python/bin/python")
}

/// Where the scripts that speak for other clients are.
pub fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers")
}

/// A file that `tests/peers/install` put into the target folder.
pub fn installed(name: &str) -> Result<PathBuf> {
    let target = match std::env::var_os("CARGO_TARGET_DIR") {
        Some(target) => PathBuf::from(target),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"),
    };
    let path = target.join("tuf-peers").join(name);
    if !path.exists() {
        bail!("{} is missing: tests/peers/install {}", path.display(), target.join("tuf-peers").display());
    }
    // Not canonical: a Python in a virtual environment is known by the link it was called by.
    Ok(std::path::absolute(path)?)
}
