//! Looking for a target (5.6.7): roles are fetched when the search reaches them, and no others.

use std::sync::Arc;

use super::update::{PATIENCE, named_in, parse};
use super::{Repository, TufError};
use crate::metadata::{FileMeta, Target, Targets};
use crate::names::{DelegationName, RoleName};
use crate::verify::{Search, Step, Verified, matches_file};

/// A target, and the file that lists it.
#[derive(Debug, Clone)]
pub struct FoundTarget {
    /// What is trusted.
    pub target: Target,
    /// The file of the role that lists it.
    pub file: Arc<Verified<Targets>>,
}

impl Repository {
    /// The target of this name, if a role that may speak for it lists it.
    ///
    /// # Errors
    /// [`TufError::NoSuchTarget`]; or what is wrong with a role on the way: one of less priority does not answer in its
    /// place.
    pub async fn target(&self, path: &str) -> Result<FoundTarget, TufError> {
        let budget = self.client.limits.roles_per_target;
        let no_such_target = || TufError::NoSuchTarget { path: path.to_owned() };
        let mut search = Search::new(path, self.chain.targets().ok_or_else(no_such_target)?, budget);
        let mut left = self.client.limits.bytes_per_target;
        loop {
            match search.step() {
                Step::Load { delegator, role } => {
                    let file = self.delegated(&delegator, &role).await?;
                    let limit = self.client.limits.bytes_per_target;
                    let too_much = || TufError::TooManyBytes { path: path.to_owned(), limit };
                    left = left.checked_sub(file.file().length.unwrap_or_default()).ok_or_else(too_much)?;
                    search.visit(Arc::new(file));
                }
                Step::Found { file, target } => return Ok(FoundTarget { target: *target, file }),
                Step::NotFound => return Err(no_such_target()),
                Step::OverBudget => return Err(TufError::TooManyRoles { path: path.to_owned(), roles: budget }),
            }
        }
    }

    /// The digest that stands before a target's file name, in a repository that names them so: its SHA-256, else its
    /// SHA-512.
    #[must_use]
    pub fn artifact_prefix(&self, target: &Target) -> Option<String> {
        let listed = || target.digests.sha256.map(hex::encode).or_else(|| target.digests.sha512.map(hex::encode));
        self.chain.root().consistent_snapshot.then(listed).flatten()
    }

    /// A role verified for this delegator, from the store if what is there is that.
    async fn delegated(
        &self,
        delegator: &Verified<Targets>,
        name: &DelegationName,
    ) -> Result<Verified<Targets>, TufError> {
        let role = RoleName::Delegation(name.clone());
        let (client, chain) = (&self.client, &self.chain);
        let _turn = super::turn(&*client.store, PATIENCE).await?;
        let named = named_in(chain.snapshot(), &role)?;
        if let Some(bytes) = client.stored(&role, client.limits.named_bytes)?
            && matches_file(&role, &FileMeta::to_compare(&named, &bytes), &named, &RoleName::Snapshot).is_ok()
            && let Ok(envelope) = parse(&role, &bytes)
            && let Ok(targets) = chain.delegated(delegator, name, &envelope)
        {
            return Ok(targets);
        }
        let limit = client.limits.targets_bytes;
        let bytes = client.named(chain.trusted_root(), &role, &named, &RoleName::Snapshot, limit).await?;
        let targets = chain.delegated(delegator, name, &parse(&role, &bytes)?)?;
        client.store.save(&role, &bytes)?;
        Ok(targets)
    }
}
