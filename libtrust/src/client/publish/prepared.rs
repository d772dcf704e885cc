//! Publishing a collection that was begun in the trust folder and never sent, as `notary init` leaves it.

use std::collections::BTreeMap;

use super::{Publication, PublishError, Publisher, versions};
use crate::client::UpdateError;
use crate::dialect::{Dialect, Envelope};
use crate::edit::{Change, Draft};
use crate::metadata::{Targets, Version};
use crate::names::{Gun, RoleName};
use crate::verify::{CertificateDates, Expiration, SigningKeys, first_root, verify};

impl Publisher {
    /// Sends what the folder holds of a collection that the server does not know, with `changes` applied.
    pub(super) async fn publish_prepared(
        &self,
        gun: &Gun,
        server: &str,
        changes: &[Change],
    ) -> Result<Publication, PublishError> {
        let nothing = || UpdateError::NoTrustData { server: server.to_owned(), gun: gun.clone() };
        let now = self.client.now();
        let cache = self.client.cache();
        // With a timestamp it was published once: what is missing is then the server's loss, not ours to send again.
        let was_published = cache.load(gun, &RoleName::Timestamp)?.is_some();
        let prepared = (cache.load(gun, &RoleName::Root)?, cache.load(gun, &RoleName::Targets)?);
        let (Some(root_file), Some(targets_file), false) = (prepared.0, prepared.1, was_published) else {
            return Err(nothing().into());
        };
        let parse = |role: RoleName, bytes| {
            Envelope::parse(Dialect::Notary, role, bytes, &self.client.limits).map_err(UpdateError::from)
        };
        let expiration = Expiration::Enforced(now);
        let root = parse(RoleName::Root, &root_file)?;
        let root = first_root(&root, gun, CertificateDates::Enforced(now), expiration).map_err(UpdateError::from)?;
        let keys = SigningKeys::of_role(&root, &RoleName::Targets).ok_or_else(nothing)?;
        let targets = verify::<Targets>(&parse(RoleName::Targets, &targets_file)?, &keys, expiration);
        let targets = targets.map_err(UpdateError::from)?;

        let targets = BTreeMap::from([(RoleName::Targets, (*targets).clone())]);
        let mut draft = Draft::new(Dialect::Notary, (*root).clone(), targets, BTreeMap::new());
        for change in changes {
            draft.apply(change)?;
        }
        draft.advance(now);
        let mut files = self.sign_changed(gun, &draft, Some(&root))?;
        for (role, bytes) in [(RoleName::Root, root_file), (RoleName::Targets, targets_file)] {
            if !draft.changed().contains(&role) {
                files.push((role, bytes));
            }
        }
        if let Some(snapshot) = self.sign_snapshot(gun, &draft, None, &files)? {
            files.push((RoleName::Snapshot, snapshot));
        }
        let mut roles = versions(&draft, &files, Version::FIRST);
        roles.iter_mut().filter(|(role, _)| *role == RoleName::Snapshot).for_each(|(_, v)| *v = Version::FIRST);
        self.client.transport().publish(gun, &files).await?;
        Ok(Publication { roles, rebased: 0, in_tuf: None })
    }
}
