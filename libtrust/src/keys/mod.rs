//! Keys: what they are, and making or checking one signature with one key. Who must sign is decided in [`crate::verify`].

mod algorithm;
mod authority;
mod certificate;
mod private_der;
mod public_key;
mod public_pem;
mod signature;
mod signing_key;
mod verifying_key;

pub use algorithm::{KeyAlgorithm, KeyType, UnknownAlgorithm};
pub use authority::{CertificateAuthorities, InvalidAuthorities};
#[cfg(feature = "client")]
pub(crate) use certificate::certificate_end;
#[cfg(feature = "pkcs11")]
pub(crate) use certificate::common_name;
pub use certificate::{CertificateBundle, CertificateFault, InvalidBundle};
pub use private_der::InvalidPrivateKey;
pub(crate) use private_der::P256_SPKI_PREFIX;
#[cfg(feature = "pkcs11")]
pub(crate) use private_der::SEC1_HEAD;
#[cfg(feature = "client")]
pub(crate) use private_der::tlv;
pub use public_key::PublicKey;
pub use public_pem::InvalidPublicKeyFile;
pub use signature::{Signature, SignatureScheme};
pub use signing_key::{SigningFailed, SigningKey};
pub(crate) use verifying_key::ecdsa_der;
pub use verifying_key::{BadSignature, UnusableKey, VerifyingKey};
