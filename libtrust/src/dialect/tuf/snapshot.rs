//! Snapshot. Its members are named by file, the model's by role.

use std::collections::BTreeMap;

use super::common::{decode as decode_role, file_meta, file_meta_value, signed};
use crate::dialect::writer::time_value;
use crate::dialect::{Envelope, InvalidMetadata};
use crate::json::Value;
use crate::metadata::{FileMeta, Snapshot};

const SUFFIX: &str = ".json";

pub(in crate::dialect) fn decode(envelope: &Envelope<'_>) -> Result<Snapshot, InvalidMetadata> {
    decode_role(envelope, "snapshot", |at, version| {
        let listed = at.need("meta", "an object")?;
        let mut meta: BTreeMap<String, FileMeta> = BTreeMap::new();
        for (name, at) in listed.object()? {
            let file = file_meta(&at, name)?;
            // What is no file of a role is nothing to us.
            if let Some(role) = name.strip_suffix(SUFFIX) {
                meta.insert(role.to_owned(), file);
            }
        }
        Ok(Snapshot { version, expires: envelope.header().expires, meta })
    })
}

pub(in crate::dialect) fn value(snapshot: &Snapshot) -> Value<'static> {
    let meta = snapshot.meta.iter().map(|(role, file)| (format!("{role}{SUFFIX}").into(), file_meta_value(file)));
    let members = [("expires", time_value(snapshot.expires)), ("meta", meta.collect())];
    signed("snapshot", snapshot.version, members)
}
