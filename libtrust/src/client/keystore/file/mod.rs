//! Keys in a trust folder, as Docker (`~/.docker/trust`) and Notary (`~/.notary`) keep them.
//!
//! Each key is a file of its own, sealed with its own passphrase; Docker and Notary read what is written here, and the
//! other way round. Several programs may use a folder at once: a file is there whole or not at all, and none is replaced
//! but when its passphrase changes.

mod backup;
mod durable;
mod layout;
mod transfer;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use zeroize::Zeroizing;

pub use self::backup::{Backup, Restored};
use self::layout::KeyPath;
pub use self::transfer::{ImportDefaults, ImportRefusal, ImportReport, Imported, ImportedBlock};
use super::key_file::{KeyBlock, Pem};
use super::unlock::{LockedBecause, Unlocked, new_passphrase, unlock};
use super::{HeldKey, KeyEntry, KeyStore, KeyStoreError, KeyUse, Passphrases, Signer, UnreadableKey};
use crate::dialect::notary::key_id;
use crate::keys::SigningKey;
use crate::names::{Gun, KeyId};

/// What a key is for if neither its file nor its place says so; Notary's default.
const DEFAULT_ROLE: &str = "delegation";
/// The longest role name, in bytes (Notary's rule for roles).
const MAX_ROLE_BYTES: usize = 255;

/// Keys in the folder `private` of a trust folder.
///
/// Folders of very old clients (`private/root_keys`, `private/tuf_keys`) are read in place. Nothing is moved.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::sync::Arc;
///
/// use libtrust::client::{
///     EnvironmentNames, FileKeyStore, FixedPassphrase, KeyStore, KeyUse, PassphraseChain, PassphraseEnvironment,
/// };
/// use libtrust::keys::{KeyAlgorithm, SigningKey};
///
/// # let folder = tempfile::tempdir()?;
/// let passphrases = PassphraseChain::new()
///     .then(PassphraseEnvironment::new(EnvironmentNames::Docker))
///     .then(FixedPassphrase::new("correct horse battery staple"));
/// let keys = FileKeyStore::new(folder.path(), Arc::new(passphrases));
///
/// let key = SigningKey::generate(KeyAlgorithm::Ecdsa, &ring::rand::SystemRandom::new())?;
/// let entry = keys.add(key, KeyUse { role: "alice".to_owned(), gun: None })?;
/// let signature = keys.open(&entry.id)?.sign(&entry.id, b"what is signed")?;
/// assert_eq!(signature.key_id, entry.id);
/// # Ok(())
/// # }
/// ```
pub struct FileKeyStore {
    private: PathBuf,
    passphrases: Arc<dyn Passphrases>,
    opened: Mutex<BTreeMap<KeyId, Arc<HeldKey>>>,
}

impl FileKeyStore {
    /// The keys of the trust folder `folder`, which need not be there yet. Touches no file.
    pub fn new(folder: impl AsRef<Path>, passphrases: Arc<dyn Passphrases>) -> Self {
        Self { private: folder.as_ref().join("private"), passphrases, opened: Mutex::default() }
    }

