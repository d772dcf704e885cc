//! Opening a key file with whatever passphrases there are.

use zeroize::Zeroizing;

use super::key_file::{KeyBlock, OpenFailed};
use super::{KeyUse, PassphraseError, PassphraseRequest, Passphrases};
use crate::keys::SigningKey;
use crate::names::KeyId;

/// How often a passphrase is asked for, as in Notary.
const ANSWERS: u32 = 4;

/// An opened key, and what opened it; `None` if nothing was needed.
pub struct Unlocked {
    pub key: SigningKey,
    pub passphrase: Option<Zeroizing<String>>,
}

/// Why a block stays closed.
pub enum LockedBecause {
    Passphrase(PassphraseError),
    Unusable(String),
}

/// Opens a block. `id` is for whoever is asked, if it is known already.
pub fn unlock(
    block: &KeyBlock,
    key_use: &KeyUse,
    id: Option<&KeyId>,
    passphrases: &dyn Passphrases,
) -> Result<Unlocked, LockedBecause> {
    let sealed = block.is_sealed();
    let mut wrong_answers = 0;
    while wrong_answers < ANSWERS {
        let passphrase = if sealed {
            let gun = key_use.gun.as_ref();
            let request = PassphraseRequest { role: &key_use.role, gun, id, is_new: false, wrong_answers };
            Some(passphrases.passphrase(&request).map_err(LockedBecause::Passphrase)?)
        } else {
            None
        };
        match block.open(passphrase.as_ref().map_or("", |known| known.as_str())) {
            Ok(key) => return Ok(Unlocked { key, passphrase }),
            Err(OpenFailed::WrongPassphrase) => wrong_answers += 1,
            Err(OpenFailed::Unusable(why)) => return Err(LockedBecause::Unusable(why)),
        }
    }
    Err(LockedBecause::Passphrase(PassphraseError::Wrong))
}

/// A passphrase to seal a key with. Never an empty one: Notary would then write the key in the clear.
pub fn new_passphrase(
    key_use: &KeyUse,
    id: &KeyId,
    passphrases: &dyn Passphrases,
) -> Result<Zeroizing<String>, PassphraseError> {
    let gun = key_use.gun.as_ref();
    let request = PassphraseRequest { role: &key_use.role, gun, id: Some(id), is_new: true, wrong_answers: 0 };
    let passphrase = passphrases.passphrase(&request)?;
    if passphrase.is_empty() {
        return Err(PassphraseError::Refused("the passphrase is empty".to_owned()));
    }
    Ok(passphrase)
}
