//! Timestamp.

use super::common::{decode as decode_role, file_meta, file_meta_value, signed};
use crate::dialect::writer::{object, time_value};
use crate::dialect::{Envelope, InvalidMetadata};
use crate::json::Value;
use crate::metadata::Timestamp;

const SNAPSHOT: &str = "snapshot.json";

pub(in crate::dialect) fn decode(envelope: &Envelope<'_>) -> Result<Timestamp, InvalidMetadata> {
    decode_role(envelope, "timestamp", |at, version| {
        let meta = at.need("meta", "an object")?;
        if meta.object()?.len() != 1 {
            return Err(meta.fault("an object with one member, snapshot.json"));
        }
        let snapshot = file_meta(&meta.need(SNAPSHOT, "an object")?, SNAPSHOT)?;
        Ok(Timestamp { version, expires: envelope.header().expires, snapshot })
    })
}

pub(in crate::dialect) fn value(timestamp: &Timestamp) -> Value<'_> {
    let meta = object([(SNAPSHOT, file_meta_value(&timestamp.snapshot))]);
    signed("timestamp", timestamp.version, [("expires", time_value(timestamp.expires)), ("meta", meta)])
}
