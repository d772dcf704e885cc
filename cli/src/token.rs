//! Root keys in a PKCS#11 token, if this program was built with them (feature `pkcs11`).

use std::sync::Arc;

use libtrust::client::{KeyStore, Passphrases};

use crate::failure::Failure;
use crate::settings::TokenSettings;

#[cfg(feature = "pkcs11")]
mod built_in {
    use libtrust::client::{ChosenToken, Pkcs11KeyStore, Pkcs11Options};

    use super::{Arc, Failure, KeyStore, Passphrases, TokenSettings};

    /// The keys of the token. It is looked for when a key is needed.
    ///
    /// # Errors
    /// If the library does not load.
    pub fn open(token: &TokenSettings, pin: Arc<dyn Passphrases>) -> Result<impl KeyStore + 'static, Failure> {
        store(token, pin)
    }

    /// Makes a root key inside the token.
    ///
    /// # Errors
    /// If the token does not make it.
    pub fn generate(token: &TokenSettings, pin: Arc<dyn Passphrases>) -> Result<libtrust::client::KeyEntry, Failure> {
        Ok(store(token, pin)?.generate()?)
    }

    fn store(token: &TokenSettings, pin: Arc<dyn Passphrases>) -> Result<Pkcs11KeyStore, Failure> {
        let chosen = token.label.clone().map_or(ChosenToken::Only, ChosenToken::Label);
        Ok(Pkcs11KeyStore::new(Pkcs11Options { module: token.module.clone(), token: chosen, pin })?)
    }
}

#[cfg(not(feature = "pkcs11"))]
mod built_in {
    use libtrust::client::{KeyEntry, MemoryKeyStore};

    use super::{Arc, Failure, KeyStore, Passphrases, TokenSettings};

    /// Never the keys of the token.
    ///
    /// # Errors
    /// Always.
    pub fn open(_: &TokenSettings, _: Arc<dyn Passphrases>) -> Result<impl KeyStore + 'static, Failure> {
        Err::<MemoryKeyStore, _>(missing())
    }

    /// Never a key in the token.
    ///
    /// # Errors
    /// Always.
    pub fn generate(_: &TokenSettings, _: Arc<dyn Passphrases>) -> Result<KeyEntry, Failure> {
        Err(missing())
    }

    fn missing() -> Failure {
        Failure::usage("this program was built without tokens").hint("build it with the feature pkcs11")
    }
}

pub use built_in::{generate, open};
