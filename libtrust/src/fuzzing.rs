//! What each fuzz target does with arbitrary bytes. The targets in `libtrust/fuzz` and the plain test over their corpora
//! run the same bodies. A body panics when a promise is broken.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::missing_panics_doc)]

use crate::dialect::{Dialect, Envelope, Spelled};
use crate::json::{Numbers, Value, to_canonical, to_wire};
use crate::keys::{CertificateBundle, KeyAlgorithm, KeyType, PublicKey, SignatureScheme, SigningKey};
use crate::limits::Limits;
use crate::metadata::{Root, Snapshot, Targets, Timestamp};
use crate::names::{Gun, ImageReference, KeyId, RoleName};
use crate::testing::now;

/// What one target does with its input.
pub type Body = fn(&[u8]);

/// Every target by the name of its folder in the corpus. Without feature `client` that of key files does nothing.
pub const TARGETS: [(&str, Body); 11] = [
    ("json", json),
    ("canonical", canonical),
    ("root", root),
    ("targets", targets),
    ("snapshot", snapshot),
    ("timestamp", timestamp),
    ("certificate", certificate),
    ("key", key),
    ("key_file", key_file),
    ("names", names),
    ("image", image),
];

/// What we read as JSON is JSON to an independent reader too.
pub fn json(bytes: &[u8]) {
    if let Ok(value) = Value::parse(bytes, 32) {
        serde_json::from_slice::<serde::de::IgnoredAny>(bytes).unwrap();
        assert_eq!(value.clone().into_owned(), value);
    }
}

/// The wire form reads back as a value with the same canonical form, and is its own wire form.
pub fn canonical(bytes: &[u8]) {
    let Ok(value) = Value::parse(bytes, 32) else { return };
    let Ok(canonical) = to_canonical(&value, Numbers::WithinDoubles) else { return };
    let wire = to_wire(&value, Numbers::WithinDoubles).unwrap();
    let again = Value::parse(&wire, 32).unwrap();
    assert_eq!(to_canonical(&again, Numbers::WithinDoubles).unwrap(), canonical);
    assert_eq!(to_wire(&again, Numbers::WithinDoubles).unwrap(), wire);
}

/// A file of the root role.
pub fn root(bytes: &[u8]) {
    role::<Root>(&RoleName::Root, bytes);
}

/// A file of the targets role, and of a delegation.
pub fn targets(bytes: &[u8]) {
    role::<Targets>(&RoleName::Targets, bytes);
    role::<Targets>(&"targets/a".parse().unwrap(), bytes);
}

/// A file of the snapshot role.
pub fn snapshot(bytes: &[u8]) {
    role::<Snapshot>(&RoleName::Snapshot, bytes);
}

/// A file of the timestamp role.
pub fn timestamp(bytes: &[u8]) {
    role::<Timestamp>(&RoleName::Timestamp, bytes);
}

/// In each dialect: what was read is written so that it reads back, is written the same, and is signed the same.
fn role<T: Spelled>(role: &RoleName, bytes: &[u8]) {
    for dialect in [Dialect::Notary, Dialect::Tuf] {
        let limits = Limits { file_bytes: 1 << 20, ..Limits::default() };
        let Ok(envelope) = Envelope::parse(dialect, role.clone(), bytes, &limits) else { continue };
        let Ok(metadata) = T::decode(&envelope) else { continue };
        let unsigned = dialect.encode_over(&metadata, &envelope).unwrap();
        let written = unsigned.with_signatures(dialect, envelope.signatures());
        // What we write may be longer than what was read.
        let Ok(again) = Envelope::parse(dialect, role.clone(), &written, &Limits::default()) else {
            panic!("what was written does not read back: {}", String::from_utf8_lossy(&written))
        };
        assert_eq!(again.canonical(), unsigned.canonical);
        assert_eq!(again.signatures(), envelope.signatures());
        assert_eq!(dialect.encode_over(&T::decode(&again).unwrap(), &again).unwrap(), unsigned);
    }
}

/// PEM text of certificates.
pub fn certificate(bytes: &[u8]) {
    for key_type in [KeyType::EcdsaX509, KeyType::RsaX509] {
        let _ = PublicKey::new(key_type, bytes.to_vec()).verifying_key();
    }
    let Ok(bundle) = CertificateBundle::parse(bytes) else { return };
    let _ = (bundle.is_sound(), bundle.is_current(now()));
    if let Some(gun) = bundle.common_name().and_then(|name| name.parse::<Gun>().ok()) {
        bundle.names(&gun).unwrap();
    }
}

/// Public and private keys of every kind, and a signature that nobody made.
pub fn key(bytes: &[u8]) {
    for key_type in [KeyType::Ecdsa, KeyType::Rsa, KeyType::Ed25519, KeyType::Other("other".to_owned())] {
        let Ok(key) = (PublicKey::new(key_type, bytes.to_vec())).verifying_key() else { continue };
        for scheme in [
            SignatureScheme::EcdsaFixed,
            SignatureScheme::RsaPss,
            SignatureScheme::RsaPkcs1v15,
            SignatureScheme::Ed25519,
            SignatureScheme::EcdsaP256Der,
            SignatureScheme::EcdsaP384Der,
            SignatureScheme::RsaPssSha384,
            SignatureScheme::RsaPssSha512,
            SignatureScheme::OfKey,
        ] {
            assert!(key.verify(&scheme, b"message", bytes).is_err());
        }
    }
    for algorithm in [KeyAlgorithm::Ecdsa, KeyAlgorithm::Ed25519] {
        if let Ok(key) = SigningKey::from_plain(algorithm, bytes) {
            key.public_key().verifying_key().unwrap();
        }
    }
    let _ = SigningKey::from_pkcs8(bytes);
}

/// A file of private keys: what opens is sealed, written and read again as the same key, with the same headers.
pub fn key_file(bytes: &[u8]) {
    #[cfg(feature = "client")]
    crate::client::fuzz_key_file(bytes);
    #[cfg(not(feature = "client"))]
    let _ = bytes;
}

/// Names print as they were read.
pub fn names(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(gun) = text.parse::<Gun>() {
        assert_eq!(gun.as_str(), text);
    }
    if let Ok(id) = text.parse::<KeyId>() {
        assert_eq!(id.as_str(), text);
    }
    match text.parse::<RoleName>() {
        Ok(RoleName::Delegation(name)) => {
            assert_eq!(name.as_str(), text);
            assert!(text.starts_with(name.parent().as_str()));
            assert!(!text.contains("..") && text.is_ascii() && text.len() <= 255);
        }
        Ok(role) => assert_eq!(role.as_str(), text),
        Err(_) => {}
    }
    if let Ok(role) = RoleName::in_tuf(text) {
        assert_eq!(role.as_str(), text);
    }
}

/// An image reference reads back the same from its whole and from its familiar form, and names no other place.
pub fn image(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(image) = text.parse::<ImageReference>() else { return };
    assert_eq!(image.to_string().parse::<ImageReference>().unwrap(), image);
    assert_eq!(image.familiar().to_string().parse::<ImageReference>().unwrap(), image);
    assert_eq!(image.gun().registry(), Some(image.registry()));
    assert!(image.path().split('/').all(|part| !part.is_empty() && !part.starts_with('.')));
}
