//! Keys as objects of a token, and what their attributes say.
//!
//! A private key's `CKA_LABEL` is `notary-signer STAGE ROLE GUN`, so one search finds the pending key of a purpose and
//! one write moves a key on. Its `CKA_ID`, and that of its public key, is the key id's 32 bytes. Both can be written
//! after a key was made on every token; data objects and room for a serial number are not everywhere.

use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use libtrust::dialect::notary::key_id;
use libtrust::keys::{KeyAlgorithm, PublicKey};
use libtrust::names::{Gun, KeyId, RoleName};
use ring::digest::{SHA256, digest};

use super::fault::Fault;
use crate::keystore::{KeyRecord, KeyStoreError, RowFault};

const OWNER: &str = "notary-signer";
const KEY_ID_BYTES: usize = 32;

/// DER of the curves' names: OIDs 1.2.840.10045.3.1.7 and 1.3.101.112.
const P256: [u8; 10] = [0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const ED25519: [u8; 5] = [0x06, 0x03, 0x2b, 0x65, 0x70];
/// DER of a P-256 `SubjectPublicKeyInfo` up to its 65-byte point.
const P256_SPKI_PREFIX: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// How far a key got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Made, and not yet known to be the only one for its purpose. Never handed out.
    New,
    Pending,
    Used,
}

/// What a key is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Purpose {
    pub(super) gun: Gun,
    pub(super) role: RoleName,
    pub(super) algorithm: KeyAlgorithm,
}

impl Stage {
    const ALL: [Self; 3] = [Self::New, Self::Pending, Self::Used];

    const fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Pending => "pending",
            Self::Used => "used",
        }
    }
}

impl Purpose {
    pub(super) fn label(&self, stage: Stage) -> Vec<u8> {
        format!("{OWNER} {} {} {}", stage.as_str(), self.role, self.gun).into_bytes()
    }

    /// The private keys of this purpose and stage.
    pub(super) fn find(&self, session: &Session, stage: Stage) -> Result<Vec<ObjectHandle>, Fault> {
        Ok(session.find_objects(&[
            Attribute::Class(ObjectClass::PRIVATE_KEY),
            Attribute::Token(true),
            Attribute::KeyType(key_type(self.algorithm)),
            Attribute::Label(self.label(stage)),
        ])?)
    }

    /// What a private key's label and type say; `None` if it is not one of ours.
    pub(super) fn read(session: &Session, private: ObjectHandle) -> Result<Option<(Self, Stage)>, Fault> {
        let (mut label, mut kind) = (Vec::new(), None);
        for attribute in session.get_attributes(private, &[AttributeType::Label, AttributeType::KeyType])? {
            match attribute {
                Attribute::Label(bytes) => label = bytes,
                Attribute::KeyType(found) => kind = Some(found),
                _ => {}
            }
        }
        let algorithm = [KeyAlgorithm::Ecdsa, KeyAlgorithm::Ed25519];
        let algorithm = algorithm.into_iter().find(|algorithm| Some(key_type(*algorithm)) == kind);
        Ok(algorithm.and_then(|algorithm| Self::parse(&label, algorithm)))
    }

    fn parse(label: &[u8], algorithm: KeyAlgorithm) -> Option<(Self, Stage)> {
        let mut words = std::str::from_utf8(label).ok()?.splitn(4, ' ');
        let (owner, stage, role, gun) = (words.next()?, words.next()?, words.next()?, words.next()?);
        let stage = Stage::ALL.into_iter().find(|known| known.as_str() == stage)?;
        let purpose = Self { gun: gun.parse().ok()?, role: role.parse().ok()?, algorithm };
        (owner == OWNER).then_some((purpose, stage))
    }
}

/// The private key of an id. Others on the token, of whoever, are not found.
pub(super) fn find(session: &Session, id: &KeyId) -> Result<Option<(ObjectHandle, Purpose, Stage)>, Fault> {
    let Some(bytes) = id_bytes(id) else { return Ok(None) };
    let template = [Attribute::Class(ObjectClass::PRIVATE_KEY), Attribute::Token(true), Attribute::Id(bytes)];
    for private in session.find_objects(&template)? {
        if let Some((purpose, stage @ (Stage::Pending | Stage::Used))) = Purpose::read(session, private)? {
            return Ok(Some((private, purpose, stage)));
        }
    }
    Ok(None)
}

