//! Who may use which key: a request becomes [`Approved`], or a [`Refusal`].
//!
//! Signing is two acts. [`HeldKey::approve`] compares what is asked with what the key was made for and gives an
//! [`Approved`]; only that has a `sign`. The private key is a private field of this file, so there is no third way.

use std::borrow::Cow;
use std::fmt;

use libtrust::dialect::notary::key_id;
#[cfg(feature = "pkcs11")]
use libtrust::keys::{KeyAlgorithm, SignatureScheme};
use libtrust::keys::{Signature, SigningFailed, SigningKey};
use libtrust::names::{Gun, KeyId, RoleName};
use ring::rand::SecureRandom;

use crate::keystore::{KeyRecord, KeyStoreError};

/// What a caller wants signed.
#[derive(Clone, Copy)]
pub struct SignRequest<'a> {
    /// With which key.
    pub key_id: &'a KeyId,
    /// For which collection. Notary's server does not say; then the key's own collection is meant.
    pub gun: Option<&'a Gun>,
    /// As which role. Notary's server does not say; then the key's own role is meant.
    pub role: Option<&'a RoleName>,
    /// The bytes: the canonical form of a role's `signed`.
    pub message: &'a [u8],
}

/// A private key together with what it was made for. The two were checked against each other when it was made.
pub struct HeldKey {
    record: KeyRecord,
    key: Key,
}

enum Key {
    InMemory(SigningKey),
    #[cfg(feature = "pkcs11")]
    InToken(Box<dyn TokenKey>),
}

/// A private key that stays where it is and signs there.
#[cfg(feature = "pkcs11")]
pub(crate) trait TokenKey: Send + Sync {
    /// The signature in the form metadata carries. Blocks.
    fn sign(&self, message: &Permitted<'_>) -> Result<Vec<u8>, KeyStoreError>;
}

/// A message that may be signed. Made here alone, so whoever keeps a [`TokenKey`] cannot sign with it.
#[cfg(feature = "pkcs11")]
pub(crate) struct Permitted<'a>(&'a [u8]);

#[cfg(feature = "pkcs11")]
impl Permitted<'_> {
    pub(crate) const fn bytes(&self) -> &[u8] {
        self.0
    }
}

/// What a token signs to show that its private key is the one of the record. It can never be metadata.
#[cfg(feature = "pkcs11")]
const PROOF: &[u8] = b"notary-signer: does this private key belong to its public key?";

impl HeldKey {
    /// Joins a private key with what the store says about it.
    ///
    /// # Errors
    /// If they are not about the same key: its algorithm, its public part or its id differ.
    pub fn bind(record: KeyRecord, key: SigningKey) -> Result<Self, Mismatch> {
        if Some(record.algorithm) != key.algorithm() {
            return Err(Mismatch::Algorithm);
        }
        if record.public != *key.public_key() {
            return Err(Mismatch::PublicKey);
        }
        if record.id != key_id(key.public_key()) {
            return Err(Mismatch::KeyId);
        }
        Ok(Self { record, key: Key::InMemory(key) })
    }

    /// Joins a private key in a token with what the token says about it. Has it sign once. Blocks.
    ///
    /// # Errors
    /// If they are not about the same key, or the token fails.
    #[cfg(feature = "pkcs11")]
    pub(crate) fn bind_token(record: KeyRecord, key: Box<dyn TokenKey>) -> Result<Self, TokenBindError> {
        if record.id != key_id(&record.public) {
            return Err(Mismatch::KeyId.into());
        }
        if record.public.key_type != record.algorithm.key_type() {
            return Err(Mismatch::Algorithm.into());
        }
        let signature = key.sign(&Permitted(PROOF))?;
        let verifying = record.public.verifying_key().map_err(|_| Mismatch::PublicKey)?;
        verifying.verify(&scheme(record.algorithm), PROOF, &signature).map_err(|_| Mismatch::PublicKey)?;
        Ok(Self { record, key: Key::InToken(key) })
    }

    /// What the key was made for. Its `used` is as of when the key was read.
    #[must_use]
    pub const fn record(&self) -> &KeyRecord {
        &self.record
    }

