//! A file as it came: exact bytes, the value that is signed, and signatures nobody has checked yet.

use std::borrow::Cow;

use chrono::{DateTime, Utc};

use super::error::MalformedFile;
use super::{Dialect, notary, tuf};
use crate::json::{Value, canonical_in};
use crate::keys::Signature;
use crate::limits::Limits;
use crate::names::RoleName;

/// A parsed, **unverified** file of one role.
#[derive(Debug, Clone)]
pub struct Envelope<'a> {
    dialect: Dialect,
    role: RoleName,
    bytes: &'a [u8],
    signed: Value<'a>,
    canonical: Cow<'a, [u8]>,
    header: Header,
    signatures: Vec<Signature>,
    limits: Limits,
}

/// What every role says about itself. Unverified, like the envelope it is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// `_type` as written.
    pub type_name: String,
    /// `version` as written; anything a signed 64-bit number holds.
    pub version: i64,
    /// `expires`.
    pub expires: DateTime<Utc>,
}

impl<'a> Envelope<'a> {
    /// Reads `bytes` as a file of `role`.
    ///
    /// # Errors
    /// If they are not JSON within the limits, or lack what every role has.
    pub fn parse(dialect: Dialect, role: RoleName, bytes: &'a [u8], limits: &Limits) -> Result<Self, MalformedFile> {
        if bytes.len() > limits.file_bytes {
            return Err(MalformedFile::TooLarge { role, bytes: bytes.len(), limit: limits.file_bytes });
        }
        let file = match Value::parse_within(bytes, limits.json_depth, limits.json_values) {
            Ok(file) => file,
            Err(cause) => return Err(MalformedFile::Json { role, cause }),
        };
        let read = match dialect {
            Dialect::Notary => notary::read_envelope(&role, &file, limits)?,
            Dialect::Tuf => tuf::read_envelope(&role, &file, limits)?,
        };
        let signed = take(file, "signed");
        // Notary's programs and ours begin with what is signed, in the form that is signed.
        let text = bytes.strip_prefix(b"{\"signed\":").unwrap_or(bytes);
        let canonical = match canonical_in(&signed, dialect.rules().numbers, text) {
            Ok(canonical) => canonical,
            Err(cause) => return Err(MalformedFile::NotCanonical { role, cause }),
        };
        let (header, signatures) = read;
        Ok(Self { dialect, role, bytes, signed, canonical, header, signatures, limits: *limits })
    }

    /// The dialect it is spelled in.
    #[must_use]
    pub const fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The role it was read as.
    #[must_use]
    pub const fn role(&self) -> &RoleName {
        &self.role
    }

    /// The exact bytes.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// What signatures are over.
    #[must_use]
    pub fn canonical(&self) -> &[u8] {
        &self.canonical
    }

    /// What it says about itself.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// Its signatures, unchecked.
    #[must_use]
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// The value of `signed`.
    pub(crate) const fn signed(&self) -> &Value<'a> {
        &self.signed
    }

    pub(crate) const fn limits(&self) -> &Limits {
        &self.limits
    }
}

fn take<'a>(value: Value<'a>, name: &str) -> Value<'a> {
    match value {
        Value::Object(members) => {
            members.into_iter().find(|(member, _)| member == name).map_or(Value::Null, |(_, value)| value)
        }
        _ => Value::Null,
    }
}
