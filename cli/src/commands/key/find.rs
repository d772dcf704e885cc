//! Keys as people name them: by id or how it begins, or by a file.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use libtrust::client::{Clock as _, KeyEntry, SystemClock};
use libtrust::keys::{CertificateBundle, KeyType, PublicKey};
use libtrust::names::{Gun, KeyId};
use zeroize::Zeroizing;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;

/// Fewest characters that can stand for an id.
const LEAST: usize = 6;
/// Largest file read, in bytes: more than any key, certificate or backup has.
const MAX_BYTES: u64 = 16 << 20;

/// The key here whose id is, or begins with, this.
///
/// # Errors
/// If none or several do.
pub fn key(session: &Session, id: &str) -> Result<KeyEntry, Failure> {
    let mut entries = session.key_store()?.list()?;
    entries.dedup_by(|a, b| a.id == b.id);
    entries.retain(|entry| entry.id.as_str() == id || (id.len() >= LEAST && entry.id.as_str().starts_with(id)));
    match <[KeyEntry; 1]>::try_from(entries) {
        Ok([entry]) => Ok(entry),
        Err(entries) if entries.is_empty() => {
            Err(Failure::new(Exit::Key, format!("no private key {id} in {}", session.keys().folder().display()))
                .hint("keys that are here are listed by: trust key list"))
        }
        Err(_) => Err(Failure::usage(format!("several keys begin with {id}")).hint("write more of the id")),
    }
}

/// As [`key`], of a root key.
///
/// # Errors
/// As [`key`], and if it is for something else.
pub fn root(session: &Session, id: &str) -> Result<KeyId, Failure> {
    let entry = key(session, id)?;
    if entry.key_use.role != "root" {
        let role = &entry.key_use.role;
        return Err(Failure::usage(format!("key {} is a {role} key, not a root key", entry.id)));
    }
    Ok(entry.id)
}

/// An id, whole, or how the id of one of `known` begins: for keys of others, which need not be here.
///
/// # Errors
/// If none of them, or several, begin so and it is no whole id.
pub fn among<'a>(known: impl Iterator<Item = &'a KeyId>, id: &str) -> Result<KeyId, Failure> {
    let mut found: Vec<&KeyId> = known.filter(|known| id.len() >= LEAST && known.as_str().starts_with(id)).collect();
    found.sort();
    found.dedup();
    match (found.as_slice(), id.parse()) {
        (_, Ok(whole)) if id.len() == 64 => Ok(whole),
        (&[one], _) => Ok(one.clone()),
        ([], _) => Err(Failure::usage(format!("no key listed there begins with {id}"))),
        _ => Err(Failure::usage(format!("several keys begin with {id}")).hint("write more of the id")),
    }
}

/// The public key, or certificate, in a file.
///
/// # Errors
/// If it holds none.
pub fn public_key(file: &Path) -> Result<PublicKey, Failure> {
    let text = read(file)?;
    PublicKey::from_pem(&text, SystemClock.now()).map_err(|error| in_file(file, Exit::Usage, &error))
}

/// The certificate of a root key for a collection, in the form that roots hold.
///
/// # Errors
/// If the file holds none, or one that could never vouch for a root key of that collection.
pub fn root_certificate(file: &Path, gun: &Gun) -> Result<PublicKey, Failure> {
    let text = read(file)?;
    let wrong = |why: &dyn std::error::Error| in_file(file, Exit::Usage, why);
    let bundle = CertificateBundle::parse(&text).map_err(|e| wrong(&e))?;
    bundle.names(gun).and_then(|()| bundle.is_sound()).map_err(|e| wrong(&e))?;
    bundle.is_current(SystemClock.now()).map_err(|e| wrong(&e))?;
    let of = |key_type| PublicKey::new(key_type, text.to_vec());
    let key = [of(KeyType::EcdsaX509), of(KeyType::RsaX509)].into_iter().find(|key| key.verifying_key().is_ok());
    key.ok_or_else(|| Failure::usage(format!("{}: a certificate of a key that roots cannot have", file.display())))
}

/// A file that may hold something secret.
///
/// # Errors
/// If it cannot be read, or is larger than any such file.
pub fn read(file: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut bytes = Zeroizing::new(Vec::new());
    let read = File::open(file).and_then(|opened| opened.take(MAX_BYTES + 1).read_to_end(&mut bytes));
    read.map_err(|error| in_file(file, Exit::Failure, &error))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(Failure::usage(format!("{} has more than {MAX_BYTES} bytes", file.display())));
    }
    Ok(bytes)
}

/// A failure about a file.
pub fn in_file(file: &Path, exit: Exit, error: &dyn std::error::Error) -> Failure {
    Failure::caused(exit, error).while_doing(format!("cannot use {}", file.display()))
}