/// What the token says about a private key.
pub(super) fn record(
    session: &Session,
    private: ObjectHandle,
    purpose: Purpose,
    stage: Stage,
) -> Result<KeyRecord, Fault> {
    let id = attribute_id(session, private)?;
    let hex = hex::encode(&id);
    let public = public_key(session, &id, purpose.algorithm)?;
    let found = key_id(&public);
    if found.as_str() != hex {
        return Err(unreadable(&hex, "CKA_ID", &format!("its public key is that of key {found}")));
    }
    let Purpose { gun, role, algorithm } = purpose;
    Ok(KeyRecord { id: found, gun, role, algorithm, public, used: stage == Stage::Used })
}

/// Refuses a private key that somebody put into the token: they would have it, too.
pub(super) fn never_left(session: &Session, private: ObjectHandle, id: &KeyId) -> Result<(), Fault> {
    let asked = [AttributeType::Local, AttributeType::NeverExtractable];
    for attribute in session.get_attributes(private, &asked)? {
        let name = match attribute {
            Attribute::Local(false) => "CKA_LOCAL",
            Attribute::NeverExtractable(false) => "CKA_NEVER_EXTRACTABLE",
            _ => continue,
        };
        return Err(unreadable(id.as_str(), name, "it was not made in the token, or could leave it"));
    }
    Ok(())
}

/// A key pair that is new, under a passing id.
pub(super) fn generate(session: &Session, purpose: &Purpose, passing_id: &[u8]) -> Result<ObjectHandle, Fault> {
    let (mechanism, curve) = match purpose.algorithm {
        KeyAlgorithm::Ecdsa => (Mechanism::EccKeyPairGen, P256.to_vec()),
        KeyAlgorithm::Ed25519 => (Mechanism::EccEdwardsKeyPairGen, ED25519.to_vec()),
    };
    let label = purpose.label(Stage::New);
    let public = [
        Attribute::Token(true),
        Attribute::Private(false),
        Attribute::Verify(true),
        Attribute::EcParams(curve),
        Attribute::Id(passing_id.to_vec()),
        Attribute::Label(label.clone()),
    ];
    let private = [
        Attribute::Token(true),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Sign(true),
        Attribute::Id(passing_id.to_vec()),
        Attribute::Label(label),
    ];
    Ok(session.generate_key_pair(&mechanism, &public, &private)?.1)
}

/// Gives a new key its id, and then, with one write, makes it pending.
pub(super) fn settle(
    session: &Session,
    private: ObjectHandle,
    purpose: &Purpose,
    passing_id: &[u8],
) -> Result<KeyRecord, Fault> {
    let public = public_key(session, passing_id, purpose.algorithm)?;
    let id = key_id(&public);
    let Some(bytes) = id_bytes(&id) else {
        return Err(unreadable(id.as_str(), "CKA_ID", "a key id has 32 bytes"));
    };
    for object in publics(session, passing_id)? {
        session.update_attributes(object, &[Attribute::Id(bytes.clone()), Attribute::Label(OWNER.into())])?;
    }
    session.update_attributes(private, &[Attribute::Id(bytes)])?;
    session.update_attributes(private, &[Attribute::Label(purpose.label(Stage::Pending))])?;
    let Purpose { gun, role, algorithm } = purpose.clone();
    Ok(KeyRecord { id, gun, role, algorithm, public, used: false })
}

/// Removes a private key and its public key. They cannot be brought back.
pub(super) fn destroy(session: &Session, private: ObjectHandle) -> Result<(), Fault> {
    let id = attribute_id(session, private)?;
    session.destroy_object(private)?;
    for public in publics(session, &id)? {
        session.destroy_object(public)?;
    }
    Ok(())
}

pub(super) fn sign(
    session: &Session,
    private: ObjectHandle,
    algorithm: KeyAlgorithm,
    message: &[u8],
) -> Result<Vec<u8>, Fault> {
    Ok(match algorithm {
        KeyAlgorithm::Ecdsa => session.sign(&Mechanism::Ecdsa, private, digest(&SHA256, message).as_ref())?,
        KeyAlgorithm::Ed25519 => {
            let pure = Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Pure));
            session.sign(&pure, private, message)?
        }
    })
}

pub(super) fn attribute_id(session: &Session, object: ObjectHandle) -> Result<Vec<u8>, Fault> {
    let found =
        session.get_attributes(object, &[AttributeType::Id])?.into_iter().find_map(|attribute| match attribute {
            Attribute::Id(bytes) => Some(bytes),
            _ => None,
        });
    Ok(found.unwrap_or_default())
}

