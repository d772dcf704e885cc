//! Several key stores as one.

use std::sync::Arc;

use super::{KeyEntry, KeyStore, KeyStoreError, KeyUse, Signer, UnreadableKey};
use crate::dialect::notary::key_id;
use crate::keys::SigningKey;
use crate::names::KeyId;

/// Asks key stores in order: a token first, say, and then the folder.
#[derive(Default)]
pub struct KeyStores(Vec<Box<dyn KeyStore>>);

impl KeyStores {
    /// None yet: every key is missing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a store that is asked after those that are there.
    #[must_use]
    pub fn then(mut self, store: impl KeyStore + 'static) -> Self {
        self.0.push(Box::new(store));
        self
    }
}

impl KeyStore for KeyStores {
    /// A key that is in several stores is listed for each.
    fn list(&self) -> Result<Vec<KeyEntry>, KeyStoreError> {
        let mut all = Vec::new();
        for store in &self.0 {
            all.extend(store.list()?);
        }
        // Stable, so that of equal ids the one that is asked first comes first.
        all.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(all)
    }

    fn unreadable(&self) -> Result<Vec<UnreadableKey>, KeyStoreError> {
        let mut all = Vec::new();
        for store in &self.0 {
            all.extend(store.unreadable()?);
        }
        Ok(all)
    }

    /// A store that has the key and cannot open it does not keep the next from being asked; if none can, its error is
    /// given.
    fn open(&self, id: &KeyId) -> Result<Arc<dyn Signer>, KeyStoreError> {
        let mut failed = None;
        for store in &self.0 {
            match store.open(id) {
                Ok(signer) => return Ok(signer),
                Err(KeyStoreError::Missing { .. }) => {}
                Err(other) => failed = failed.or(Some(other)),
            }
        }
        Err(failed.unwrap_or_else(|| missing(id)))
    }

    /// Into the first store that keeps such keys, if it is in none yet. Stores that cannot be read, a token that is not
    /// plugged in, do not keep the others from taking it.
    fn add(&self, key: SigningKey, key_use: KeyUse) -> Result<KeyEntry, KeyStoreError> {
        let id = key_id(key.public_key());
        let listed = self.0.iter().filter_map(|store| store.list().ok()).flatten();
        if let Some(found) = listed.into_iter().find(|entry| entry.id == id) {
            return Err(KeyStoreError::Exists { id, location: found.location });
        }
        let mut declined = None;
        for store in &self.0 {
            // The store takes the key, and the next may have to be asked.
            let copy = SigningKey::from_pkcs8(&key.to_pkcs8())
                .map_err(|why| KeyStoreError::Unusable { what: id.to_string(), why: why.to_string() })?;
            match store.add(copy, key_use.clone()) {
                Err(KeyStoreError::Declined { location, why }) => {
                    declined = Some(KeyStoreError::Declined { location, why });
                }
                other => return other,
            }
        }
        let none = || KeyStoreError::Declined { location: "the key store".to_owned(), why: "there is none".to_owned() };
        Err(declined.unwrap_or_else(none))
    }

    /// From every store that has it: afterwards it is gone for good.
    fn remove(&self, id: &KeyId) -> Result<(), KeyStoreError> {
        let mut removed = false;
        for store in &self.0 {
            match store.remove(id) {
                Ok(()) => removed = true,
                Err(KeyStoreError::Missing { .. }) => {}
                Err(other) => return Err(other),
            }
        }
        if removed { Ok(()) } else { Err(missing(id)) }
    }
}

fn missing(id: &KeyId) -> KeyStoreError {
    KeyStoreError::Missing { id: id.clone(), location: "any of the key stores".to_owned() }
}

impl std::fmt::Debug for KeyStores {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyStores").field("stores", &self.0.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ring::rand::SystemRandom;

    use super::*;
    use crate::client::keystore::{FileKeyStore, FixedPassphrase, MemoryKeyStore};
    use crate::keys::KeyAlgorithm;

    /// Has no key and takes none.
    struct Picky;

    impl KeyStore for Picky {
        fn list(&self) -> Result<Vec<KeyEntry>, KeyStoreError> {
            Ok(Vec::new())
        }
        fn open(&self, id: &KeyId) -> Result<Arc<dyn Signer>, KeyStoreError> {
            Err(missing(id))
        }
        fn add(&self, _: SigningKey, _: KeyUse) -> Result<KeyEntry, KeyStoreError> {
            Err(KeyStoreError::Declined { location: "picky".to_owned(), why: "it takes none".to_owned() })
        }
        fn remove(&self, id: &KeyId) -> Result<(), KeyStoreError> {
            Err(missing(id))
        }
    }

    fn key() -> SigningKey {
        SigningKey::generate(KeyAlgorithm::Ed25519, &SystemRandom::new()).unwrap()
    }

    fn alice() -> KeyUse {
        KeyUse { role: "alice".to_owned(), gun: None }
    }

    #[test]
    fn a_key_goes_to_the_first_store_that_takes_it_and_is_found_in_any() {
        let stores = KeyStores::new().then(Picky).then(MemoryKeyStore::new()).then(MemoryKeyStore::new());
        let made = key();
        let copy = SigningKey::from_pkcs8(&made.to_pkcs8()).unwrap();
        let entry = stores.add(made, alice()).unwrap();
        assert_eq!(stores.list().unwrap(), std::slice::from_ref(&entry));
        stores.open(&entry.id).unwrap().sign(&entry.id, b"message").unwrap();
        assert!(matches!(stores.add(copy, alice()), Err(KeyStoreError::Exists { .. })));
        stores.remove(&entry.id).unwrap();
        assert!(matches!(stores.open(&entry.id), Err(KeyStoreError::Missing { .. })));
        assert!(matches!(stores.remove(&entry.id), Err(KeyStoreError::Missing { .. })));
    }

    #[test]
    fn a_store_that_cannot_open_does_not_keep_the_next_from_it() {
        let folder = tempfile::tempdir().unwrap();
        let made = key();
        let copy = || SigningKey::from_pkcs8(&made.to_pkcs8()).unwrap();
        let file = |words: &str| FileKeyStore::new(folder.path(), Arc::new(FixedPassphrase::new(words)));
        let entry = file("right").add(copy(), alice()).unwrap();
        let memory = MemoryKeyStore::new();
        memory.add(copy(), alice()).unwrap();
        let closed = KeyStores::new().then(file("wrong"));
        assert!(matches!(closed.open(&entry.id), Err(KeyStoreError::Passphrase { .. })));
        let both = closed.then(memory);
        both.open(&entry.id).unwrap();
        let locations: Vec<_> = both.list().unwrap().into_iter().map(|entry| entry.location).collect();
        assert_eq!(locations, [entry.location.as_str(), "memory"]);
        both.remove(&entry.id).unwrap();
        assert_eq!(both.list().unwrap(), []);
    }

    #[test]
    fn where_no_store_takes_a_key_the_reason_is_given() {
        let error = KeyStores::new().then(Picky).add(key(), alice()).unwrap_err();
        assert!(error.to_string().contains("it takes none"), "{error}");
        assert!(matches!(KeyStores::new().add(key(), alice()), Err(KeyStoreError::Declined { .. })));
    }
}
