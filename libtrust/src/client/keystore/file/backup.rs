//! A whole key folder as one sealed file.
//!
//! The file is one PEM block `TRUST KEY BACKUP` with the header `format: 1`. Inside is the structure of PKCS#8's
//! `EncryptedPrivateKeyInfo`: PBES2 with PBKDF2-HMAC-SHA256 (600,000 rounds, 16 bytes of salt) and AES-256-GCM. Sealed is
//! the text of [`FileKeyStore::export`]: a PEM block for each key with `role`, `gun` and `path`, each still sealed with its
//! own passphrase. So the backup's passphrase shows which keys there are and signs nothing, except with keys that are
//! not sealed themselves.

use zeroize::Zeroizing;

use super::transfer::{MAX_TEXT_BYTES, PATH};
use super::{FileKeyStore, canonical_id, durable, io_error, layout, use_of};
use crate::client::keystore::key_file::{KeyBlock, OpenFailed, Pem, open_backup, seal_backup};
use crate::client::keystore::{KeyEntry, KeyStore as _, KeyStoreError, PassphraseError, UnreadableKey};
use crate::names::KeyId;

/// A key folder as one file.
pub struct Backup {
    /// The file's text.
    pub text: Zeroizing<String>,
    /// The keys in it.
    pub saved: Vec<KeyId>,
    /// What is **not** in it: look after these.
    pub unreadable: Vec<UnreadableKey>,
}

/// What became of one key of a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Restored {
    /// It was stored.
    Added(KeyEntry),
    /// A key of that id was here already and stays as it is.
    AlreadyThere(KeyEntry),
}

impl FileKeyStore {
    /// Every key of the folder, sealed once more with `passphrase`. No key is opened.
    ///
    /// # Errors
    /// If the folder cannot be read, or nothing is in it, or the passphrase is empty.
    pub fn backup(&self, passphrase: &str) -> Result<Backup, KeyStoreError> {
        let unusable = |why: &str| KeyStoreError::Unusable { what: self.location(), why: why.to_owned() };
        if passphrase.is_empty() {
            return Err(unusable("a backup needs a passphrase"));
        }
        let saved: Vec<KeyId> = self.list()?.into_iter().map(|entry| entry.id).collect();
        if saved.is_empty() {
            return Err(unusable("there is no key to back up"));
        }
        let plain = self.export(&saved)?;
        if plain.len() > MAX_TEXT_BYTES {
            return Err(unusable("there are too many keys for one backup; back them up by copying the folder"));
        }
        let text = seal_backup(&plain, passphrase).map_err(|why| unusable(&why.to_string()))?;
        Ok(Backup { text, saved, unreadable: self.unreadable()? })
    }

    /// Stores the keys of a backup that are not here, with the passphrases they had. All of the backup is looked at before
    /// the first key is stored; no key is opened.
    ///
    /// # Errors
    /// [`KeyStoreError::Unusable`] if it is no backup, was changed, or is of another passphrase; else why a key could not
    /// be stored.
    pub fn restore(&self, text: &[u8], passphrase: &str) -> Result<Vec<Restored>, KeyStoreError> {
        let unusable = |why: String| KeyStoreError::Unusable { what: "the backup".to_owned(), why };
        if text.len() > 2 * MAX_TEXT_BYTES {
            return Err(unusable("it is larger than any backup".to_owned()));
        }
        let plain = open_backup(text, passphrase).map_err(|why| match why {
            OpenFailed::WrongPassphrase => unusable(format!("{}, or the file was changed", PassphraseError::Wrong)),
            OpenFailed::Unusable(why) => unusable(why),
        })?;
        let blocks = Pem::parse_all(&plain).map_err(|fault| unusable(fault.to_string()))?;
        let mut keys = Vec::with_capacity(blocks.len());
        for block in blocks {
            let block = KeyBlock::new(block).ok_or_else(|| unusable("it holds something else than keys".to_owned()))?;
            let id = canonical_id(block.header(PATH).unwrap_or_default());
            let id = id.ok_or_else(|| unusable("a key in it has no id".to_owned()))?;
            let key_use = use_of(&block, None, None).map_err(unusable)?;
            keys.push((KeyEntry { id, key_use, location: self.location() }, block.without_header(PATH)));
        }
        keys.into_iter().map(|(entry, block)| self.restore_key(entry, &block)).collect()
    }

    fn restore_key(&self, entry: KeyEntry, block: &KeyBlock) -> Result<Restored, KeyStoreError> {
        if let Some(here) = self.entry(&entry.id)? {
            return Ok(Restored::AlreadyThere(here));
        }
        let path = layout::file_of(&self.private, entry.id.as_str());
        let is_new = durable::create(&path, block.to_text().as_bytes()).map_err(|cause| io_error(&path, cause))?;
        Ok(if is_new { Restored::Added(entry) } else { Restored::AlreadyThere(entry) })
    }
}

impl std::fmt::Debug for Backup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { saved, unreadable, .. } = self;
        f.debug_struct("Backup").field("saved", saved).field("unreadable", unreadable).finish_non_exhaustive()
    }
}
