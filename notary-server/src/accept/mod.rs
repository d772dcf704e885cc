//! Whether an upload may become part of a collection. Pure: what is stored and the time are arguments.
//!
//! The order is Notary's: root, targets, delegations from the top down, snapshot. Nothing is stored unless all of it
//! holds. The server signs what is missing afterwards; see [`crate::collection`].

mod form;
mod refusal;
mod root;
mod snapshot;
mod stored;
mod targets;
mod upload;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use libtrust::dialect::{Dialect, Envelope};
use libtrust::limits::Limits;
use libtrust::metadata::{FileMeta, Root, Targets, Version};
use libtrust::names::{Gun, RoleName};
use libtrust::verify::Verified;

pub use form::Form;
pub use refusal::Refusal;
pub use stored::{Stored, StoredRole, stored_root};
pub use upload::{InvalidUpload, Upload};

/// The largest version that Notary's tables hold (a signed 32-bit column).
pub const MAX_VERSION: u64 = i32::MAX as u64;

/// What an upload is judged against, besides what is stored.
#[derive(Debug, Clone, Copy)]
pub struct Judgement<'a> {
    /// The collection.
    pub gun: &'a Gun,
    /// The time of the request.
    pub now: DateTime<Utc>,
    /// Bounds on each file.
    pub limits: &'a Limits,
    /// In which form files are taken.
    pub form: Form,
}

/// An upload that holds, with what the server still has to sign.
#[derive(Debug)]
pub struct Accepted {
    /// The root that is current once this is stored.
    pub root: Arc<Verified<Root>>,
    /// The uploaded files to store, in the order to store them.
    pub files: Vec<AcceptedFile>,
    /// Who signs the snapshot.
    pub snapshot: SnapshotPlan,
}

/// One uploaded file.
#[derive(Debug, Clone)]
pub struct AcceptedFile {
    /// Its role.
    pub role: RoleName,
    /// Its version.
    pub version: Version,
    /// The exact bytes.
    pub bytes: Bytes,
    /// Their length and digests.
    pub meta: FileMeta,
}

/// Who signs the snapshot of an accepted upload.
#[derive(Debug)]
pub enum SnapshotPlan {
    /// The client did; it is among the files and names all that it must.
    Uploaded {
        /// What the timestamp will name.
        meta: FileMeta,
    },
    /// The server must: these entries change.
    Generate {
        /// Root and every targets role that was looked at.
        changed: Vec<(RoleName, FileMeta)>,
    },
    /// Nothing was uploaded that would change anything.
    Unchanged,
}

/// Judges an upload.
///
/// # Errors
/// The first rule that does not hold, in Notary's terms.
pub fn accept(upload: &Upload, stored: &Stored, judgement: Judgement<'_>) -> Result<Accepted, Refusal> {
    let root = root::accept(upload, stored, judgement)?;
    if let Some(timestamp) = upload.part(&RoleName::Timestamp) {
        // The server makes its own; Notary's clients never send one.
        judgement.parse(RoleName::Timestamp, timestamp)?;
    }
    let targets = targets::accept(upload, stored, &root, judgement)?;
    let snapshot = snapshot::accept(upload, stored, &root, &targets, judgement)?;
    let mut files = Vec::new();
    let mut keep = |role: &RoleName, version: Version, meta: &FileMeta| -> Result<(), Refusal> {
        let Some(bytes) = upload.part(role) else { return Ok(()) };
        storable(role, version)?;
        files.push(AcceptedFile { role: role.clone(), version, bytes: bytes.clone(), meta: *meta });
        Ok(())
    };
    keep(&RoleName::Root, root.version, root.file())?;
    for (role, file) in &targets {
        keep(role, file.version, file.file())?;
    }
    let plan = match snapshot {
        Some(uploaded) => {
            keep(&RoleName::Snapshot, uploaded.version, &uploaded.meta)?;
            SnapshotPlan::Uploaded { meta: uploaded.meta }
        }
        None if files.is_empty() => SnapshotPlan::Unchanged,
        None => {
            let changed = std::iter::once((RoleName::Root, *root.file()));
            let changed = changed.chain(targets.iter().map(|(role, file)| (role.clone(), *file.file())));
            SnapshotPlan::Generate { changed: changed.collect() }
        }
    };
    Ok(Accepted { root, files, snapshot: plan })
}

/// Refuses a version that no table holds.
///
/// # Errors
/// If it is beyond [`MAX_VERSION`].
pub fn storable(role: &RoleName, version: Version) -> Result<(), Refusal> {
    if version.get() > MAX_VERSION { Err(Refusal::version_too_large(role, version)) } else { Ok(()) }
}

/// The targets roles that were looked at, parents before children.
type TargetsRoles = BTreeMap<RoleName, Verified<Targets>>;

/// Reads a file that was accepted before.
fn parse_stored(role: RoleName, bytes: &[u8]) -> Result<Envelope<'_>, Refusal> {
    Envelope::parse(Dialect::Notary, role, bytes, &Limits::STORED).map_err(Refusal::Malformed)
}

impl Judgement<'_> {
    fn parse<'b>(&self, role: RoleName, bytes: &'b [u8]) -> Result<Envelope<'b>, Refusal> {
        Envelope::parse(Dialect::Notary, role, bytes, self.limits).map_err(Refusal::Malformed)
    }
}
