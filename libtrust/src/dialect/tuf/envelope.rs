//! The outer object: `signed`, and `signatures` of `keyid` and `sig`.

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
    if let Some(Value::Array(signatures)) = file.get("signatures")
        && signatures.len() > limits.signatures
    {
        let (role, found) = (role.clone(), signatures.len());
        return Err(MalformedFile::TooManySignatures { role, found, limit: limits.signatures });
    }
    let at = At::root(file);
    let result = header(&at).and_then(|header| Ok((header, signatures(&at)?)));
    result.map_err(|fault| match fault {
        Fault::Member { member, expected } => MalformedFile::Member { role: role.clone(), member, expected },
        other => MalformedFile::Member { role: role.clone(), member: other.to_string(), expected: "well-formed" },
    })
}

fn header(at: &At<'_, '_, '_>) -> Result<Header, Fault> {
    let signed = at.need("signed", "an object")?;
    let type_name = signed.need("_type", "a string")?.str()?.to_owned();
    let version = signed.need("version", "a whole number")?.whole()?;
    let expires = signed.need("expires", "a date")?.time()?;
    let spec_version = signed.need("spec_version", "a string")?;
    if !is_major_one(spec_version.str()?) {
        return Err(spec_version.fault("1 and one or two more numbers; a later major version is another format"));
    }
    Ok(Header { type_name, version, expires })
}

/// `1.0`, `1.0.0`, `1.0.34`: numbers that dots separate.
fn is_major_one(text: &str) -> bool {
    let parts: Vec<&str> = text.split('.').collect();
    let is_number = |part: &&str| !part.is_empty() && part.len() <= 9 && part.bytes().all(|b| b.is_ascii_digit());
    (2..=3).contains(&parts.len()) && parts.iter().all(is_number) && parts.first() == Some(&"1")
}

fn signatures(at: &At<'_, '_, '_>) -> Result<Vec<Signature>, Fault> {
    let listed = at.need("signatures", "a list")?;
    let read = listed.array()?.map(|at| signature(&at)).collect::<Result<Vec<_>, _>>()?;
    Ok(read.into_iter().flatten().collect())
}

/// Nothing if no key can have that id. What is no hex is a wrong signature. Neither spoils what is beside it.
fn signature(at: &At<'_, '_, '_>) -> Result<Option<Signature>, Fault> {
    let Ok(key_id) = at.need("keyid", "a key id")?.str()?.parse() else { return Ok(None) };
    let bytes = hex::decode(at.need("sig", "a hex string")?.str()?).unwrap_or_default();
    Ok(Some(Signature { key_id, scheme: SignatureScheme::OfKey, bytes }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_major_version_one_is_read() {
        for text in ["1.0", "1.0.0", "1.0.34", "1.1.0", "1.99"] {
            assert!(is_major_one(text), "{text}");
        }
        for text in ["", "1", "2.0.0", "0.9", "1.0.0.0", "1.x", "1.", "01.0", "1.-1", "1.0.0-beta"] {
            assert!(!is_major_one(text), "{text}");
        }
    }
}
