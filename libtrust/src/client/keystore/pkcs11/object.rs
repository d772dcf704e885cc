//! Keys as objects of a token.
//!
//! A key is a private key, a public key and perhaps a certificate that share their `CKA_ID`. What it is for says the
//! certificate's common name, as Notary has it on a Yubikey, or the public key's `CKA_LABEL`, `trust ROLE`, which is what
//! is written here. Keys of other programs are not listed, but sign if metadata names them.

use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, AttributeType, CertificateType, KeyType as TokenKeyType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom as _, SystemRandom};
use x509_cert::Certificate;
use x509_cert::der::{Decode as _, Encode as _};

use super::token::{Fault, token_error};
use crate::dialect::notary::key_id;
use crate::keys::{KeyType, P256_SPKI_PREFIX, PublicKey, SEC1_HEAD, SigningKey, common_name};
use crate::names::{KeyId, RoleName};

const LABEL: &str = "trust ";
const OBJECT_ID_BYTES: usize = 20;
const POINT_BYTES: usize = 65;
/// DER of the curve's name, 1.2.840.10045.3.1.7.
const P256: [u8; 10] = [0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];

/// A P-256 key of a token, as far as it can be seen without the PIN.
pub struct TokenKey {
    pub id: KeyId,
    pub public: PublicKey,
    /// What it is for; `None` for keys of other programs.
    pub role: Option<String>,
    /// `CKA_ID`.
    pub object_id: Vec<u8>,
    /// Whether it was put there by this code: its label says so.
    pub is_ours: bool,
}

/// Every P-256 key.
pub fn keys(session: &Session) -> Result<Vec<TokenKey>, Fault> {
    let certificates = certificates(session)?;
    let mut keys: Vec<TokenKey> = Vec::new();
    let template =
        [Attribute::Class(ObjectClass::PUBLIC_KEY), Attribute::Token(true), Attribute::KeyType(TokenKeyType::EC)];
    for object in session.find_objects(&template)? {
        let (mut object_id, mut label, mut point) = (Vec::new(), Vec::new(), Vec::new());
        for attribute in
            session.get_attributes(object, &[AttributeType::Id, AttributeType::Label, AttributeType::EcPoint])?
        {
            match attribute {
                Attribute::Id(bytes) => object_id = bytes,
                Attribute::Label(bytes) => label = bytes,
                Attribute::EcPoint(bytes) => point = bytes,
                _ => {}
            }
        }
        let Some(public) = from_point(&point) else { continue };
        let ours = std::str::from_utf8(&label).ok().and_then(|label| label.strip_prefix(LABEL)).map(str::to_owned);
        let certificate = certificates.iter().find(|certificate| certificate.object_id == object_id);
        let of_certificate = certificate.and_then(|certificate| certificate.role.clone());
        let is_ours = ours.is_some();
        keys.push(TokenKey { id: key_id(&public), public, role: ours.or(of_certificate), object_id, is_ours });
    }
    // Some tokens show a public key in its certificate alone.
    for certificate in certificates {
        if !keys.iter().any(|key| key.object_id == certificate.object_id) {
            keys.push(certificate);
        }
    }
    Ok(keys)
}

/// The key of each certificate over one of P-256, with the role in its common name.
fn certificates(session: &Session) -> Result<Vec<TokenKey>, Fault> {
    let template = [Attribute::Class(ObjectClass::CERTIFICATE), Attribute::CertificateType(CertificateType::X_509)];
    let mut found = Vec::new();
    for object in session.find_objects(&template)? {
        let (mut object_id, mut der) = (Vec::new(), Vec::new());
        for attribute in session.get_attributes(object, &[AttributeType::Id, AttributeType::Value])? {
            match attribute {
                Attribute::Id(bytes) => object_id = bytes,
                Attribute::Value(bytes) => der = bytes,
                _ => {}
            }
        }
        let Ok(certificate) = Certificate::from_der(&der) else { continue };
        let Ok(spki) = certificate.tbs_certificate().subject_public_key_info().to_der() else { continue };
        if spki.strip_prefix(&P256_SPKI_PREFIX).is_none_or(|point| point.len() != POINT_BYTES) {
            continue;
        }
        let role = common_name(&certificate).filter(|name| name.parse::<RoleName>().is_ok());
        let public = PublicKey::new(KeyType::Ecdsa, spki);
        found.push(TokenKey { id: key_id(&public), public, role, object_id, is_ours: false });
    }
    Ok(found)
}

