//! `docker trust key load`: what it says it imported can be used.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use clap::Args;
use libtrust::client::{ImportDefaults, KeyStoreError};
use zeroize::Zeroizing;

use super::key::check_name;
use super::{Call, say};
use crate::exit::Exit;
use crate::failure::Failure;

/// A byte more than the library reads, so that it says what is wrong with a larger file.
const MAX_FILE: u64 = (4 << 20) + 1;

/// Options of `docker trust key load`.
#[derive(Debug, Args)]
pub struct Options {
    /// Name for the loaded key
    #[arg(long, value_name = "NAME", default_value = "signer")]
    pub name: String,
    /// The private key
    #[arg(value_name = "KEYFILE")]
    pub file: PathBuf,
}

/// Imports every key of a file, or fails.
///
/// # Errors
/// If others can read the file, or a key in it cannot be used. The keys before it are imported then.
pub fn run(options: &Options, call: &Call) -> Result<(), Failure> {
    check_name("key", &options.name)?;
    let shown = options.file.display().to_string();
    say(&format!("Loading key from \"{shown}\"..."))?;
    let text =
        read(options, &shown).map_err(|failure| failure.while_doing(format!("refusing to load key from {shown}")))?;
    let failed = |failure: Failure| failure.while_doing(format!("error importing key from {shown}"));
    let defaults = ImportDefaults { role: Some(options.name.clone()), gun: None };
    let report = call.session()?.keys().import(&text, &defaults).map_err(|error| match error {
        KeyStoreError::Unusable { .. } => failed(Failure::new(
            Exit::Key,
            format!(
                "provided file {shown} is not a supported private key - to add a signer's public key use docker trust \
                 signer add"
            ),
        )),
        other => failed(other.into()),
    })?;
    if let Some(why) = report.blocks.into_iter().find_map(|block| block.outcome.err()) {
        return Err(failed(Failure::new(Exit::Key, why.to_string())));
    }
    say(&format!("Successfully imported key from {shown}"))
}

fn read(options: &Options, shown: &str) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let file = File::open(&options.file)?;
    if file.metadata()?.permissions().mode() & 0o077 != 0 {
        return Err(Failure::new(
            Exit::Key,
            format!("private key file {shown} must not be readable or writable by others"),
        ));
    }
    let mut text = Zeroizing::new(Vec::new());
    file.take(MAX_FILE).read_to_end(&mut text)?;
    Ok(text)
}
