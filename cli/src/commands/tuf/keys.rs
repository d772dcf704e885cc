//! Keys of roles, as people name them.

use std::path::Path;

use libtrust::client::{KeyStore as _, KeyUse};
use libtrust::edit::tuf::Signatories;
use libtrust::keys::{KeyAlgorithm, PublicKey, SigningKey};
use libtrust::metadata::Threshold;
use ring::rand::SystemRandom;
use serde::Serialize;

use crate::commands::key::find;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;
use crate::settings::Changes;

/// A key that was made.
#[derive(Debug, Serialize)]
pub struct MadeKey {
    /// What it is for.
    pub role: String,
    /// Its id.
    pub id: String,
}

/// The keys of a role: those that are named, by id or file, else a new one, which is put into the key folder and to `made`.
///
/// # Errors
/// If one is not here, or cannot be made.
pub fn signatories(
    session: &Session,
    role: &str,
    named: &[String],
    threshold: Option<Threshold>,
    made: &mut Vec<MadeKey>,
) -> Result<Signatories, Failure> {
    let threshold = threshold.unwrap_or(Threshold::ONE);
    let mut keys = named.iter().map(|name| one(session, name)).collect::<Result<Vec<_>, _>>()?;
    if keys.is_empty() {
        keys.push(make(session, role, made)?);
    }
    Ok(Signatories { keys, threshold })
}

/// A public key: in a file, or of a private key that is here.
fn one(session: &Session, name: &str) -> Result<PublicKey, Failure> {
    let file = Path::new(name);
    if file.is_file() {
        return find::public_key(file);
    }
    let entry = find::key(session, name)?;
    Ok(session.key_store()?.open(&entry.id)?.public_key().clone())
}

fn make(session: &Session, role: &str, made: &mut Vec<MadeKey>) -> Result<PublicKey, Failure> {
    let failed = |_| Failure::new(Exit::Failure, "the source of random numbers failed");
    let key = SigningKey::generate(KeyAlgorithm::Ed25519, &SystemRandom::new()).map_err(failed)?;
    let public = key.public_key().clone();
    if session.settings().changes == Changes::Made {
        let entry = session.keys().add(key, KeyUse { role: role.to_owned(), gun: None })?;
        made.push(MadeKey { role: role.to_owned(), id: entry.id.to_string() });
    }
    Ok(public)
}
