//! Delegations, level by level; the files of one level are fetched side by side.

use futures_util::stream::{StreamExt as _, iter};

use super::{File, Update};
use crate::client::{SetAside, UpdateError};
use crate::dialect::Spelled as _;
use crate::metadata::{Delegations, FileMeta, Root, Targets, Version};
use crate::names::{DelegationName, RoleName};
use crate::verify::{Expiration, SigningKeys, TrustedTargets, Verified, VerifyError, verify};

/// How many files are fetched at a time.
const AT_A_TIME: usize = 16;
/// Most delegations followed in one collection.
const MAX_DELEGATIONS: usize = 4096;

impl Update<'_> {
    /// Adds the delegations that the snapshot lists to `chain`. One that is expired or short of signatures is set aside
    /// with all below it; anything else that does not hold is an error.
    pub(super) async fn delegations(
        &self,
        chain: &mut TrustedTargets,
        known: Option<&Verified<Root>>,
        files: &mut Vec<File>,
    ) -> Result<Vec<SetAside>, UpdateError> {
        let mut set_aside = Vec::new();
        let mut followed = 0;
        let mut level = listed(chain, &RoleName::Targets);
        while !level.is_empty() {
            followed += level.len();
            if followed > MAX_DELEGATIONS {
                return Err(UpdateError::TooMany {
                    gun: self.gun.clone(),
                    what: "delegations",
                    found: followed as u64,
                    limit: MAX_DELEGATIONS as u64,
                });
            }
            let fetches = level.into_iter().map(|(name, named)| async move {
                let role = RoleName::Delegation(name.clone());
                let loaded = self.named(&role, &named, &RoleName::Snapshot).await;
                (name, role, loaded)
            });
            let mut loaded = iter(fetches).buffered(AT_A_TIME);
            let mut below = Vec::new();
            while let Some((name, role, loaded)) = loaded.next().await {
                let loaded = loaded?;
                let newest = if loaded.is_cached { None } else { self.cached_delegation(&name, known)? };
                let envelope = self.parse(&role, &loaded.bytes)?;
                match chain.delegation(&name, &envelope, newest) {
                    Ok(_) => below.extend(listed(chain, &role)),
                    Err(cause) if is_set_aside(&cause) => {
                        let content = Targets::decode(&envelope).ok();
                        set_aside.push(SetAside { role: role.clone(), cause: cause.into(), content });
                    }
                    Err(error) => return Err(error.into()),
                }
                loaded.keep(role, files);
            }
            level = below;
        }
        Ok(set_aside)
    }

    /// The version of the cached file of a delegation, if the cached files above it vouch for its keys.
    fn cached_delegation(
        &self,
        name: &DelegationName,
        known: Option<&Verified<Root>>,
    ) -> Result<Option<Version>, UpdateError> {
        let Some(known) = known else { return Ok(None) };
        let Some(delegations) = self.cached_parent(&name.parent(), known)? else { return Ok(None) };
        let Some(keys) = SigningKeys::of_delegation(&delegations, name) else { return Ok(None) };
        self.cached_version::<Targets>(&RoleName::Delegation(name.clone()), &keys)
    }

    /// What the cached file of `role` delegates, if it was trusted.
    fn cached_parent(&self, role: &RoleName, known: &Verified<Root>) -> Result<Option<Delegations>, UpdateError> {
        let above = match role {
            RoleName::Delegation(name) => self.cached_parent(&name.parent(), known)?,
            _ => None,
        };
        let keys = match (role, &above) {
            (RoleName::Delegation(name), Some(delegations)) => SigningKeys::of_delegation(delegations, name),
            (RoleName::Delegation(_), None) => None,
            (role, _) => SigningKeys::of_role(known, role),
        };
        let (Some(keys), Some(bytes)) = (keys, self.cached(role)?) else { return Ok(None) };
        let Ok(envelope) = self.parse(role, &bytes) else { return Ok(None) };
        Ok(verify::<Targets>(&envelope, &keys, Expiration::Ignored).ok().map(|file| file.delegations.clone()))
    }
}

/// The delegations in the file of `role` that have keys and a file.
fn listed(chain: &TrustedTargets, role: &RoleName) -> Vec<(DelegationName, FileMeta)> {
    let Some(file) = chain.role(role) else { return Vec::new() };
    let named = |name: &DelegationName| chain.snapshot().meta.get(name.as_str()).copied();
    let usable = file.delegations.roles.iter().filter(|child| !child.keys.key_ids.is_empty());
    usable.filter_map(|child| Some((child.name.clone(), named(&child.name)?))).collect()
}

const fn is_set_aside(error: &VerifyError) -> bool {
    matches!(error, VerifyError::Threshold(_) | VerifyError::NoSignatures { .. } | VerifyError::Expired { .. })
}
