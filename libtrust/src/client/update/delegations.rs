//! Delegations, level by level; the files of one level are fetched side by side.

use bytes::Bytes;
use futures_util::stream::{StreamExt as _, iter};

use super::{File, Update};
use crate::client::{SetAside, UpdateError};
use crate::dialect::Spelled as _;
use crate::metadata::{Delegation, Delegations, FileMeta, Root, Snapshot, Targets, Version};
use crate::names::{DelegationName, RoleName};
use crate::verify::{Expiration, SigningKeys, TrustedTargets, Verified, VerifyError, verify};

/// How many files are fetched at a time.
const AT_A_TIME: usize = 16;
/// Most bytes of delegations read in one update: a delegate could name files without number.
const MAX_BYTES: u64 = 512 << 20;
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
        let (mut followed, mut bytes) = (0, 0_u64);
        let mut level = self.listed(chain, &RoleName::Targets, known)?;
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
            let lengths = level.iter().map(|(_, named)| named.length.unwrap_or(self.limits.file_bytes as u64));
            bytes = lengths.fold(bytes, u64::saturating_add);
            if bytes > MAX_BYTES {
                let (what, gun) = ("bytes of delegations", self.gun.clone());
                return Err(UpdateError::TooMany { gun, what, found: bytes, limit: MAX_BYTES });
            }
            let fetches = level.into_iter().map(|(name, named)| async move {
                let role = RoleName::Delegation(name.clone());
                let loaded = self.named(&role, &named, &RoleName::Snapshot).await;
                (name, role, loaded)
            });
            let mut loaded = iter(fetches).buffered(AT_A_TIME);
            let mut below = Vec::new();
            while let Some((name, role, loaded)) = loaded.next().await {
                let loaded = match loaded {
                    // Nobody is asked: it was set aside when somebody was.
                    Err(cause @ UpdateError::NotCached { .. }) => {
                        set_aside.push(SetAside { role, cause, bytes: Bytes::new(), content: None });
                        continue;
                    }
                    loaded => loaded?,
                };
                let newest = if loaded.is_cached { None } else { self.cached_delegation(&name, known, chain)? };
                let envelope = self.parse(&role, &loaded.bytes)?;
                match chain.delegation(&name, &envelope, newest) {
                    Ok(_) => {
                        below.extend(self.listed(chain, &role, known)?);
                        loaded.keep(role, files);
                    }
                    Err(cause) if is_set_aside(&cause) => {
                        let content = Targets::decode(&envelope).ok();
                        // An old file that has expired since is an old file first.
                        if let (VerifyError::Expired { version, .. }, Some(minimum)) = (&cause, newest)
                            && *version < minimum
                        {
                            return Err(VerifyError::Rollback { role, found: *version, minimum }.into());
                        }
                        // Not cached: the last file that was trusted says what a rollback is.
                        set_aside.push(SetAside { role, cause: cause.into(), bytes: loaded.bytes, content });
                    }
                    Err(error) => return Err(error.into()),
                }
            }
            level = below;
        }
        Ok(set_aside)
    }

    /// The delegations in the file of `role` that have keys and a file. A delegation without a file is a new one; one whose
    /// file was named before, and that is still delegated as it was, cannot have lost it.
    fn listed(
        &self,
        chain: &TrustedTargets,
        role: &RoleName,
        known: Option<&Verified<Root>>,
    ) -> Result<Vec<(DelegationName, FileMeta)>, UpdateError> {
        let Some(file) = chain.role(role) else { return Ok(Vec::new()) };
        let mut listed = Vec::new();
        for child in file.delegations.roles.iter().filter(|child| !child.keys.key_ids.is_empty()) {
            if let Some(named) = chain.snapshot().meta.get(child.name.as_str()) {
                listed.push((child.name.clone(), *named));
            } else if let Some(known) = known
                && self.was_named(child, role, known)?
            {
                let (role, snapshot) = (RoleName::Delegation(child.name.clone()), chain.snapshot().version);
                return Err(VerifyError::NotInSnapshot { role, snapshot }.into());
            }
        }
        Ok(listed)
    }

    /// Whether the cached snapshot names a delegation that the cached file of its parent has exactly so.
    fn was_named(&self, child: &Delegation, parent: &RoleName, known: &Verified<Root>) -> Result<bool, UpdateError> {
        let before = self.cached_parent(parent, known)?;
        if !before.is_some_and(|before| before.roles.contains(child)) {
            return Ok(false);
        }
        let Some(keys) = SigningKeys::of_role(known, &RoleName::Snapshot) else { return Ok(false) };
        let Some(bytes) = self.cached(&RoleName::Snapshot)? else { return Ok(false) };
        let Ok(envelope) = self.parse(&RoleName::Snapshot, &bytes) else { return Ok(false) };
        let snapshot = verify::<Snapshot>(&envelope, &keys, Expiration::Ignored);
        Ok(snapshot.is_ok_and(|snapshot| snapshot.meta.contains_key(child.name.as_str())))
    }

    /// The version of the cached file of a delegation, if the cached files above it vouch for its keys.
    fn cached_delegation(
        &self,
        name: &DelegationName,
        known: Option<&Verified<Root>>,
        chain: &TrustedTargets,
    ) -> Result<Option<Version>, UpdateError> {
        let Some(known) = known else { return Ok(None) };
        // Given to other keys it may begin anew, as a delegation that was removed and made again does.
        let parent = chain.role(&name.parent());
        let keys = parent.and_then(|parent| SigningKeys::of_delegation(&parent.delegations, name));
        let counts = match keys {
            Some(keys) => self.cached_version::<Targets>(&RoleName::Delegation(name.clone()), &keys)?.is_some(),
            None => false,
        };
        if !counts {
            return Ok(None);
        }
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

const fn is_set_aside(error: &VerifyError) -> bool {
    matches!(error, VerifyError::Threshold(_) | VerifyError::NoSignatures { .. } | VerifyError::Expired { .. })
}
