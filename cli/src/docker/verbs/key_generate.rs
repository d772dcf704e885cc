//! `docker trust key generate`.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use clap::Args;
use libtrust::client::{KeyStore, KeyUse};
use libtrust::keys::{KeyAlgorithm, SigningKey};
use ring::rand::SystemRandom;

use super::key::check_name;
use super::{Call, say};
use crate::exit::Exit;
use crate::failure::Failure;

/// Options of `docker trust key generate`.
#[derive(Debug, Args)]
pub struct Options {
    /// Directory to generate key in, defaults to current directory
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// The signer's name
    #[arg(value_name = "NAME")]
    pub name: String,
}

/// Makes a key: its private half goes into the trust folder, its public one into `DIR/NAME.pub`.
///
/// # Errors
/// If the name cannot be one, the file is there, or something cannot be written.
pub fn run(options: &Options, call: &Call) -> Result<(), Failure> {
    let name = &options.name;
    check_name("key", name)?;
    let folder = match &options.dir {
        Some(folder) => folder.clone(),
        None => std::env::current_dir()?,
    };
    if !folder.is_dir() {
        return Err(Failure::new(Exit::Failure, format!("public key path does not exist: \"{}\"", folder.display())));
    }
    let path = folder.join(format!("{name}.pub"));
    if path.exists() {
        let message = format!("public key file already exists: \"{}\"", path.display());
        return Err(Failure::new(Exit::Failure, message));
    }
    say(&format!("Generating key for {name}..."))?;
    let failed = |_| Failure::new(Exit::Failure, "the source of random numbers failed");
    let key = SigningKey::generate(KeyAlgorithm::Ecdsa, &SystemRandom::new()).map_err(failed)?;
    let public = key.public_key().to_pem(name);
    call.session()?.keys().add(key, KeyUse { role: name.clone(), gun: None })?;
    write_new(&path, &public).map_err(|error| {
        Failure::caused(Exit::Failure, &error).while_doing(format!("cannot write {}", path.display()))
    })?;
    say(&format!(
        "Successfully generated and loaded private key. Corresponding public key available: {}",
        path.display()
    ))
}

fn write_new(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