    /// The folder the keys are in.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.private
    }

    /// Seals a key anew. The old passphrase is asked of this store's passphrases, the new one of `new`.
    ///
    /// # Errors
    /// [`KeyStoreError::Missing`] if it is not here, else why it could not be opened or written. The file is as it was.
    pub fn change_passphrase(&self, id: &KeyId, new: &dyn Passphrases) -> Result<(), KeyStoreError> {
        let place = self.place(id)?;
        let (block, key_use) = read_block(&place)?;
        let Unlocked { key, .. } = self.unlock(&place, &block, &key_use)?;
        let passphrase = new_passphrase(&key_use, id, new)
            .map_err(|cause| KeyStoreError::NewPassphrase { id: id.clone(), cause })?;
        let sealed = seal(id, &key, &passphrase, block.headers())?;
        durable::replace(&place.path, sealed.as_bytes()).map_err(|cause| io_error(&place.path, cause))
    }

    fn place(&self, id: &KeyId) -> Result<KeyPath, KeyStoreError> {
        let mut places = layout::find(&self.private, id).map_err(|cause| io_error(&self.private, cause))?;
        if places.is_empty() { Err(self.missing(id)) } else { Ok(places.swap_remove(0)) }
    }

    fn unlock(&self, place: &KeyPath, block: &KeyBlock, key_use: &KeyUse) -> Result<Unlocked, KeyStoreError> {
        let id = &place.id;
        let unlocked = unlock(block, key_use, Some(id), &*self.passphrases).map_err(|why| match why {
            LockedBecause::Passphrase(cause) => KeyStoreError::Passphrase { id: id.clone(), cause },
            LockedBecause::Unusable(why) => KeyStoreError::Unusable { what: place.path.display().to_string(), why },
        })?;
        let found = key_id(unlocked.key.public_key());
        if found == *id {
            Ok(unlocked)
        } else {
            Err(KeyStoreError::Misnamed { path: place.path.display().to_string(), found })
        }
    }

    /// Writes a key that is not here yet, and keeps it open.
    fn store(&self, key: SigningKey, key_use: KeyUse, passphrase: &str) -> Result<KeyEntry, KeyStoreError> {
        let id = key_id(key.public_key());
        let sealed = seal(&id, &key, passphrase, headers(&key_use))?;
        let path = layout::file_of(&self.private, id.as_str());
        if !durable::create(&path, sealed.as_bytes()).map_err(|cause| io_error(&path, cause))? {
            return Err(KeyStoreError::Exists { id, location: self.location() });
        }
        self.opened().insert(id.clone(), Arc::new(key.into()));
        Ok(KeyEntry { id, key_use, location: self.location() })
    }

    /// What is here of a key.
    fn entry(&self, id: &KeyId) -> Result<Option<KeyEntry>, KeyStoreError> {
        let place = match self.place(id) {
            Err(KeyStoreError::Missing { .. }) => return Ok(None),
            other => other?,
        };
        let (_, key_use) = read_block(&place)?;
        let folder = place.path.parent().unwrap_or(&self.private);
        Ok(Some(KeyEntry { id: id.clone(), key_use, location: folder.display().to_string() }))
    }

    fn location(&self) -> String {
        self.private.display().to_string()
    }

    fn missing(&self, id: &KeyId) -> KeyStoreError {
        KeyStoreError::Missing { id: id.clone(), location: self.location() }
    }

    fn opened(&self) -> MutexGuard<'_, BTreeMap<KeyId, Arc<HeldKey>>> {
        // Whoever panics while it is held leaves a map that is whole.
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KeyStore for FileKeyStore {
    fn list(&self) -> Result<Vec<KeyEntry>, KeyStoreError> {
        let found = layout::scan(&self.private).map_err(|cause| io_error(&self.private, cause))?;
        let entry = |place: &KeyPath| {
            let (_, key_use) = read_block(place).ok()?;
            let folder = place.path.parent().unwrap_or(&self.private);
            Some(KeyEntry { id: place.id.clone(), key_use, location: folder.display().to_string() })
        };
        Ok(found.keys.iter().filter_map(entry).collect())
    }

    fn unreadable(&self) -> Result<Vec<UnreadableKey>, KeyStoreError> {
        let found = layout::scan(&self.private).map_err(|cause| io_error(&self.private, cause))?;
        let damaged = found.keys.iter().filter_map(|place| {
            let why = match read_block(place).err()? {
                KeyStoreError::Unusable { why, .. } => why,
                KeyStoreError::Io { cause, .. } => cause.to_string(),
                other => other.to_string(),
            };
            Some(UnreadableKey { location: place.path.display().to_string(), why })
        });
        Ok(damaged.chain(found.unreadable.iter().cloned()).collect())
    }

    fn open(&self, id: &KeyId) -> Result<Arc<dyn Signer>, KeyStoreError> {
        // Held while asking, so that several who need the key ask once.
        let mut opened = self.opened();
        if let Some(key) = opened.get(id) {
            return Ok(Arc::<HeldKey>::clone(key));
        }
        let place = self.place(id)?;
        let (block, key_use) = read_block(&place)?;
        let key = Arc::new(HeldKey::from(self.unlock(&place, &block, &key_use)?.key));
        opened.insert(id.clone(), Arc::clone(&key));
        Ok(key)
    }

    fn add(&self, key: SigningKey, key_use: KeyUse) -> Result<KeyEntry, KeyStoreError> {
        let id = key_id(key.public_key());
        let key_use = checked(key_use).map_err(|why| KeyStoreError::Unusable { what: id.to_string(), why })?;
        // Asked before somebody chooses a passphrase for nothing.
        if self.place(&id).is_ok() {
            return Err(KeyStoreError::Exists { id, location: self.location() });
        }
        let passphrase = new_passphrase(&key_use, &id, &*self.passphrases)
            .map_err(|cause| KeyStoreError::NewPassphrase { id: id.clone(), cause })?;
        self.store(key, key_use, &passphrase)
    }

    fn remove(&self, id: &KeyId) -> Result<(), KeyStoreError> {
        let places = layout::find(&self.private, id).map_err(|cause| io_error(&self.private, cause))?;
        self.opened().remove(id);
        for place in &places {
            durable::remove(&place.path).map_err(|cause| io_error(&place.path, cause))?;
        }
        if places.is_empty() { Err(self.missing(id)) } else { Ok(()) }
    }
}