    /// Decides whether this key may sign this.
    ///
    /// Who declares no role is held to what the message says of itself: its `_type` must name the key's role. Else a
    /// timestamp key would sign a snapshot for whoever sends one.
    ///
    /// # Errors
    /// If the key was made for something else, its role is not one the server signs, or the message is empty, has more
    /// than `message_bytes`, or does not say the key's role where the request does not.
    pub fn approve<'a>(&'a self, request: &SignRequest<'a>, message_bytes: usize) -> Result<Approved<'a>, Refusal> {
        signs_online(&self.record.role)?;
        let SignRequest { key_id, gun, role, message } = *request;
        let (own_gun, own_role) = (&self.record.gun, &self.record.role);
        let (gun, role) = (gun.unwrap_or(own_gun), role.unwrap_or(own_role));
        if (key_id, gun, role) != (&self.record.id, own_gun, own_role) {
            return Err(Refusal::OtherPurpose { key_id: key_id.clone(), gun: gun.clone(), role: role.clone() });
        }
        if message.is_empty() {
            return Err(Refusal::EmptyMessage);
        }
        if message.len() > message_bytes {
            return Err(Refusal::MessageTooLarge { bytes: message.len(), limit: message_bytes });
        }
        if request.role.is_none() && !says_role(message, own_role) {
            return Err(Refusal::OtherMessage { key_id: key_id.clone(), role: own_role.clone() });
        }
        Ok(Approved { key: self, message })
    }
}

/// Whether a message is one JSON object whose `_type` is this role: `Timestamp` in Notary, `timestamp` in TUF 1.0.
fn says_role(message: &[u8], role: &RoleName) -> bool {
    #[derive(serde::Deserialize)]
    struct Signed<'a> {
        #[serde(rename = "_type", borrow)]
        kind: Cow<'a, str>,
    }
    // A list would be read as the members in order.
    let is_object = message.starts_with(b"{");
    is_object
        && serde_json::from_slice::<Signed<'_>>(message)
            .is_ok_and(|signed| signed.kind.eq_ignore_ascii_case(role.as_str()))
}

impl fmt::Debug for HeldKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeldKey").field("record", &self.record).finish_non_exhaustive()
    }
}

/// This message may be signed with this key: id, GUN, role and algorithm agree.
pub struct Approved<'a> {
    key: &'a HeldKey,
    message: &'a [u8],
}

impl Approved<'_> {
    /// Signs; the approval is spent.
    ///
    /// # Errors
    /// If the cryptographic library fails, or the token.
    pub fn sign(self, random: &dyn SecureRandom) -> Result<Signature, NotSigned> {
        let HeldKey { record, key } = self.key;
        match key {
            Key::InMemory(key) => Ok(key.sign(&record.id, self.message, random)?),
            #[cfg(feature = "pkcs11")]
            Key::InToken(key) => {
                let bytes = key.sign(&Permitted(self.message))?;
                Ok(Signature { key_id: record.id.clone(), scheme: scheme(record.algorithm), bytes })
            }
        }
    }
}

#[cfg(feature = "pkcs11")]
const fn scheme(algorithm: KeyAlgorithm) -> SignatureScheme {
    match algorithm {
        KeyAlgorithm::Ecdsa => SignatureScheme::EcdsaFixed,
        KeyAlgorithm::Ed25519 => SignatureScheme::Ed25519,
    }
}

/// Only snapshot and timestamp keys are kept online.
///
/// # Errors
/// For every other role.
pub fn signs_online(role: &RoleName) -> Result<(), Refusal> {
    match role {
        RoleName::Snapshot | RoleName::Timestamp => Ok(()),
        RoleName::Root | RoleName::Targets | RoleName::Delegation(_) => Err(Refusal::Role { role: role.clone() }),
    }
}

