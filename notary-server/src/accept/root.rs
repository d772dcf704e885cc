//! The root of an upload.

use std::sync::Arc;

use libtrust::dialect::RootVersionRule;
use libtrust::metadata::{Root, Version};
use libtrust::names::RoleName;
use libtrust::verify::{CertificateDates, Expiration, Verified, first_root, next_root};

use super::{Judgement, Refusal, Stored, Upload};

/// The root that holds once the upload is stored: the uploaded one, else the stored one.
pub(super) fn accept(
    upload: &Upload,
    stored: &Stored,
    judgement: Judgement<'_>,
) -> Result<Arc<Verified<Root>>, Refusal> {
    let Some(bytes) = upload.part(&RoleName::Root) else {
        return stored
            .root
            .clone()
            .ok_or_else(|| Refusal::Validation("no pre-existing root and no root provided in update.".to_owned()));
    };
    let envelope = judgement.parse(RoleName::Root, bytes)?;
    // In TUF 1.0 the root rules say what follows, and a repository may come from elsewhere, with any first version.
    if judgement.dialect.rules().root_versions == RootVersionRule::NotLower {
        follows(stored, envelope.header().version)?;
    }
    let dates = CertificateDates::Enforced(judgement.now);
    let expiration = Expiration::Enforced(judgement.now);
    let root = match &stored.root {
        Some(previous) => next_root(&envelope, previous, judgement.gun, dates, expiration),
        None => first_root(&envelope, judgement.gun, dates, expiration),
    };
    let root = root.map_err(Refusal::of(&RoleName::Root))?;
    judgement.keeps_form::<Root>(&envelope, &root)?;
    Ok(Arc::new(root))
}

/// Without a stored root a first one may be version 1 or 2: some clients sign once more before the first push.
fn follows(stored: &Stored, new: i64) -> Result<(), Refusal> {
    let current = stored.root.as_ref().map_or(Version::FIRST, |root| root.version);
    let allowed = [current, current.next()];
    if allowed.iter().any(|version| i64::try_from(version.get()) == Ok(new)) {
        return Ok(());
    }
    let message = format!("Root modifications must increment the version. Current {current}, new {new}");
    Err(Refusal::BadRoot(message))
}
