//! Downloading artifacts: checked while they stream, visible only when they are right.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::TryStreamExt as _;
use ring::digest::{Context, SHA256, SHA512};
use ring::rand::{SecureRandom as _, SystemRandom};

use super::{ArtifactBytes, Source, SourceError, TargetPath};
use crate::client::folder;
use crate::metadata::{Digests, Target};

/// How long a download may take before its size counts.
const LEAST_TIME: Duration = Duration::from_secs(300);
/// The slowest download that is waited for, in bytes a second. Stops a server that sends a byte now and then.
const SLOWEST: u64 = 4096;
/// How much of a local file is read at once, in bytes.
const PIECE: usize = 64 << 10;

/// A folder of verified artifacts: whatever is in it was whole and right when it came.
#[derive(Debug, Clone)]
pub struct ArtifactFolder {
    folder: PathBuf,
    workspace: PathBuf,
}

impl ArtifactFolder {
    /// Artifacts go to `folder`; until they are verified they lie in `workspace`, best on the same disk.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>, workspace: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), workspace: workspace.into() }
    }

    /// The file of a target, if it is here already and as metadata says.
    ///
    /// # Errors
    /// If it cannot be read, or metadata does not say enough.
    pub fn find(&self, path: &TargetPath, target: &Target) -> Result<Option<PathBuf>, DownloadError> {
        known_digest(path, target)?;
        let local = path.below(&self.folder);
        let is_right = is_right(&local, target).map_err(at(&local))?;
        Ok(is_right.then_some(local))
    }

    /// Downloads a target, replacing an older one under its name. `prefix` is the digest in its name, where the repository
    /// has consistent snapshots.
    ///
    /// # Errors
    /// If it could not be had, or is not what metadata says: what is in the folder stays as it was.
    pub async fn fetch(
        &self,
        source: &dyn Source,
        path: &TargetPath,
        target: &Target,
        prefix: Option<&str>,
    ) -> Result<PathBuf, DownloadError> {
        known_digest(path, target)?;
        let longest = LEAST_TIME + Duration::from_secs(target.length / SLOWEST);
        let whole = async {
            let Some(bytes) = source.artifact(path, prefix).await? else {
                let (path, origin) = (path.to_string(), source.name().to_owned());
                return Err(DownloadError::Missing { path, origin });
            };
            let mut partial = Partial::new(&self.workspace).map_err(at(&self.workspace))?;
            partial.take(path, target, bytes).await?;
            Ok(partial)
        };
        let partial = match tokio::time::timeout(longest, whole).await {
            Ok(partial) => partial?,
            Err(_) => return Err(DownloadError::TooSlow { path: path.to_string(), seconds: longest.as_secs() }),
        };
        let local = path.below(&self.folder);
        partial.publish(&local).map_err(at(&local))?;
        Ok(local)
    }
}

/// At least one digest must be of an algorithm we know: length alone proves nothing.
fn known_digest(path: &TargetPath, target: &Target) -> Result<(), DownloadError> {
    match target.digests {
        Digests { sha256: None, sha512: None, .. } => Err(DownloadError::NoKnownHash { path: path.to_string() }),
        _ => Ok(()),
    }
}

fn at(path: &Path) -> impl Fn(io::Error) -> DownloadError + '_ {
    |cause| DownloadError::Io { path: path.display().to_string(), cause }
}

/// Whether a local file has exactly this length and these digests. What is no file is not.
fn is_right(local: &Path, target: &Target) -> io::Result<bool> {
    // Asked before opening: opening a pipe waits for somebody to write into it.
    match local.metadata() {
        Ok(known) if !known.is_file() || known.len() != target.length => return Ok(false),
        Err(error) if folder::is_absent(&error) => return Ok(false),
        known => known?,
    };
    let mut file = File::open(local)?.take(target.length.saturating_add(1));
    let (mut digesting, mut length) = (Digesting::of(&target.digests), 0);
    let mut piece = vec![0; PIECE];
    loop {
        let read = file.read(&mut piece)?;
        let Some(bytes) = piece.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
        digesting.update(bytes);
        length += read as u64;
    }
    Ok(length == target.length && target.digests.disagreement(&digesting.finish()).is_none())
}

/// Digests over bytes as they come, of the algorithms that metadata lists.
struct Digesting {
    sha256: Option<Context>,
    sha512: Option<Context>,
}

