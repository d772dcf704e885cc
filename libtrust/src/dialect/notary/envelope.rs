//! The outer object: `signed`, and `signatures` of `keyid`, `method` and `sig`.

use super::common::decode_base64;
use crate::dialect::reader::At;
use crate::dialect::{Fault, Header, MalformedFile};
use crate::json::Value;
use crate::keys::{Signature, SignatureScheme};
use crate::limits::Limits;
use crate::names::RoleName;

/// What every role says about itself, and its signatures.
pub(in crate::dialect) fn read(
    role: &RoleName,
    file: &Value<'_>,
    limits: &Limits,
) -> Result<(Header, Vec<Signature>), MalformedFile> {
    let at = At::root(file);
    match file.get("signatures") {
        Some(Value::Array(signatures)) if signatures.len() > limits.signatures => {
            let (role, found) = (role.clone(), signatures.len());
            return Err(MalformedFile::TooManySignatures { role, found, limit: limits.signatures });
        }
        _ => {}
    }
    let result = at.refuse_ambiguous(&["signed", "signatures"]).and_then(|()| Ok((header(&at)?, signatures(&at)?)));
    result.map_err(|fault| match fault {
        Fault::Member { member, expected } => MalformedFile::Member { role: role.clone(), member, expected },
        other => MalformedFile::Member { role: role.clone(), member: other.to_string(), expected: "spelled exactly" },
    })
}

fn header(at: &At<'_, '_, '_>) -> Result<Header, Fault> {
    let signed = at.need("signed", "an object")?;
    if !matches!(signed.value, Value::Object(_)) {
        return Err(signed.fault("an object"));
    }
    signed.refuse_ambiguous(&[
        "_type",
        "version",
        "expires",
        "keys",
        "roles",
        "consistent_snapshot",
        "targets",
        "delegations",
        "meta",
    ])?;
    let type_name = signed.need("_type", "a string")?.str()?.to_owned();
    let version = signed.need("version", "a whole number")?.whole()?;
    let expires = signed.need("expires", "a date")?.time()?;
    Ok(Header { type_name, version, expires })
}

fn signatures(at: &At<'_, '_, '_>) -> Result<Vec<Signature>, Fault> {
    match at.member("signatures") {
        None => Ok(Vec::new()),
        Some(list) => list.list()?.map(|at| signature(&at)).collect(),
    }
}

fn signature(at: &At<'_, '_, '_>) -> Result<Signature, Fault> {
    at.refuse_ambiguous(&["keyid", "method", "sig"])?;
    let key_id = at.need("keyid", "a key id")?;
    let key_id = key_id.str()?.parse().map_err(|_| key_id.fault("a key id"))?;
    let scheme = scheme(at.need("method", "a string")?.str()?);
    let sig = at.need("sig", "a base64 string")?;
    let bytes = decode_base64(sig.str()?).ok_or_else(|| sig.fault("a base64 string"))?;
    Ok(Signature { key_id, scheme, bytes })
}

fn scheme(method: &str) -> SignatureScheme {
    match method.to_lowercase().as_str() {
        "ecdsa" => SignatureScheme::EcdsaFixed,
        "rsapss" => SignatureScheme::RsaPss,
        "rsapkcs1v15" => SignatureScheme::RsaPkcs1v15,
        "eddsa" => SignatureScheme::Ed25519,
        other => SignatureScheme::Other(other.chars().take(64).collect()),
    }
}

pub(super) fn method(scheme: &SignatureScheme) -> &str {
    match scheme {
        SignatureScheme::EcdsaFixed => "ecdsa",
        SignatureScheme::RsaPss => "rsapss",
        SignatureScheme::RsaPkcs1v15 => "rsapkcs1v15",
        SignatureScheme::Ed25519 => "eddsa",
        SignatureScheme::Other(name) => name,
        // Notary has no such method, so its readers pass these over.
        SignatureScheme::EcdsaP256Der => "ecdsa-sha2-nistp256",
        SignatureScheme::EcdsaP384Der => "ecdsa-sha2-nistp384",
        SignatureScheme::RsaPssSha384 => "rsassa-pss-sha384",
        SignatureScheme::RsaPssSha512 => "rsassa-pss-sha512",
        SignatureScheme::OfKey => "",
    }
}
