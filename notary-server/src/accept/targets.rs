//! Targets and delegations of an upload.

use libtrust::dialect::{Dialect, Envelope};
use libtrust::keys::PublicKey;
use libtrust::metadata::{Root, Targets};
use libtrust::names::RoleName;
use libtrust::verify::{Expiration, SigningKeys, Verified, VerifyError, verify};

use super::{Judgement, Refusal, Stored, TargetsRoles, Upload, delegated};

/// Verifies every uploaded targets role under its parent, and the stored parents that are not uploaded; these may have
/// expired. A stored targets file is looked at, too, when a new root changes its keys: the collection must not be left
/// with targets that nobody can verify.
pub(super) fn accept(
    upload: &Upload,
    stored: &Stored,
    root: &Verified<Root>,
    judgement: Judgement<'_>,
) -> Result<TargetsRoles, Refusal> {
    match judgement.dialect {
        Dialect::Tuf => repository(upload, stored, root, judgement),
        _ => collection(upload, stored, root, judgement),
    }
}

/// In TUF 1.0 files say who delegates to whom.
fn repository(
    upload: &Upload,
    stored: &Stored,
    root: &Verified<Root>,
    judgement: Judgement<'_>,
) -> Result<TargetsRoles, Refusal> {
    let role = RoleName::Targets;
    let is_uploaded = upload.part(&role).is_some();
    let delegates = upload.targets_roles().iter().any(|role| matches!(role, RoleName::Delegation(_)));
    let mut roles = TargetsRoles::new();
    if !is_uploaded && !delegates && !rekeyed(stored, root) {
        return Ok(roles);
    }
    let targets = one(&role, upload, stored, root, &roles, judgement)?;
    if delegates {
        roles = delegated::accept(upload, stored, &targets, judgement)?;
    }
    if is_uploaded {
        roles.insert(role, targets);
    }
    Ok(roles)
}

/// In Notary's dialect names do.
fn collection(
    upload: &Upload,
    stored: &Stored,
    root: &Verified<Root>,
    judgement: Judgement<'_>,
) -> Result<TargetsRoles, Refusal> {
    let mut needed = upload.missing_ancestors();
    if rekeyed(stored, root) && upload.part(&RoleName::Targets).is_none() && !needed.contains(&RoleName::Targets) {
        needed.push(RoleName::Targets);
    }
    needed.extend(upload.targets_roles());
    needed.sort_by_cached_key(|role| (role.as_str().matches('/').count(), role.as_str().to_owned()));
    let mut roles = TargetsRoles::new();
    for role in needed {
        let verified = one(&role, upload, stored, root, &roles, judgement)?;
        roles.insert(role, verified);
    }
    Ok(roles)
}

/// The uploaded file of a role, else the stored one.
fn one(
    role: &RoleName,
    upload: &Upload,
    stored: &Stored,
    root: &Root,
    above: &TargetsRoles,
    judgement: Judgement<'_>,
) -> Result<Verified<Targets>, Refusal> {
    match (upload.part(role), stored.targets.get(role)) {
        (Some(bytes), _) => {
            let envelope = judgement.parse(role.clone(), bytes)?;
            let verified = verify_one(&envelope, root, above, Expiration::Enforced(judgement.now))?;
            judgement.keeps_form::<Targets>(&envelope, &verified)?;
            Ok(verified)
        }
        (None, Some(stored)) => {
            verify_one(&judgement.parse_stored(role.clone(), &stored.bytes)?, root, above, Expiration::Ignored)
        }
        (None, None) => {
            let message = format!("{role} was never published, and what it delegates cannot be judged without it");
            Err(Refusal::BadTargets(message))
        }
    }
}

/// Whether `root` gives the targets role other keys than the stored root does.
pub fn rekeyed(stored: &Stored, root: &Root) -> bool {
    let keys = |root: &Root| {
        let listed = root.roles.get(&RoleName::Targets).cloned();
        // By the keys themselves: where ids are opaque another key may come under the same one.
        let keys = listed.iter().flat_map(|listed| &listed.key_ids).map(|id| root.keys.get(id).cloned());
        let keys: Vec<Option<PublicKey>> = keys.collect();
        (listed, keys)
    };
    stored.root.as_ref().is_some_and(|stored| keys(stored) != keys(root))
}

fn verify_one(
    envelope: &Envelope<'_>,
    root: &Root,
    above: &TargetsRoles,
    expiration: Expiration,
) -> Result<Verified<Targets>, Refusal> {
    let role = envelope.role();
    let keys = match role {
        RoleName::Delegation(name) => {
            above.get(&name.parent()).and_then(|parent| SigningKeys::of_delegation(&parent.delegations, name))
        }
        _ => SigningKeys::of_role(root, role),
    };
    let keys = keys.ok_or_else(|| VerifyError::NotDelegated(role.clone()));
    keys.and_then(|keys| verify(envelope, &keys, expiration)).map_err(Refusal::of(role))
}
