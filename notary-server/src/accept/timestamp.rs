//! The timestamp of an upload.

use libtrust::dialect::Dialect;
use libtrust::metadata::{Root, Timestamp};
use libtrust::names::RoleName;
use libtrust::verify::{Expiration, SigningKeys, Verified, VerifyError, matches_file, verify};

use super::{AcceptedFile, Judgement, Refusal, SnapshotPlan, Upload};

/// The uploaded timestamp, if there is one and it counts: it must name the snapshot that holds once the upload is stored.
///
/// In Notary's dialect the server makes its own, and clients never send one: it only has to be readable.
pub(super) fn accept(
    upload: &Upload,
    root: &Root,
    snapshot: &SnapshotPlan,
    judgement: Judgement<'_>,
) -> Result<Option<AcceptedFile>, Refusal> {
    let role = RoleName::Timestamp;
    let Some(bytes) = upload.part(&role).filter(|_| judgement.dialect != Dialect::Notary) else { return Ok(None) };
    let envelope = judgement.parse(role.clone(), bytes)?;
    let keys = SigningKeys::of_role(root, &role).ok_or_else(|| VerifyError::NotDelegated(role.clone()));
    let timestamp: Verified<Timestamp> = keys
        .and_then(|keys| verify(&envelope, &keys, Expiration::Enforced(judgement.now)))
        .map_err(Refusal::of(&role))?;
    let (SnapshotPlan::Uploaded { meta } | SnapshotPlan::Stands { meta }) = snapshot else {
        return Err(Refusal::BadHierarchy {
            missing: RoleName::Snapshot,
            message: format!(
                "timestamp version {} cannot name a snapshot that the server would make: send the snapshot with it, or \
                 leave both to the server",
                timestamp.version
            ),
        });
    };
    matches_file(&RoleName::Snapshot, meta, &timestamp.snapshot, &role).map_err(Refusal::of(&role))?;
    let (version, meta) = (timestamp.version, *timestamp.file());
    Ok(Some(AcceptedFile { role, version, bytes: bytes.clone(), meta }))
}
