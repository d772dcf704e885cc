//! Snapshot. Its members are named by file, the model's by role.

use super::common::{decode as decode_role, file_meta, file_meta_value, signed};
use crate::dialect::writer::time_value;
use crate::dialect::{Envelope, Fault, InvalidMetadata};
use crate::json::Value;
use crate::metadata::Snapshot;

const SUFFIX: &str = ".json";

pub(in crate::dialect) fn decode(envelope: &Envelope<'_>) -> Result<Snapshot, InvalidMetadata> {
    decode_role(envelope, "snapshot", |at, version| {
        let listed = at.need("meta", "an object")?;
        let files = listed.object()?.map(|(name, at)| {
            let file = file_meta(&at, name)?;
            // What is no file of a role is nothing to us.
            Ok(name.strip_suffix(SUFFIX).map(|role| (role.to_owned(), file)))
        });
        let meta = files.filter_map(Result::transpose).collect::<Result<_, Fault>>()?;
        Ok(Snapshot { version, expires: envelope.header().expires, meta })
    })
}

pub(in crate::dialect) fn value(snapshot: &Snapshot) -> Value<'_> {
    let meta = snapshot.meta.iter().map(|(role, file)| (format!("{role}{SUFFIX}").into(), file_meta_value(file)));
    let members = [("expires", time_value(snapshot.expires)), ("meta", meta.collect())];
    signed("snapshot", snapshot.version, members)
}
