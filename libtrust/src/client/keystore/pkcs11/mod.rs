//! Root keys in a PKCS#11 token: a Yubikey, a smart card, SoftHSM.
//!
//! A key of a token is listed without its PIN and signs with it. What is written are plain PKCS#11 objects; the PIV
//! slots of a Yubikey, which its own tools fill, are read.

mod object;
mod token;

use std::path::PathBuf;
use std::sync::Arc;

use self::object::TokenKey;
pub use self::token::ChosenToken;
use self::token::{Access, Fault, Token};
use super::{KeyEntry, KeyStore, KeyStoreError, KeyUse, Passphrases, Signer};
use crate::dialect::notary::key_id;
use crate::keys::{KeyAlgorithm, PublicKey, Signature, SignatureScheme, SigningKey};
use crate::names::KeyId;

/// How a token is reached.
pub struct Pkcs11Options {
    /// The library of the token's vendor: a shared object. It becomes part of this process.
    pub module: PathBuf,
    /// Which token.
    pub token: ChosenToken,
    /// Who knows the user's PIN: asked with the role `token PIN`. It must be a source of its own, for a passphrase tried
    /// as PIN is a step towards a locked token.
    pub pin: Arc<dyn Passphrases>,
}

/// Root keys in a PKCS#11 token.
pub struct Pkcs11KeyStore {
    token: Arc<Token>,
}

impl Pkcs11KeyStore {
    /// Loads the library. Token and PIN are looked for when they are needed.
    ///
    /// # Errors
    /// [`KeyStoreError::Token`] if the library does not load.
    pub fn new(options: Pkcs11Options) -> Result<Self, KeyStoreError> {
        let token = Arc::new(Token::open(&options.module, options.token, options.pin)?);
        Ok(Self { token })
    }

    /// Makes a P-256 root key inside the token. There is no copy of it, and none can be made.
    ///
    /// # Errors
    /// [`KeyStoreError::Token`] if the token does not make it.
    pub fn generate(&self) -> Result<KeyEntry, KeyStoreError> {
        let object_id = self
            .token
            .run(Access::User, "make a key", |session| object::generate(session, self.token.name(), "root"))?;
        self.entry_of(&object_id)
    }

    fn keys(&self) -> Result<Vec<TokenKey>, KeyStoreError> {
        self.token.run(Access::Public, "show its keys", object::keys)
    }

    fn key(&self, id: &KeyId) -> Result<TokenKey, KeyStoreError> {
        self.keys()?.into_iter().find(|key| key.id == *id).ok_or_else(|| self.missing(id))
    }

    fn entry_of(&self, object_id: &[u8]) -> Result<KeyEntry, KeyStoreError> {
        let key = self.keys()?.into_iter().find(|key| key.object_id == object_id);
        key.and_then(|key| self.entry(key))
            .ok_or_else(|| token::token_error(self.token.name(), "keep a key", "the key it just took is not shown"))
    }

    fn entry(&self, key: TokenKey) -> Option<KeyEntry> {
        let key_use = KeyUse { role: key.role?, gun: None };
        Some(KeyEntry { id: key.id, key_use, location: format!("token {}", self.token.name()) })
    }

    fn missing(&self, id: &KeyId) -> KeyStoreError {
        KeyStoreError::Missing { id: id.clone(), location: format!("token {}", self.token.name()) }
    }

    fn declined(&self, why: &str) -> KeyStoreError {
        KeyStoreError::Declined { location: format!("token {}", self.token.name()), why: why.to_owned() }
    }
}

impl KeyStore for Pkcs11KeyStore {
    /// Keys with a role: those made here, and those whose certificate names one. A token that is not plugged in is an
    /// error.
    fn list(&self) -> Result<Vec<KeyEntry>, KeyStoreError> {
        let mut entries: Vec<_> = self.keys()?.into_iter().filter_map(|key| self.entry(key)).collect();
        entries.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(entries)
    }

    /// Any P-256 key of the token, if it has the private one. Asks for the PIN.
    fn open(&self, id: &KeyId) -> Result<Arc<dyn Signer>, KeyStoreError> {
        let TokenKey { public, object_id, .. } = self.key(id)?;
        let found = self.token.run(Access::User, "open a key", |session| object::private(session, &object_id))?;
        found.ok_or_else(|| self.missing(id))?;
        Ok(Arc::new(InToken { token: Arc::clone(&self.token), public, object_id }))
    }

    /// Puts a P-256 root key into the token. Others are declined: a token is for the key of which all depends.
    fn add(&self, key: SigningKey, key_use: KeyUse) -> Result<KeyEntry, KeyStoreError> {
        if key.algorithm() != Some(KeyAlgorithm::Ecdsa) || key_use.role != "root" || key_use.gun.is_some() {
            return Err(self.declined("tokens are for root keys of ECDSA P-256"));
        }
        let id = key_id(key.public_key());
        match self.key(&id) {
            Ok(_) => return Err(KeyStoreError::Exists { id, location: format!("token {}", self.token.name()) }),
            Err(KeyStoreError::Missing { .. }) => {}
            Err(other) => return Err(other),
        }
        let object_id = self.token.run(Access::User, "take a key", |session| {
            object::import(session, self.token.name(), &key, &key_use.role)
        })?;
        self.entry_of(&object_id)
    }

    /// Destroys a key that was made or put here by this code; those of other programs are declined.
    fn remove(&self, id: &KeyId) -> Result<(), KeyStoreError> {
        let key = self.key(id)?;
        if !key.is_ours {
            return Err(self.declined("another program put it there; remove it with that, or with the vendor's tool"));
        }
        self.token.run(Access::User, "remove a key", |session| object::destroy(session, &key.object_id))
    }
}

impl std::fmt::Debug for Pkcs11KeyStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pkcs11KeyStore").field("token", &self.token.name()).finish_non_exhaustive()
    }
}

/// A private key that stays in its token.
struct InToken {
    token: Arc<Token>,
    public: PublicKey,
    object_id: Vec<u8>,
}

impl Signer for InToken {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn sign(&self, id: &KeyId, message: &[u8]) -> Result<Signature, KeyStoreError> {
        let failed = |why: &str| KeyStoreError::Signing { id: id.clone(), why: why.to_owned() };
        let bytes = self.token.run(Access::User, "sign", |session| {
            let private = object::private(session, &self.object_id)?;
            let private = private.ok_or_else(|| Fault::from(failed("it is no longer in the token")))?;
            object::sign(session, private, message)
        })?;
        // A token whose objects do not belong together, or that was not touched in time, must not spoil metadata.
        let scheme = SignatureScheme::EcdsaFixed;
        let verifying = self.public.verifying_key().map_err(|why| failed(&why.to_string()))?;
        verifying
            .verify(&scheme, message, &bytes)
            .map_err(|_| failed("what the token gave is no signature of its public key"))?;
        Ok(Signature { key_id: id.clone(), scheme, bytes })
    }
}

#[cfg(test)]
mod tests;