/// Why a message is not signed, or a key not made. Says nothing about what the key was made for instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The role's keys belong to people, not to a server.
    #[error("keys of role {role} are not held online; only those of snapshot and timestamp are")]
    Role {
        /// The role.
        role: RoleName,
    },
    /// The key was made for another GUN or role.
    #[error("key {key_id} was not made for {role} of {gun}")]
    OtherPurpose {
        /// The key asked for.
        key_id: KeyId,
        /// The GUN asked for.
        gun: Gun,
        /// The role asked for.
        role: RoleName,
    },
    /// The request names no role, and the message is not one of the key's role.
    #[error("the message is not a {role}, which is what key {key_id} signs; its _type must say so")]
    OtherMessage {
        /// The key asked for.
        key_id: KeyId,
        /// The role its messages have.
        role: RoleName,
    },
    /// There is nothing to sign.
    #[error("an empty message is not signed")]
    EmptyMessage,
    /// There is too much to sign.
    #[error("a message of {bytes} bytes is not signed, the limit is {limit}")]
    MessageTooLarge {
        /// Its length, in bytes.
        bytes: usize,
        /// The limit, in bytes.
        limit: usize,
    },
}

/// Why an approved message has no signature.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotSigned {
    /// The cryptographic library failed.
    #[error(transparent)]
    Library(#[from] SigningFailed),
    /// The store that signs for us failed; trying again later may help.
    #[error(transparent)]
    Store(#[from] KeyStoreError),
}

/// A private key that is not the one its record describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// The algorithms differ.
    #[error("algorithm")]
    Algorithm,
    /// The public key stored is not that of the private key.
    #[error("public key")]
    PublicKey,
    /// The key id stored is not that of the key.
    #[error("key id")]
    KeyId,
}

/// Why a token's key is not held.
#[cfg(feature = "pkcs11")]
#[derive(Debug)]
pub(crate) enum TokenBindError {
    Mismatch(Mismatch),
    Token(KeyStoreError),
}

#[cfg(feature = "pkcs11")]
impl From<Mismatch> for TokenBindError {
    fn from(mismatch: Mismatch) -> Self {
        Self::Mismatch(mismatch)
    }
}

#[cfg(feature = "pkcs11")]
impl From<KeyStoreError> for TokenBindError {
    fn from(error: KeyStoreError) -> Self {
        Self::Token(error)
    }
}

#[cfg(test)]
mod tests {
    use libtrust::keys::KeyAlgorithm;
    use ring::rand::SystemRandom;

    use super::*;

    const LIMIT: usize = 64;

    fn held(role: &str) -> HeldKey {
        let key = SigningKey::generate(KeyAlgorithm::Ed25519, &SystemRandom::new()).unwrap();
        HeldKey::bind(record(&key, role), key).unwrap()
    }

    fn record(key: &SigningKey, role: &str) -> KeyRecord {
        KeyRecord {
            id: key_id(key.public_key()),
            gun: "example.org/app".parse().unwrap(),
            role: role.parse().unwrap(),
            algorithm: key.algorithm().unwrap(),
            public: key.public_key().clone(),
            used: false,
        }
    }

    #[test]
    fn what_the_key_was_made_for_is_signed() {
        for role in ["snapshot", "timestamp"] {
            let key = held(role);
            let KeyRecord { id, gun, role, public, .. } = key.record();
            let request = SignRequest { key_id: id, gun: Some(gun), role: Some(role), message: b"message" };
            let signature = key.approve(&request, LIMIT).unwrap().sign(&SystemRandom::new()).unwrap();
            assert_eq!(&signature.key_id, id);
            let verifying = public.verifying_key().unwrap();
            assert_eq!(verifying.verify(&signature.scheme, b"message", &signature.bytes), Ok(()));
        }
    }

