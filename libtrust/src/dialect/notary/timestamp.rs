//! Timestamp.

use super::common::{decode as decode_role, file_meta, file_meta_value, object, time_value};
use crate::dialect::{Envelope, Fault, InvalidMetadata};
use crate::json::Value;
use crate::metadata::Timestamp;

pub(in crate::dialect) fn decode(envelope: &Envelope<'_>) -> Result<Timestamp, InvalidMetadata> {
    decode_role(envelope, "Timestamp", |at, version| {
        let meta = at.need("meta", "an object")?;
        let snapshot = meta.member("snapshot").ok_or_else(|| Fault::MissingChecksum("snapshot".to_owned()))?;
        let snapshot = file_meta(&snapshot, "snapshot", true)?;
        Ok(Timestamp { version, expires: envelope.header().expires, snapshot })
    })
}

pub(in crate::dialect) fn value(timestamp: &Timestamp) -> Value<'_> {
    object([
        ("_type", "Timestamp".into()),
        ("expires", time_value(timestamp.expires)),
        ("meta", object([("snapshot", file_meta_value(&timestamp.snapshot))])),
        ("version", timestamp.version.get().into()),
    ])
}
