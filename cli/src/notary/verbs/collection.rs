//! Whole collections: begin, publish, delete.

use std::path::PathBuf;

use clap::Args;
use libtrust::client::{ImportDefaults, Imported, Init, SnapshotHolder};
use libtrust::keys::{KeyType, PublicKey};
use libtrust::names::{Gun, KeyId};

use super::super::session::Notary;
use super::print;
use crate::docker::verbs::signer_add::public_key;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files;

/// The largest file with keys, in bytes.
const MAX_FILE: u64 = 4 << 20;

/// A collection.
#[derive(Debug, Args)]
pub struct GunOptions {
    /// The collection
    #[arg(value_name = "GUN")]
    pub gun: Gun,
}

/// Options of `notary delete`.
#[derive(Debug, Args)]
pub struct DeleteOptions {
    /// The collection
    #[arg(value_name = "GUN")]
    pub gun: Gun,
    /// Delete remote data for GUN in addition to local cache
    #[arg(long)]
    pub remote: bool,
}

/// Options of `notary init`.
#[derive(Debug, Args)]
pub struct InitOptions {
    /// The collection
    #[arg(value_name = "GUN")]
    pub gun: Gun,
    /// Root key to initialize the repository with
    #[arg(long, value_name = "FILE")]
    pub rootkey: Option<PathBuf>,
    /// Root certificate, of a key that is here
    #[arg(long, value_name = "FILE")]
    pub rootcert: Option<PathBuf>,
    /// Publish at once, with what else is staged
    #[arg(short, long)]
    pub publish: bool,
}

/// Begins a collection in the trust folder.
pub(super) fn init(options: &InitOptions, notary: &Notary) -> Result<(), Failure> {
    let gun = &options.gun;
    let publisher = notary.session().publisher(gun)?;
    let mut init = Init { snapshot: SnapshotHolder::Publisher, any_root_key: true, ..Init::default() };
    if let Some(file) = &options.rootkey {
        init.root_keys = vec![root_key(file, notary)?];
    }
    if let Some(file) = &options.rootcert {
        init.root_certificates = vec![root_certificate(file)?];
    } else if init.root_keys.is_empty() {
        let stored = publisher.keys().list()?.into_iter().find(|entry| entry.key_use.role == "root");
        if let Some(entry) = stored {
            print(&format!("Root key found, using: {}\n", entry.id))?;
        }
    }
    notary.session().wait(publisher.init_locally(gun, &init))?;
    notary.auto_publish(gun, options.publish)
}

fn root_key(file: &std::path::Path, notary: &Notary) -> Result<KeyId, Failure> {
    let text = zeroize::Zeroizing::new(files::read(file, MAX_FILE)?);
    if !String::from_utf8_lossy(&text).contains("ENCRYPTED") {
        return Err(Failure::new(Exit::Key, "only encrypted root keys may be imported"));
    }
    let defaults = ImportDefaults { role: Some("root".to_owned()), gun: None };
    let report = notary.session().keys().import(&text, &defaults)?;
    let mut blocks = report.blocks.into_iter();
    match blocks.next().map(|block| block.outcome) {
        Some(Ok(Imported::Added(entry) | Imported::AlreadyThere(entry))) => Ok(entry.id),
        Some(Err(why)) => Err(Failure::new(Exit::Key, why.to_string())),
        None => Err(Failure::new(Exit::Key, format!("{} holds no key", file.display()))),
    }
}

fn root_certificate(file: &std::path::Path) -> Result<PublicKey, Failure> {
    let key = public_key(file)?;
    match key.key_type {
        KeyType::EcdsaX509 | KeyType::RsaX509 => Ok(key),
        _ => Err(Failure::new(Exit::Key, format!("{} is no certificate", file.display()))),
    }
}

/// Publishes what is staged.
pub(super) fn publish(options: &GunOptions, notary: &Notary) -> Result<(), Failure> {
    print(&format!("Pushing changes to {}\n", options.gun))?;
    notary.publish(&options.gun)
}

/// Forgets a collection here, and deletes it on the server if asked to.
pub(super) fn delete(options: &DeleteOptions, notary: &Notary) -> Result<(), Failure> {
    let gun = &options.gun;
    print(&format!("Deleting trust data for repository {gun}\n"))?;
    let publisher = notary.session().publisher(gun)?;
    if options.remote {
        notary.session().wait(publisher.delete(gun))?;
    } else {
        publisher.client().cache().forget(gun)?;
    }
    notary.changelists().clear(gun)?;
    let remote = if options.remote { " and remote" } else { "" };
    print(&format!("Successfully deleted local{remote} trust data for repository {gun}\n"))
}