    #[test]
    fn who_declares_no_purpose_means_the_keys_own() {
        let key = held("timestamp");
        let id = &key.record().id;
        let undeclared = SignRequest { key_id: id, gun: None, role: None, message: br#"{"_type":"Timestamp"}"# };
        assert!(key.approve(&undeclared, LIMIT).is_ok());
        let other = "example.org/other".parse().unwrap();
        assert!(key.approve(&SignRequest { gun: Some(&other), ..undeclared }, LIMIT).is_err());
        assert!(key.approve(&SignRequest { role: Some(&RoleName::Snapshot), ..undeclared }, LIMIT).is_err());
    }

    #[test]
    fn a_message_must_say_its_role_where_the_request_does_not() {
        let key = held("timestamp");
        let approve = |message| {
            let id = &key.record().id;
            key.approve(&SignRequest { key_id: id, gun: None, role: None, message }, LIMIT).is_ok()
        };
        assert!(approve(br#"{"_type":"timestamp","v":1}"#), "TUF 1.0 writes it small");
        for other in [
            br#"{"_type":"Snapshot"}"#.as_slice(),
            br#"{"_type":"Targets"}"#,
            br#"{"_type":"Timestamp","_type":"Snapshot"}"#,
            br#"{"signed":{"_type":"Timestamp"}}"#,
            br#"{"_type":"Timestamp"} {}"#,
            br#"["Timestamp"]"#,
            b"{}",
            b"Timestamp",
        ] {
            assert!(!approve(other), "{}", String::from_utf8_lossy(other));
        }
    }

    #[test]
    fn another_id_gun_or_role_is_refused() {
        let key = held("timestamp");
        let KeyRecord { id, gun, role, .. } = key.record();
        let right = SignRequest { key_id: id, gun: Some(gun), role: Some(role), message: b"message" };
        let (other_id, prefix, snapshot) =
            ("00".parse().unwrap(), "example.org/ap".parse().unwrap(), RoleName::Snapshot);
        let case = "example.org/App".parse().unwrap();
        for request in [
            SignRequest { key_id: &other_id, ..right },
            SignRequest { gun: Some(&prefix), ..right },
            SignRequest { gun: Some(&case), ..right },
            SignRequest { role: Some(&snapshot), ..right },
        ] {
            assert!(matches!(key.approve(&request, LIMIT), Err(Refusal::OtherPurpose { .. })));
        }
    }

    #[test]
    fn keys_of_other_roles_never_sign_even_if_a_row_says_so() {
        for role in ["root", "targets", "targets/releases"] {
            let key = held(role);
            let KeyRecord { id, gun, role, .. } = key.record();
            let request = SignRequest { key_id: id, gun: Some(gun), role: Some(role), message: b"message" };
            assert!(matches!(key.approve(&request, LIMIT), Err(Refusal::Role { .. })));
        }
    }

    #[test]
    fn empty_and_oversized_messages_are_refused() {
        let key = held("snapshot");
        let KeyRecord { id, gun, role, .. } = key.record();
        let approve = |message| {
            key.approve(&SignRequest { key_id: id, gun: Some(gun), role: Some(role), message }, LIMIT).map(|_| ())
        };
        assert_eq!(approve(b""), Err(Refusal::EmptyMessage));
        assert_eq!(approve(&[1; LIMIT]), Ok(()));
        assert_eq!(approve(&[1; LIMIT + 1]), Err(Refusal::MessageTooLarge { bytes: LIMIT + 1, limit: LIMIT }));
    }

    #[test]
    fn a_record_of_another_key_is_refused() {
        let random = SystemRandom::new();
        let key = || SigningKey::generate(KeyAlgorithm::Ed25519, &random).unwrap();
        let (ours, theirs) = (key(), key());
        let mut wrong_id = record(&ours, "snapshot");
        wrong_id.id = key_id(theirs.public_key());
        let mut wrong_algorithm = record(&ours, "snapshot");
        wrong_algorithm.algorithm = KeyAlgorithm::Ecdsa;
        assert_eq!(HeldKey::bind(record(&theirs, "snapshot"), ours).unwrap_err(), Mismatch::PublicKey);
        assert_eq!(HeldKey::bind(wrong_algorithm, key()).unwrap_err(), Mismatch::Algorithm);
        let same = SigningKey::from_plain(KeyAlgorithm::Ed25519, &theirs.to_plain()).unwrap();
        let mut wrong_id = KeyRecord { public: theirs.public_key().clone(), ..wrong_id };
        wrong_id.id = "00".parse().unwrap();
        assert_eq!(HeldKey::bind(wrong_id, same).unwrap_err(), Mismatch::KeyId);
    }

    #[test]
    fn debug_shows_no_private_key() {
        let key = SigningKey::generate(KeyAlgorithm::Ed25519, &SystemRandom::new()).unwrap();
        let seed = format!("{:?}", &key.to_plain()[32..64]);
        let shown = format!("{:?}", HeldKey::bind(record(&key, "snapshot"), key).unwrap());
        assert!(shown.contains("example.org/app"));
        assert!(!shown.contains(seed.trim_matches(['[', ']'])), "{shown}");
    }
}
