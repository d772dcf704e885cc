//! The snapshot of an upload.

use libtrust::metadata::{FileMeta, Root, Snapshot, Version};
use libtrust::names::RoleName;
use libtrust::verify::{Expiration, SigningKeys, Verified, VerifyError, snapshot_names, verify};

use super::{Judgement, Refusal, Stored, TargetsRoles, Upload};

/// An uploaded snapshot that holds.
pub(super) struct UploadedSnapshot {
    pub(super) version: Version,
    pub(super) meta: FileMeta,
}

/// Verifies the uploaded snapshot, if there is one: it must name exactly the root and targets files of this upload, and
/// whatever else it names must be what is stored.
pub(super) fn accept(
    upload: &Upload,
    stored: &Stored,
    root: &Verified<Root>,
    targets: &TargetsRoles,
    judgement: Judgement<'_>,
) -> Result<Option<UploadedSnapshot>, Refusal> {
    let role = RoleName::Snapshot;
    let Some(bytes) = upload.part(&role) else {
        if stored.root.is_none() && !targets.contains_key(&RoleName::Targets) {
            return Err(Refusal::Validation("targets must be loaded first".to_owned()));
        }
        return Ok(None);
    };
    let envelope = judgement.parse(role.clone(), bytes)?;
    let keys = SigningKeys::of_role(root, &role).ok_or_else(|| VerifyError::NotDelegated(role.clone()));
    let snapshot: Verified<Snapshot> = keys
        .and_then(|keys| verify(&envelope, &keys, Expiration::Enforced(judgement.now)))
        .map_err(Refusal::of(&role))?;
    snapshot_names(&snapshot, &RoleName::Root, root.file()).map_err(Refusal::of(&role))?;
    for (role, file) in targets {
        snapshot_names(&snapshot, role, file.file()).map_err(Refusal::of(&RoleName::Snapshot))?;
    }
    judgement.keeps_form::<Snapshot>(&envelope, &snapshot)?;
    keeps_the_rest(&snapshot, stored, targets)?;
    Ok(Some(UploadedSnapshot { version: snapshot.version, meta: *snapshot.file() }))
}

/// What the upload does not bring must be named as it is named now: another version of it, older or not, has to be
/// uploaded to be judged.
fn keeps_the_rest(snapshot: &Snapshot, stored: &Stored, targets: &TargetsRoles) -> Result<(), Refusal> {
    for (name, file) in &snapshot.meta {
        // Names that are no targets role lead nowhere: nobody fetches them.
        let Some(role) = name.parse().ok().filter(RoleName::lists_targets) else { continue };
        if targets.contains_key(&role) || stored.named.get(name).is_some_and(|known| same(known, file)) {
            continue;
        }
        let version = snapshot.version;
        return Err(Refusal::BadSnapshot(match stored.named.get(name) {
            Some(_) => {
                format!("snapshot version {version} names another {role} than the current one without bringing it")
            }
            None => format!("snapshot version {version} names {role}, which is neither uploaded nor stored"),
        }));
    }
    Ok(())
}

fn same(known: &FileMeta, named: &FileMeta) -> bool {
    let equal = |a: &FileMeta, b: &FileMeta| a.digests.sha256 == b.digests.sha256 && a.length == b.length;
    named.digests.sha256.is_some() && equal(known, named) && known.digests.disagreement(&named.digests).is_none()
}
