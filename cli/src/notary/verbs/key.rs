//! Private keys: made, listed, sealed anew, removed, rotated.

use std::path::PathBuf;

use clap::Args;
use libtrust::client::{ImportDefaults, Imported, KeyEntry, KeyStore, KeyUse, NewKeys};
use libtrust::keys::{KeyAlgorithm, SigningKey};
use libtrust::names::{Gun, KeyId, RoleName};
use ring::rand::SystemRandom;

use super::super::session::Notary;
use super::super::tables::{KeyRow, keys as table};
use super::{print, sure};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files;
use crate::terminal::{AskingPassphrases, Confirmation, Shown, Terminal, Wording};

/// The largest file with keys, in bytes.
const MAX_FILE: u64 = 4 << 20;

/// Options of `notary key generate`.
#[derive(Debug, Args)]
pub struct GenerateOptions {
    /// The algorithm: ecdsa
    #[arg(value_name = "ALGORITHM", default_value = "ecdsa")]
    pub algorithm: String,
    /// Role to generate key with
    #[arg(short, long, value_name = "ROLE", default_value = "root")]
    pub role: String,
}

/// A key.
#[derive(Debug, Args)]
pub struct IdOptions {
    /// Its id
    #[arg(value_name = "KEYID")]
    pub id: KeyId,
}

/// Options of `notary key rotate`.
#[derive(Debug, Args)]
pub struct RotateOptions {
    /// The collection
    #[arg(value_name = "GUN")]
    pub gun: Gun,
    /// The role: root, targets, snapshot or timestamp
    #[arg(value_name = "ROLE")]
    pub role: RoleName,
    /// The server makes and holds the new key
    #[arg(short = 'r', long)]
    pub server_managed: bool,
    /// New keys to rotate to, instead of a generated one
    #[arg(short, long = "key", value_name = "FILES", value_delimiter = ',')]
    pub keys: Vec<PathBuf>,
}

/// Makes a key.
pub(super) fn generate(options: &GenerateOptions, notary: &Notary) -> Result<(), Failure> {
    if !options.algorithm.eq_ignore_ascii_case("ecdsa") {
        return Err(Failure::usage("Algorithm not allowed, possible values are: ECDSA"));
    }
    let role = &options.role;
    let failed = |_| Failure::new(Exit::Failure, "the source of random numbers failed");
    let key = SigningKey::generate(KeyAlgorithm::Ecdsa, &SystemRandom::new()).map_err(failed)?;
    let added = notary.session().keys().add(key, KeyUse { role: role.clone(), gun: None });
    let entry =
        added.map_err(|error| Failure::from(error).while_doing(format!("Failed to create a new {role} key")))?;
    print(&format!("Generated new ecdsa {role} key with keyID: {}\n", entry.id))
}

/// Prints a table of keys.
pub(super) fn list(notary: &Notary) -> Result<(), Failure> {
    let entries = notary.session().keys().list()?.into_iter();
    let rows = entries.map(|entry| KeyRow {
        role: entry.key_use.role,
        gun: entry.key_use.gun.map(|gun| gun.to_string()).unwrap_or_default(),
        id: entry.id.to_string(),
        location: entry.location,
    });
    print(&table(rows.collect()))
}

/// Gives a key another passphrase.
pub(super) fn passwd(options: &IdOptions, notary: &Notary) -> Result<(), Failure> {
    let id = &options.id;
    let terminal = Terminal::new(Shown::OnStdout, true);
    let new = libtrust::client::PassphraseChain::new()
        .then(libtrust::client::PassphraseEnvironment::new(libtrust::client::EnvironmentNames::Notary))
        .then_ask(AskingPassphrases::new(terminal, Wording::Notary));
    let changed = notary.session().keys().change_passphrase(id, &new);
    changed.map_err(|error| {
        Failure::from(error).while_doing(format!("could not retrieve local key for key ID provided: {id}"))
    })?;
    print(&format!("\nSuccessfully updated passphrase for key ID: {id}\n"))
}

/// Removes a key, once somebody said yes.
pub(super) fn remove(options: &IdOptions, notary: &Notary) -> Result<(), Failure> {
    let (keys, id) = (notary.session().keys(), &options.id);
    print("\n")?;
    let entry = keys.list()?.into_iter().find(|entry| entry.id == *id);
    let Some(entry) = entry else {
        print("\n")?;
        return Err(Failure::new(Exit::Key, format!("No key with ID {id} found")));
    };
    let (role, place) = (&entry.key_use.role, &entry.location);
    let question = format!("Are you sure you want to remove {id} (role {role}) from {place}?  (yes/no)  ");
    if !sure(&question, Confirmation::Asked)? {
        return print("\nAborting action.\n\n");
    }
    keys.remove(id)?;
    print(&format!("\nDeleted {id} (role {role}) from {place}.\n\n"))
}

/// Gives a role other keys, at once. The old ones of targets and snapshot go once the server has agreed.
pub(super) fn rotate(options: &RotateOptions, notary: &Notary) -> Result<(), Failure> {
    let (gun, role) = (&options.gun, &options.role);
    if *role == RoleName::Timestamp && !options.server_managed {
        return Err(Failure::usage("notary does not permit the client managing the timestamp key"));
    }
    let new = if options.server_managed {
        NewKeys::Server
    } else if options.keys.is_empty() {
        NewKeys::Generate
    } else {
        NewKeys::Stored(options.keys.iter().map(|file| import(file, role, gun, notary)).collect::<Result<_, _>>()?)
    };
    if *role == RoleName::Root {
        print(
            "Warning: you are about to rotate your root key.\n\nYou must use your old key to sign this root rotation.\n",
        )?;
        if !sure("Are you sure you want to proceed?  (yes/no)  ", Confirmation::Asked)? {
            return print("\nAborting action.\n");
        }
    }
    let publisher = notary.session().publisher(gun)?;
    let rotation = notary.session().wait(publisher.rotate(gun, role, &new, None))?;
    if matches!(role, RoleName::Targets | RoleName::Snapshot) {
        // A key that is not this collection's alone may still be needed.
        let is_old = |entry: &KeyEntry| rotation.retired.contains(&entry.id) && entry.key_use.gun.as_ref() == Some(gun);
        for entry in publisher.keys().list()?.iter().filter(|entry| is_old(entry)) {
            publisher.keys().remove(&entry.id)?;
        }
    }
    print(&format!("Successfully rotated {role} key for repository {gun}\n"))
}

fn import(file: &std::path::Path, role: &RoleName, gun: &Gun, notary: &Notary) -> Result<KeyId, Failure> {
    let text = zeroize::Zeroizing::new(files::read(file, MAX_FILE)?);
    let defaults = ImportDefaults { role: Some(role.to_string()), gun: Some(gun.clone()) };
    let report = notary.session().keys().import(&text, &defaults)?;
    let outcome = report.blocks.into_iter().next().map(|block| block.outcome);
    match outcome {
        Some(Ok(Imported::Added(entry) | Imported::AlreadyThere(entry))) => Ok(entry.id),
        Some(Err(why)) => Err(Failure::new(Exit::Key, format!("{}: {why}", file.display()))),
        None => Err(Failure::new(Exit::Key, format!("{} holds no key", file.display()))),
    }
}