/// Most tokens wrap the point into a DER octet string, some do not.
fn from_point(point: &[u8]) -> Option<PublicKey> {
    let point = point.strip_prefix(&[0x04, 0x41]).filter(|rest| rest.len() == POINT_BYTES).unwrap_or(point);
    let is_point = point.len() == POINT_BYTES && point.first() == Some(&4);
    is_point.then(|| PublicKey::new(KeyType::Ecdsa, [&P256_SPKI_PREFIX[..], point].concat()))
}

/// The private key of a `CKA_ID`.
pub fn private(session: &Session, object_id: &[u8]) -> Result<Option<ObjectHandle>, Fault> {
    let template = [
        Attribute::Class(ObjectClass::PRIVATE_KEY),
        Attribute::KeyType(TokenKeyType::EC),
        Attribute::Id(object_id.to_vec()),
    ];
    Ok(session.find_objects(&template)?.first().copied())
}

/// ECDSA over SHA-256; r and s.
pub fn sign(session: &Session, private: ObjectHandle, message: &[u8]) -> Result<Vec<u8>, Fault> {
    Ok(session.sign(&Mechanism::Ecdsa, private, digest(&SHA256, message).as_ref())?)
}

/// Makes a key in the token.
pub fn generate(session: &Session, token: &str, role: &str) -> Result<Vec<u8>, Fault> {
    let object_id = new_object_id(token)?;
    let public = public_template(&object_id, role);
    let private = private_template(&object_id, role);
    session.generate_key_pair(&Mechanism::EccKeyPairGen, &public, &private)?;
    Ok(object_id)
}

/// Puts a key into the token, from which it does not come out again.
pub fn import(session: &Session, token: &str, key: &SigningKey, role: &str) -> Result<Vec<u8>, Fault> {
    let failed = || token_error(token, "take a key", "only ECDSA P-256 keys can be put into it");
    let plain = key.to_plain();
    let scalar = plain.strip_prefix(&SEC1_HEAD).and_then(|rest| rest.get(..32)).ok_or_else(failed)?;
    let point = key.public_key().public.strip_prefix(&P256_SPKI_PREFIX).ok_or_else(failed)?;
    let object_id = new_object_id(token)?;
    let mut private = private_template(&object_id, role);
    private.extend([
        Attribute::Class(ObjectClass::PRIVATE_KEY),
        Attribute::KeyType(TokenKeyType::EC),
        Attribute::EcParams(P256.to_vec()),
        Attribute::Value(scalar.to_vec()),
    ]);
    let mut public = public_template(&object_id, role);
    public.extend([
        Attribute::Class(ObjectClass::PUBLIC_KEY),
        Attribute::KeyType(TokenKeyType::EC),
        Attribute::EcPoint([&[0x04, 0x41], point].concat()),
    ]);
    // The library keeps no copy of the attributes beyond the call.
    let created = session.create_object(&private);
    wipe(private);
    let private = created?;
    if let Err(error) = session.create_object(&public) {
        // Without its public part nobody would ever find it.
        let _ = session.destroy_object(private);
        return Err(error.into());
    }
    Ok(object_id)
}

/// Removes a key with everything that shares its `CKA_ID`. It cannot be brought back.
pub fn destroy(session: &Session, object_id: &[u8]) -> Result<(), Fault> {
    for class in [ObjectClass::PRIVATE_KEY, ObjectClass::PUBLIC_KEY, ObjectClass::CERTIFICATE] {
        for object in session.find_objects(&[Attribute::Class(class), Attribute::Id(object_id.to_vec())])? {
            session.destroy_object(object)?;
        }
    }
    Ok(())
}

fn public_template(object_id: &[u8], role: &str) -> Vec<Attribute> {
    vec![
        Attribute::Token(true),
        Attribute::Private(false),
        Attribute::Verify(true),
        Attribute::EcParams(P256.to_vec()),
        Attribute::Id(object_id.to_vec()),
        Attribute::Label(format!("{LABEL}{role}").into_bytes()),
    ]
}

fn private_template(object_id: &[u8], role: &str) -> Vec<Attribute> {
    vec![
        Attribute::Token(true),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Sign(true),
        Attribute::Id(object_id.to_vec()),
        Attribute::Label(format!("{LABEL}{role}").into_bytes()),
    ]
}

fn new_object_id(token: &str) -> Result<Vec<u8>, Fault> {
    let mut id = vec![0; OBJECT_ID_BYTES];
    let random = SystemRandom::new().fill(&mut id);
    random.map_err(|_| token_error(token, "take a key", "the system's random source failed"))?;
    Ok(id)
}

fn wipe(attributes: Vec<Attribute>) {
    use zeroize::Zeroize as _;
    for attribute in attributes {
        if let Attribute::Value(mut secret) = attribute {
            secret.zeroize();
        }
    }
}
