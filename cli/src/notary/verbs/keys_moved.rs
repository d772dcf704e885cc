//! Private keys in and out of the trust folder as PEM text.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use clap::Args;
use libtrust::client::{ImportDefaults, KeyStore};
use libtrust::names::{Gun, KeyId};

use super::super::session::Notary;
use super::print;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files;
use crate::output::notice;

/// The largest file with keys, in bytes.
const MAX_FILE: u64 = 4 << 20;

/// Options of `notary key export`.
#[derive(Debug, Args)]
pub struct ExportOptions {
    /// GUNs for which to export keys
    #[arg(long = "gun", value_name = "GUNS", value_delimiter = ',')]
    pub guns: Vec<Gun>,
    /// Key IDs to export
    #[arg(long = "key", value_name = "IDS", value_delimiter = ',', conflicts_with = "guns")]
    pub keys: Vec<KeyId>,
    /// Filepath to write export output to
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// Options of `notary key import`.
#[derive(Debug, Args)]
pub struct ImportOptions {
    /// Files with private keys
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// Role to import key with, where the file does not say
    #[arg(short, long, value_name = "ROLE")]
    pub role: Option<String>,
    /// GUN to import key with, where the file does not say
    #[arg(short, long, value_name = "GUN")]
    pub gun: Option<Gun>,
}

/// Prints keys, sealed as they are: those of every GUN named.
pub(super) fn export(options: &ExportOptions, notary: &Notary) -> Result<(), Failure> {
    let keys = notary.session().keys();
    let ids = if options.keys.is_empty() {
        let wanted =
            |gun: &Option<Gun>| options.guns.is_empty() || gun.as_ref().is_some_and(|gun| options.guns.contains(gun));
        keys.list()?.into_iter().filter(|entry| wanted(&entry.key_use.gun)).map(|entry| entry.id).collect()
    } else {
        options.keys.clone()
    };
    let text = keys.export(&ids)?;
    match &options.output {
        None => print(&text),
        Some(path) => {
            let opened = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
            let written = opened.and_then(|mut file| file.write_all(text.as_bytes()));
            written.map_err(|error| {
                Failure::caused(Exit::Failure, &error).while_doing(format!("cannot write {}", path.display()))
            })
        }
    }
}

/// Takes every key of some files. What cannot be used is said, and is an error.
pub(super) fn import(options: &ImportOptions, notary: &Notary) -> Result<(), Failure> {
    let keys = notary.session().keys();
    let defaults = ImportDefaults { role: options.role.clone(), gun: options.gun.clone() };
    let mut refused = 0;
    for file in &options.files {
        let text = zeroize::Zeroizing::new(files::read(file, MAX_FILE)?);
        let shown = file.display();
        let report = keys.import(&text, &defaults);
        let report = report.map_err(|error| Failure::from(error).while_doing(format!("cannot import {shown}")))?;
        for block in report.blocks {
            if let Err(why) = block.outcome {
                notice::warning(&format!("block {} of {shown} was not imported: {why}", block.position));
                refused += 1;
            }
        }
    }
    match refused {
        0 => Ok(()),
        _ => Err(Failure::new(Exit::Key, "failed to import all keys: invalid key pem block")),
    }
}
