//! What a repository says of one target.

use std::sync::Arc;

use libtrust::dialect::Envelope;
use libtrust::limits::Limits;
use libtrust::metadata::Target;
use libtrust::names::{Gun, RoleName};
use libtrust::verify::{Expiration, Known, Search, Step, TrustedRoot, TrustedTargets, Verified};

use super::publish::LARGE;
use super::{Collections, Current, ReadFailure};

/// Delegated roles that are looked at for one target, as in the reference client.
const ROLES: usize = 32;

impl Collections {
    /// The target of this name in the current files, found as readers find it; nothing if they list none. What has expired
    /// is looked at all the same: readers judge that.
    ///
    /// # Errors
    /// If storage fails or the collection is torn.
    pub async fn target(&self, gun: &Gun, name: &str) -> Result<Option<Target>, ReadFailure> {
        let Some(current) = self.current(gun).await? else { return Ok(None) };
        let Some(targets) = self.current_role(gun, &RoleName::Targets, &current).await? else { return Ok(None) };
        // A search reads as much as a reader does; large ones take turns, as large uploads do.
        let _turn = match targets.len() + current.snapshot.bytes.len() {
            size if size >= LARGE => Some(self.large.acquire().await),
            _ => None,
        };
        let chain = self.chain(&current, &targets).map_err(|fault| ReadFailure::Torn { gun: gun.clone(), fault })?;
        let Some(top) = chain.targets() else { return Ok(None) };
        let mut search = Search::new(name, top, ROLES);
        loop {
            match search.step() {
                Step::Found { target, .. } => return Ok(Some(*target)),
                Step::NotFound | Step::OverBudget => return Ok(None),
                Step::Load { delegator, role } => {
                    let delegation = RoleName::Delegation(role.clone());
                    let Some(bytes) = self.current_role(gun, &delegation, &current).await? else { return Ok(None) };
                    let loaded = self.parse(&delegation, &bytes).and_then(|envelope| {
                        chain.delegated(&delegator, &role, &envelope).map_err(|error| error.to_string())
                    });
                    // A role that does not hold ends the search, as it does for readers.
                    let Ok(loaded): Result<Verified<_>, String> = loaded else { return Ok(None) };
                    search.visit(Arc::new(loaded));
                }
            }
        }
    }

    fn chain(&self, current: &Current, targets: &[u8]) -> Result<TrustedTargets, String> {
        let said = |error: libtrust::verify::VerifyError| error.to_string();
        TrustedRoot::new(Verified::clone(&current.root_says), Expiration::Ignored)
            .timestamp(&self.parse(&RoleName::Timestamp, &current.timestamp.bytes)?, Known::Nothing)
            .map_err(said)?
            .snapshot(&self.parse(&RoleName::Snapshot, &current.snapshot.bytes)?, Known::Nothing)
            .map_err(said)?
            .targets(&self.parse(&RoleName::Targets, targets)?, None)
            .map_err(said)
    }

    fn parse<'b>(&self, role: &RoleName, bytes: &'b [u8]) -> Result<Envelope<'b>, String> {
        Envelope::parse(self.dialect, role.clone(), bytes, &Limits::STORED).map_err(|error| error.to_string())
    }
}