impl std::fmt::Debug for FileKeyStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileKeyStore").field("private", &self.private).finish_non_exhaustive()
    }
}

/// The first private key of a file, unopened, and what it is for.
fn read_block(place: &KeyPath) -> Result<(KeyBlock, KeyUse), KeyStoreError> {
    let bytes = durable::read(&place.path).map_err(|cause| io_error(&place.path, cause))?;
    let unusable = |why: String| KeyStoreError::Unusable { what: place.path.display().to_string(), why };
    let blocks = Pem::parse_all(&bytes).map_err(|fault| unusable(fault.to_string()))?;
    let block = blocks.into_iter().find_map(KeyBlock::new);
    let block = block.ok_or_else(|| unusable("there is no private key in it".to_owned()))?;
    let key_use = use_of(&block, place.role.as_deref(), place.gun.as_ref()).map_err(unusable)?;
    Ok((block, key_use))
}

/// What a block is for: by its headers, else by its place.
fn use_of(block: &KeyBlock, role: Option<&str>, gun: Option<&Gun>) -> Result<KeyUse, String> {
    let gun = match block.header("gun") {
        Some(text) => Some(text.parse().map_err(|why| format!("its header gun is wrong: {why}"))?),
        None => gun.cloned(),
    };
    checked(KeyUse { role: block.header("role").or(role).unwrap_or(DEFAULT_ROLE).to_owned(), gun })
}

/// The id that a text gives, if it is one that a key file can have.
fn canonical_id(text: &str) -> Option<KeyId> {
    text.parse().ok().filter(|id| layout::canonical(id).is_some())
}

/// A role and a collection that headers can hold.
fn checked(key_use: KeyUse) -> Result<KeyUse, String> {
    let role = &key_use.role;
    if role.is_empty() || role.len() > MAX_ROLE_BYTES || role.trim() != role || role.chars().any(char::is_control) {
        let role: String = role.chars().take(MAX_ROLE_BYTES).collect();
        return Err(format!("{role:?} cannot be a key's role: 1 to {MAX_ROLE_BYTES} bytes in one line"));
    }
    if let Some(gun) = key_use.gun.as_ref().filter(|gun| gun.as_str().trim() != gun.as_str()) {
        return Err(format!(
            "a key file cannot keep the collection {:?}: it begins or ends with a space",
            gun.as_str()
        ));
    }
    Ok(key_use)
}

fn headers(key_use: &KeyUse) -> Vec<(String, String)> {
    let gun = key_use.gun.as_ref().map(|gun| ("gun".to_owned(), gun.to_string()));
    gun.into_iter().chain([("role".to_owned(), key_use.role.clone())]).collect()
}

/// Text of the sealed key that was seen to open again: there may be no other copy.
fn seal(
    id: &KeyId,
    key: &SigningKey,
    passphrase: &str,
    headers: Vec<(String, String)>,
) -> Result<Zeroizing<String>, KeyStoreError> {
    let failed = |why: String| KeyStoreError::Unusable { what: id.to_string(), why };
    let text = KeyBlock::seal(key, passphrase, headers).map_err(|why| failed(why.to_string()))?.to_text();
    let block = Pem::parse_all(text.as_bytes()).ok().and_then(|mut blocks| KeyBlock::new(blocks.pop()?));
    match block.map(|block| block.open(passphrase)) {
        Some(Ok(again)) if again.to_plain() == key.to_plain() => Ok(text),
        _ => Err(failed("what was sealed does not open again; nothing was written".to_owned())),
    }
}

fn io_error(path: &Path, cause: io::Error) -> KeyStoreError {
    KeyStoreError::Io { path: path.display().to_string(), cause }
}

#[cfg(test)]
mod tests;
