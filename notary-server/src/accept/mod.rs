//! Whether an upload may become part of a collection. Pure: what is stored and the time are arguments.
//!
//! The order is Notary's, for both dialects: root, targets, delegations from the top down, snapshot, timestamp. Nothing is
//! stored unless all of it holds. The server signs what is missing afterwards; see [`crate::collection`].

mod delegated;
mod form;
mod refusal;
mod root;
mod snapshot;
mod stored;
mod targets;
mod timestamp;
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
    /// How the collection is spelled.
    pub dialect: Dialect,
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
    /// The uploaded files to store, in the order to store them. Without a timestamp among them the server makes it.
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
        /// Every targets role that was looked at, and in Notary's dialect the root.
        changed: Vec<(RoleName, FileMeta)>,
    },
    /// Nobody: the stored one goes on, because nothing that it names changes.
    Stands {
        /// What the timestamp will name.
        meta: FileMeta,
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
        judgement.parse(RoleName::Timestamp, timestamp)?;
    }
    let targets = targets::accept(upload, stored, &root, judgement)?;
    let snapshot = snapshot::accept(upload, stored, &root, &targets, judgement)?;
    let mut files = Vec::new();
    let mut keep = |role: &RoleName, version: Version, meta: &FileMeta| -> Result<(), Refusal> {
        let Some(bytes) = upload.part(role) else { return Ok(()) };
        storable(judgement.dialect, role, version)?;
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
        None if upload.is_empty_in(judgement.dialect) => SnapshotPlan::Unchanged,
        None => snapshot::plan(upload, stored, &root, &targets, judgement),
    };
    files.extend(timestamp::accept(upload, &root, &plan, judgement)?);
    Ok(Accepted { root, files, snapshot: plan })
}

/// Refuses a version that Notary's tables do not hold, or that nothing could follow.
///
/// # Errors
/// If it is beyond [`MAX_VERSION`] in Notary's dialect, or the largest of all.
pub fn storable(dialect: Dialect, role: &RoleName, version: Version) -> Result<(), Refusal> {
    let most = match dialect {
        Dialect::Notary => MAX_VERSION,
        // Nothing could follow the largest.
        _ => Version::MAX - 1,
    };
    if version.get() > most { Err(Refusal::version_too_large(role, version, most)) } else { Ok(()) }
}

/// The targets roles that were looked at, parents before children.
type TargetsRoles = BTreeMap<RoleName, Verified<Targets>>;

/// Reads a file that was accepted before.
fn parse_stored(dialect: Dialect, role: RoleName, bytes: &[u8]) -> Result<Envelope<'_>, Refusal> {
    Envelope::parse(dialect, role, bytes, &Limits::STORED).map_err(Refusal::Malformed)
}

impl Judgement<'_> {
    fn parse<'b>(&self, role: RoleName, bytes: &'b [u8]) -> Result<Envelope<'b>, Refusal> {
        Envelope::parse(self.dialect, role, bytes, self.limits).map_err(Refusal::Malformed)
    }

    fn parse_stored<'b>(&self, role: RoleName, bytes: &'b [u8]) -> Result<Envelope<'b>, Refusal> {
        parse_stored(self.dialect, role, bytes)
    }
}
