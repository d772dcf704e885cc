//! The snapshot of an upload.

use libtrust::dialect::{Dialect, LinkRule};
use libtrust::metadata::{Digests, FileMeta, Root, Snapshot, Version};
use libtrust::names::RoleName;
use libtrust::verify::{
    Expiration, Known, SigningKeys, Verified, VerifyError, snapshot_follows, snapshot_names, verify,
};

use crate::names::role_name;

use super::{Judgement, Refusal, SnapshotPlan, Stored, TargetsRoles, Upload};

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
    if judgement.dialect.rules().links == LinkRule::Digest {
        snapshot_names(&snapshot, &RoleName::Root, root.file()).map_err(Refusal::of(&role))?;
    } else if let Some(before) = current(stored, root, judgement, Expiration::Ignored) {
        // Readers who have seen the one before would refuse it.
        snapshot_follows(&snapshot, Known::File(&before)).map_err(Refusal::of(&role))?;
    }
    if judgement.dialect.rules().links == LinkRule::Version {
        let is_named = |role: &str| snapshot.meta.contains_key(role);
        let missing = stored.named.keys().map(String::as_str).chain(["targets"]).find(|role| !is_named(role));
        if let Some(missing) = missing {
            let version = snapshot.version;
            return Err(Refusal::BadSnapshot(format!("snapshot version {version} does not name {missing}")));
        }
    }
    for (role, file) in targets {
        snapshot_names(&snapshot, role, file.file()).map_err(Refusal::of(&RoleName::Snapshot))?;
    }
    judgement.keeps_form::<Snapshot>(&envelope, &snapshot)?;
    keeps_the_rest(&snapshot, stored, targets, judgement.dialect)?;
    Ok(Some(UploadedSnapshot { version: snapshot.version, meta: *snapshot.file() }))
}

/// What the upload does not bring must be named as it is named now: another version of it, older or not, has to be
/// uploaded to be judged.
fn keeps_the_rest(
    snapshot: &Snapshot,
    stored: &Stored,
    targets: &TargetsRoles,
    dialect: Dialect,
) -> Result<(), Refusal> {
    for (name, file) in &snapshot.meta {
        // Names that are no targets role lead nowhere: nobody fetches them.
        let Some(role) = role_name(dialect, name).ok().filter(RoleName::lists_targets) else { continue };
        if targets.contains_key(&role) || stored.named.get(name).is_some_and(|known| same(dialect, known, file)) {
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

/// Whether a file is named as it was. By version, no more may be said of it than before: nobody has looked at it now.
fn same(dialect: Dialect, known: &FileMeta, named: &FileMeta) -> bool {
    let is_named_so = match dialect.rules().links {
        LinkRule::Digest => {
            let equal = |a: &FileMeta, b: &FileMeta| a.digests.sha256 == b.digests.sha256 && a.length == b.length;
            named.digests.sha256.is_some() && equal(known, named)
        }
        LinkRule::Version => {
            named.version == known.version
                && (named.length.is_none() || named.length == known.length)
                && (named.digests.sha256.is_none() || named.digests.sha256 == known.digests.sha256)
                && (named.digests.sha512.is_none() || named.digests.sha512 == known.digests.sha512)
        }
    };
    is_named_so && known.digests.disagreement(&named.digests).is_none()
}

/// Of so many roles a snapshot that the server makes says length and digest, which keep a copy of an earlier file of the
/// same version (of a repository that was deleted and begun anew) from being taken for it. Of more it says versions only:
/// hash bins come in thousands, and clients read snapshots of a few MB.
const MOST_DIGESTED: usize = 1000;

/// Who makes the snapshot if none was uploaded.
pub(super) fn plan(
    upload: &Upload,
    stored: &Stored,
    root: &Verified<Root>,
    targets: &TargetsRoles,
    judgement: Judgement<'_>,
) -> SnapshotPlan {
    let targets = targets.iter().map(|(role, file)| (role.clone(), *file.file()));
    match judgement.dialect.rules().links {
        LinkRule::Digest => {
            let root = std::iter::once((RoleName::Root, *root.file()));
            SnapshotPlan::Generate { changed: root.chain(targets).collect() }
        }
        LinkRule::Version => {
            let stands = upload.targets_roles().is_empty();
            let current = || current(stored, root, judgement, Expiration::Enforced(judgement.now));
            match stands.then(current).flatten() {
                Some(snapshot) => SnapshotPlan::Stands { meta: *snapshot.file() },
                None => {
                    let is_large = stored.named.len() + targets.len() > MOST_DIGESTED;
                    let named = |meta: FileMeta| match is_large {
                        true => FileMeta { version: meta.version, ..FileMeta::default() },
                        false => FileMeta { digests: Digests { sha512: None, ..meta.digests }, ..meta },
                    };
                    SnapshotPlan::Generate { changed: targets.map(|(role, meta)| (role, named(meta))).collect() }
                }
            }
        }
    }
}

/// The stored snapshot, if the root that will hold still gives it its keys.
fn current(
    stored: &Stored,
    root: &Root,
    judgement: Judgement<'_>,
    expiration: Expiration,
) -> Option<Verified<Snapshot>> {
    let envelope = judgement.parse_stored(RoleName::Snapshot, stored.snapshot.as_ref()?).ok()?;
    verify(&envelope, &SigningKeys::of_role(root, &RoleName::Snapshot)?, expiration).ok()
}
