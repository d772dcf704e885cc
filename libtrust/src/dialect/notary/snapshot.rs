//! Snapshot.

use std::collections::BTreeMap;

use super::common::{decode as decode_role, file_meta, file_meta_value, map, object, time_value};
use crate::dialect::{Envelope, Fault, InvalidMetadata};
use crate::json::Value;
use crate::metadata::{FileMeta, Snapshot};

/// Roles that every snapshot names with their SHA-256.
const REQUIRED: [&str; 2] = ["root", "targets"];

pub(in crate::dialect) fn decode(envelope: &Envelope<'_>) -> Result<Snapshot, InvalidMetadata> {
    decode_role(envelope, "Snapshot", |at, version| {
        let listed = at.need("meta", "an object")?;
        let mut meta: BTreeMap<String, FileMeta> = BTreeMap::new();
        for (name, at) in listed.members()? {
            meta.insert(name.to_owned(), file_meta(&at, name, REQUIRED.contains(&name))?);
        }
        if let Some(missing) = REQUIRED.into_iter().find(|role| !meta.contains_key(*role)) {
            return Err(Fault::MissingChecksum(missing.to_owned()));
        }
        Ok(Snapshot { version, expires: envelope.header().expires, meta })
    })
}

pub(in crate::dialect) fn value(snapshot: &Snapshot) -> Value<'_> {
    object([
        ("_type", "Snapshot".into()),
        ("expires", time_value(snapshot.expires)),
        ("meta", map(snapshot.meta.iter().map(|(role, meta)| (role.as_str(), file_meta_value(meta))))),
        ("version", snapshot.version.get().into()),
    ])
}
