//! Delegations of a TUF repository: any role may delegate to any name, and several may to one.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use libtrust::dialect::Envelope;
use libtrust::metadata::{Delegations, Targets};
use libtrust::names::{DelegationName, RoleName};
use libtrust::verify::{Expiration, SigningKeys, Verified, VerifyError, verify};

use super::{Judgement, Refusal, Stored, TargetsRoles, Upload};

/// How often uploaded roles are verified for another role that delegates to them. Each time costs as many signatures as
/// they have.
const MOST_AGAIN: u32 = 1000;

/// Verifies every uploaded delegation for each role that delegates to it, from the top down: a reader may come by any of
/// them. What is stored may have expired, and what of it does not verify leads nowhere, as for readers.
pub(super) fn accept(
    upload: &Upload,
    stored: &Stored,
    targets: &Verified<Targets>,
    judgement: Judgement<'_>,
) -> Result<TargetsRoles, Refusal> {
    let uploaded: Vec<RoleName> = upload.targets_roles();
    let mut accepted = TargetsRoles::new();
    let mut walked: BTreeSet<RoleName> = BTreeSet::new();
    let mut parsed: BTreeMap<RoleName, Envelope<'_>> = BTreeMap::new();
    let mut again = 0;
    let mut queue: Vec<Verified<Targets>> = vec![targets.clone()];
    while let Some(delegator) = queue.pop() {
        for name in delegated(&delegator.delegations, &uploaded) {
            let role = RoleName::Delegation(name.clone());
            let keys = || SigningKeys::of_delegation(&delegator.delegations, &name);
            let verified = if let Some(bytes) = upload.part(&role) {
                if walked.contains(&role) {
                    again += 1;
                    if again > MOST_AGAIN {
                        let message =
                            format!("more than {MOST_AGAIN} delegations lead to uploaded roles a second time");
                        return Err(Refusal::BadTargets(message));
                    }
                }
                let envelope = match parsed.entry(role.clone()) {
                    Entry::Occupied(entry) => entry.into_mut(),
                    Entry::Vacant(entry) => entry.insert(judgement.parse(role.clone(), bytes)?),
                };
                let keys = keys().ok_or_else(|| VerifyError::NotDelegated(role.clone()));
                let verified: Verified<Targets> = keys
                    .and_then(|keys| verify(envelope, &keys, Expiration::Enforced(judgement.now)))
                    .map_err(|error| refused(&role, &delegator, &error))?;
                if delegator.delegations.succinct.is_some() && verified.delegations != Delegations::default() {
                    return Err(Refusal::BadTargets(format!(
                        "{role} is a hash bin: this server takes none that delegate"
                    )));
                }
                accepted.insert(role.clone(), verified.clone());
                Some(verified)
            } else if walked.contains(&role) {
                None
            } else {
                stored.targets.get(&role).and_then(|stored| {
                    let envelope = judgement.parse_stored(role.clone(), &stored.bytes).ok()?;
                    verify(&envelope, &keys()?, Expiration::Ignored).ok()
                })
            };
            queue.extend(verified.filter(|_| walked.insert(role)));
        }
    }
    match uploaded.iter().find(|role| matches!(role, RoleName::Delegation(_)) && !accepted.contains_key(*role)) {
        None => Ok(accepted),
        Some(role) => Err(Refusal::BadTargets(VerifyError::NotDelegated(role.clone()).to_string())),
    }
}

fn refused(role: &RoleName, delegator: &Verified<Targets>, error: &VerifyError) -> Refusal {
    Refusal::about(role, format!("{error} (as {} delegates it)", delegator.role()))
}

/// The roles a file delegates to; of hash bins only those that are uploaded: there may be very many, and none leads
/// further.
fn delegated(delegations: &Delegations, uploaded: &[RoleName]) -> Vec<DelegationName> {
    let Some(bins) = &delegations.succinct else {
        return delegations.roles.iter().map(|role| role.name.clone()).collect();
    };
    let bins = uploaded.iter().filter_map(|role| match role {
        RoleName::Delegation(name) if bins.has(name) => Some(name.clone()),
        _ => None,
    });
    bins.collect()
}