impl Digesting {
    fn of(listed: &Digests) -> Self {
        Self {
            sha256: listed.sha256.map(|_| Context::new(&SHA256)),
            sha512: listed.sha512.map(|_| Context::new(&SHA512)),
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        for context in self.sha256.iter_mut().chain(&mut self.sha512) {
            context.update(bytes);
        }
    }

    fn finish(self) -> Digests {
        Digests {
            sha256: self.sha256.and_then(|context| context.finish().as_ref().try_into().ok()),
            sha512: self.sha512.and_then(|context| context.finish().as_ref().try_into().ok()),
            others: false,
        }
    }
}

/// An artifact on its way, under a passing name. It goes when this does.
struct Partial {
    path: PathBuf,
    file: File,
}

impl Partial {
    fn new(workspace: &Path) -> io::Result<Self> {
        fs::create_dir_all(workspace)?;
        sweep(workspace)?;
        loop {
            let mut name = [0; 8];
            SystemRandom::new().fill(&mut name).map_err(|_| io::Error::other("this machine gives no random bytes"))?;
            let path = workspace.join(format!("{PARTIAL}{}", hex::encode(name)));
            let partial = Self { file: File::create_new(&path)?, path };
            // From now on nobody takes it for one that a crash left.
            partial.file.lock()?;
            if partial.path.exists() {
                return Ok(partial);
            }
        }
    }

    /// Writes an artifact, and compares it with what metadata says.
    async fn take(
        &mut self,
        path: &TargetPath,
        target: &Target,
        mut bytes: ArtifactBytes,
    ) -> Result<(), DownloadError> {
        let expected = target.length;
        let (mut digesting, mut found) = (Digesting::of(&target.digests), 0_u64);
        while let Some(piece) = bytes.try_next().await? {
            found = found.saturating_add(piece.len() as u64);
            if found > expected {
                return Err(DownloadError::Length { path: path.to_string(), expected, found });
            }
            digesting.update(&piece);
            self.file.write_all(&piece).map_err(at(&self.path))?;
        }
        if found != expected {
            return Err(DownloadError::Length { path: path.to_string(), expected, found });
        }
        if let Some(algorithm) = target.digests.disagreement(&digesting.finish()) {
            return Err(DownloadError::Hash { path: path.to_string(), algorithm });
        }
        // Before it gets its name: after a power failure a file that is there is whole.
        self.file.sync_data().map_err(at(&self.path))
    }

    /// Moves the verified artifact into place.
    fn publish(self, local: &Path) -> io::Result<()> {
        if let Some(parent) = local.parent() {
            fs::create_dir_all(parent)?;
        }
        match fs::rename(&self.path, local) {
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => self.copy(local),
            renamed => renamed,
        }
    }

    /// To another disk: what shows there meanwhile, under a hidden name, is the beginning of verified bytes.
    fn copy(&self, local: &Path) -> io::Result<()> {
        let mut name = std::ffi::OsString::from(".");
        name.push(self.path.file_name().unwrap_or_default());
        let near = local.with_file_name(name);
        let copied = fs::copy(&self.path, &near)
            .and_then(|_| File::open(&near)?.sync_data())
            .and_then(|()| fs::rename(&near, local));
        if copied.is_err() {
            // Of no use; what failed before is what matters.
            let _ = fs::remove_file(&near);
        }
        copied
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // Gone already if it was moved; if it stays, the next download sweeps it.
        let _ = fs::remove_file(&self.path);
    }
}

/// How names of artifacts on their way begin.
const PARTIAL: &str = "partial-";

/// Removes what downloads left that were killed: nobody holds its lock any more.
fn sweep(workspace: &Path) -> io::Result<()> {
    for entry in fs::read_dir(workspace)? {
        let entry = entry?;
        if !entry.file_name().as_encoded_bytes().starts_with(PARTIAL.as_bytes()) {
            continue;
        }
        // Whatever keeps one from being removed does not keep this download from its own.
        if File::open(entry.path()).is_ok_and(|file| file.try_lock().is_ok()) {
            let _ = fs::remove_file(entry.path());
        }
    }
    Ok(())
}

/// Why an artifact could not be downloaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DownloadError {
    /// The repository lists it and does not have it.
    #[error("{origin} lists {path} and does not have it")]
    Missing {
        /// The target.
        path: String,
        /// The source.
        origin: String,
    },
    /// The source.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// More or fewer bytes than metadata says.
    #[error("{path} should have {expected} bytes and has {found}{}", if .found > .expected { " or more" } else { "" })]
    Length {
        /// The target.
        path: String,
        /// What metadata says, in bytes.
        expected: u64,
        /// What came until it was clear, in bytes.
        found: u64,
    },
    /// Other bytes than metadata says.
    #[error("{path} is not what was signed: its {algorithm} is another")]
    Hash {
        /// The target.
        path: String,
        /// The algorithm.
        algorithm: &'static str,
    },
    /// Metadata lists no digest that could be checked.
    #[error("metadata lists {path} with neither sha256 nor sha512, so nothing proves what it is")]
    NoKnownHash {
        /// The target.
        path: String,
    },
    /// It would never have come to an end.
    #[error("{path} did not come within {seconds} s")]
    TooSlow {
        /// The target.
        path: String,
        /// How long this waited, in seconds.
        seconds: u64,
    },
    /// A file or folder here.
    #[error("{path}: {cause}")]
    Io {
        /// The file or folder.
        path: String,
        /// Why.
        cause: io::Error,
    },
}
