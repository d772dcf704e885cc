//! Targets and delegated targets.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::common::{decode as decode_role, digests_value, file_meta, map, object, time_value};
use super::delegations;
use crate::dialect::reader::At;
use crate::dialect::{Envelope, Fault, InvalidMetadata};
use crate::json::Value;
use crate::metadata::{Target, Targets};

pub(in crate::dialect) fn decode(envelope: &Envelope<'_>) -> Result<Targets, InvalidMetadata> {
    decode_role(envelope, "Targets", |at, version| {
        let listed = at.member("targets").map(|at| targets(&at)).transpose()?;
        Ok(Targets {
            version,
            expires: envelope.header().expires,
            targets: listed.unwrap_or_default(),
            delegations: delegations::read(at, envelope.role(), envelope.limits())?,
        })
    })
}

fn targets(at: &At<'_, '_, '_>) -> Result<BTreeMap<String, Target>, Fault> {
    at.members()?.map(|(name, at)| Ok((name.to_owned(), target(&at, name)?))).collect()
}

pub(super) fn target(at: &At<'_, '_, '_>, name: &str) -> Result<Target, Fault> {
    let meta = file_meta(at, name, false)?;
    let custom = at.member("custom").map(|custom| custom.value.clone().into_owned());
    Ok(Target { length: meta.length.unwrap_or_default(), digests: meta.digests, custom })
}

pub(in crate::dialect) fn value(targets: &Targets) -> Value<'_> {
    object([
        ("_type", "Targets".into()),
        ("delegations", delegations::value(&targets.delegations)),
        ("expires", time_value(targets.expires)),
        ("targets", map(targets.targets.iter().map(|(name, target)| (name.as_str(), target_value(target))))),
        ("version", targets.version.get().into()),
    ])
}

pub(super) fn target_value(target: &Target) -> Value<'_> {
    let custom = target.custom.clone().map(|custom| (Cow::Borrowed("custom"), custom));
    let members = [("hashes".into(), digests_value(&target.digests)), ("length".into(), target.length.into())];
    custom.into_iter().chain(members).collect()
}