fn publics(session: &Session, id: &[u8]) -> Result<Vec<ObjectHandle>, Fault> {
    let class = Attribute::Class(ObjectClass::PUBLIC_KEY);
    Ok(session.find_objects(&[class, Attribute::Token(true), Attribute::Id(id.to_vec())])?)
}

fn public_key(session: &Session, id: &[u8], algorithm: KeyAlgorithm) -> Result<PublicKey, Fault> {
    let hex = hex::encode(id);
    let object = publics(session, id)?.into_iter().next();
    let object = object.ok_or_else(|| unreadable(&hex, "CKA_ID", "the token has no public key with it"))?;
    let point = session.get_attributes(object, &[AttributeType::EcPoint])?.into_iter().find_map(|found| match found {
        Attribute::EcPoint(bytes) => Some(bytes),
        _ => None,
    });
    let public = point.and_then(|point| from_point(&point, algorithm));
    let public = public.ok_or_else(|| unreadable(&hex, "CKA_EC_POINT", "it is not a point of the curve's form"))?;
    Ok(PublicKey::new(algorithm.key_type(), public))
}

/// Most tokens wrap the point into a DER octet string, some do not.
fn from_point(point: &[u8], algorithm: KeyAlgorithm) -> Option<Vec<u8>> {
    match (algorithm, point) {
        (KeyAlgorithm::Ecdsa, [0x04, 0x41, point @ ..] | point) if point.len() == 65 && point.first() == Some(&4) => {
            Some([&P256_SPKI_PREFIX[..], point].concat())
        }
        (KeyAlgorithm::Ed25519, [0x04, 0x20, point @ ..]) if point.len() == 32 => Some(point.to_vec()),
        (KeyAlgorithm::Ed25519, point) if point.len() == 32 => Some(point.to_vec()),
        _ => None,
    }
}

const fn key_type(algorithm: KeyAlgorithm) -> KeyType {
    match algorithm {
        KeyAlgorithm::Ecdsa => KeyType::EC,
        KeyAlgorithm::Ed25519 => KeyType::EC_EDWARDS,
    }
}

/// Ids are compared as text, so only the one spelling counts.
fn id_bytes(id: &KeyId) -> Option<Vec<u8>> {
    let bytes = hex::decode(id.as_str()).ok()?;
    (bytes.len() == KEY_ID_BYTES && hex::encode(&bytes) == id.as_str()).then_some(bytes)
}

fn unreadable(id: &str, column: &'static str, reason: &str) -> Fault {
    let fault = RowFault::Column { column, reason: reason.to_owned() };
    KeyStoreError::UnreadableRow { id: id.to_owned(), alias: String::new(), fault }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_says_what_a_key_is_for_and_foreign_ones_say_nothing() {
        for gun in ["example.org/app", "example.org/team/app "] {
            let (gun, role) = (gun.parse().unwrap(), RoleName::Timestamp);
            let purpose = Purpose { gun, role, algorithm: KeyAlgorithm::Ecdsa };
            for stage in Stage::ALL {
                let read = Purpose::parse(&purpose.label(stage), KeyAlgorithm::Ecdsa);
                assert_eq!(read, Some((purpose.clone(), stage)));
            }
        }
        for foreign in ["", "my key", "notary-signer used timestamp", "other used timestamp example.org/app", "\u{ff}"]
        {
            assert_eq!(Purpose::parse(foreign.as_bytes(), KeyAlgorithm::Ecdsa), None, "{foreign}");
        }
    }

    #[test]
    fn points_are_read_wrapped_and_bare() {
        let bare = [&[4; 1][..], &[7; 64]].concat();
        let wrapped = [&[0x04, 0x41][..], &bare].concat();
        assert_eq!(from_point(&bare, KeyAlgorithm::Ecdsa), from_point(&wrapped, KeyAlgorithm::Ecdsa));
        assert_eq!(from_point(&bare, KeyAlgorithm::Ecdsa).unwrap().len(), 91);
        assert_eq!(from_point(&[9; 32], KeyAlgorithm::Ed25519), Some(vec![9; 32]));
        assert_eq!(from_point(&[&[4, 32][..], &[9; 32]].concat(), KeyAlgorithm::Ed25519), Some(vec![9; 32]));
        assert_eq!(from_point(&bare[1..], KeyAlgorithm::Ecdsa), None);
    }
}
