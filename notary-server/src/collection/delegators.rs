//! Which stored roles of a TUF repository may delegate to an uploaded one.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use libtrust::dialect::{Dialect, Envelope, Spelled as _};
use libtrust::limits::Limits;
use libtrust::metadata::{Delegations, Targets};
use libtrust::names::{Gun, RoleName};

use super::current::file_name;
use super::publish::LARGE;
use super::{Collections, Current, ReadFailure};
use crate::accept::{StoredRole, Upload};

impl Collections {
    /// The stored top-level targets, if the upload needs them, and whatever stored roles that delegate can be reached from
    /// there and from the uploaded ones. Only names are followed here; who signed what is judged later.
    ///
    /// Hash bins lead nowhere ([`crate::accept`] takes none that delegate), so however many there are, none is read.
    pub(super) async fn delegators(
        &self,
        gun: &Gun,
        upload: &Upload,
        current: &Current,
    ) -> Result<BTreeMap<RoleName, StoredRole>, ReadFailure> {
        let mut stored = BTreeMap::new();
        let delegates = upload.targets_roles().iter().any(|role| *role != RoleName::Targets);
        if !delegates && (upload.part(&RoleName::Root).is_none() || upload.part(&RoleName::Targets).is_some()) {
            return Ok(stored);
        }
        let mut queue = vec![RoleName::Targets];
        let mut seen: BTreeSet<RoleName> = queue.iter().cloned().collect();
        while let Some(role) = queue.pop() {
            let uploaded = upload.part(&role).cloned();
            let bytes = match &uploaded {
                Some(bytes) => Some(bytes.clone()),
                None => self.current_role(gun, &role, current).await?,
            };
            let Some(bytes) = bytes else { continue };
            let mut leads_on = role == RoleName::Targets;
            if delegates {
                let limits = if uploaded.is_some() { self.settings.limits } else { Limits::STORED };
                let delegations = delegations(self.dialect, role.clone(), bytes.clone(), limits).await;
                leads_on |= delegations.succinct.is_some() || !delegations.roles.is_empty();
                let roles = delegations.roles.into_iter().map(|role| RoleName::Delegation(role.name));
                queue.extend(roles.filter(|role| seen.insert(role.clone())));
            }
            if uploaded.is_none() && leads_on {
                stored.insert(role, StoredRole { bytes });
            }
        }
        Ok(stored)
    }

    /// The current file of a role that lists targets.
    pub(super) async fn current_role(
        &self,
        gun: &Gun,
        role: &RoleName,
        current: &Current,
    ) -> Result<Option<Bytes>, ReadFailure> {
        let Some(name) = current.named(role).and_then(|named| file_name(self.dialect, named)) else { return Ok(None) };
        Ok(self.named_file(gun, role, name).await?.map(|file| file.bytes.clone()))
    }
}

/// To whom a file delegates. What cannot be read is for the judgement to say.
async fn delegations(dialect: Dialect, role: RoleName, bytes: Bytes, limits: Limits) -> Delegations {
    let is_large = bytes.len() >= LARGE;
    let read = move || {
        let envelope = Envelope::parse(dialect, role, &bytes, &limits).ok()?;
        Some(Targets::decode(&envelope).ok()?.delegations)
    };
    let found = if is_large { tokio::task::spawn_blocking(read).await.ok().flatten() } else { read() };
    found.unwrap_or_default()
}
