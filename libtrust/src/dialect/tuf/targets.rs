//! Targets and delegated targets.

use std::borrow::Cow;

use super::common::{decode as decode_role, digests, digests_value, head};
use super::delegations;
use crate::dialect::reader::At;
use crate::dialect::writer::{map, time_value};
use crate::dialect::{Envelope, Fault, InvalidMetadata};
use crate::json::Value;
use crate::metadata::{Target, Targets};

pub(in crate::dialect) fn decode(envelope: &Envelope<'_>) -> Result<Targets, InvalidMetadata> {
    decode_role(envelope, "targets", |at, version| {
        let listed = at.need("targets", "an object")?;
        let targets = listed.object()?.map(|(name, at)| Ok((name.to_owned(), target(&at, name)?)));
        let targets = targets.collect::<Result<_, Fault>>()?;
        let delegations = at.member("delegations").map(|at| delegations::read(&at, envelope.limits())).transpose()?;
        let delegations = delegations.unwrap_or_default();
        Ok(Targets { version, expires: envelope.header().expires, targets, delegations })
    })
}

fn target(at: &At<'_, '_, '_>, name: &str) -> Result<Target, Fault> {
    let length = at.need("length", "a size in bytes")?.size()?;
    let digests = digests(&at.need("hashes", "an object")?, name)?;
    let custom = at.member("custom").map(|custom| custom.value.clone().into_owned());
    Ok(Target { length, digests, custom })
}

pub(in crate::dialect) fn value(targets: &Targets) -> Value<'_> {
    let listed = map(targets.targets.iter().map(|(name, target)| (name.as_str(), target_value(target))));
    let members = [("expires", time_value(targets.expires)), ("targets", listed)];
    let delegations = delegations::value(&targets.delegations).map(|value| ("delegations", value));
    map(head("targets", targets.version).into_iter().chain(members).chain(delegations))
}

fn target_value(target: &Target) -> Value<'_> {
    let custom = target.custom.clone().map(|custom| (Cow::Borrowed("custom"), custom));
    let members = [("hashes".into(), digests_value(&target.digests)), ("length".into(), target.length.into())];
    custom.into_iter().chain(members).collect()
}
