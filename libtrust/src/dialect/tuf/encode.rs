//! Writing files.

use crate::dialect::writer::object;
use crate::json::{Numbers, Value, to_wire};
use crate::keys::{Signature, SignatureScheme, ecdsa_der};

/// `{"signed":..,"signatures":[..]}`, without white space.
pub(in crate::dialect) fn file(signed: &[u8], signatures: &[Signature]) -> Vec<u8> {
    let signatures = signatures.iter().map(|signature| {
        let sig = hex::encode(bytes(signature));
        object([("keyid", signature.key_id.as_str().into()), ("sig", sig.into())])
    });
    // Strings alone: there is no number that could fail.
    let signatures = to_wire(&Value::Array(signatures.collect()), Numbers::Integers).unwrap_or_default();
    [b"{\"signed\":", signed, b",\"signatures\":", &signatures, b"}"].concat()
}

/// Our keys sign as Notary has it, r and s of fixed width.
fn bytes(signature: &Signature) -> Vec<u8> {
    let der = match signature.scheme {
        SignatureScheme::EcdsaFixed => ecdsa_der(&signature.bytes, signature.bytes.len() / 2),
        _ => None,
    };
    der.unwrap_or_else(|| signature.bytes.clone())
}
