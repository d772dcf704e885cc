//! Where a repository's files are.

use std::path::{Path, PathBuf};

use crate::client::tuf::{MetadataName, TargetPath};
use crate::names::RoleName;

/// ```text
/// DIR/metadata/VERSION.ROLE.json, timestamp.json, root.json    published: what a web server shows
/// DIR/targets/PATH/HASH.NAME                                   artifacts
/// DIR/staged/ROLE.json                                         the next version of a role, with the signatures so far
/// DIR/.trust/lock                                              locked by whoever changes something
/// DIR/.trust/publishing/                                       a publication on its way; complete once it has this name
/// ```
#[derive(Debug, Clone)]
pub(super) struct Layout {
    dir: PathBuf,
}

impl Layout {
    pub(super) fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn metadata(&self) -> PathBuf {
        self.dir.join("metadata")
    }

    pub(super) fn targets(&self) -> PathBuf {
        self.dir.join("targets")
    }

    pub(super) fn workspace(&self) -> PathBuf {
        self.dir.join(".trust")
    }

    /// Below the metadata or a copy of it, as web servers find it; nothing if a role's name is no path.
    pub(super) fn metadata_path(name: &MetadataName) -> Option<String> {
        let path: TargetPath = name.to_string().parse().ok()?;
        Some(format!("metadata/{path}"))
    }

    pub(super) fn staged(&self) -> PathBuf {
        self.dir.join("staged")
    }

    /// One flat file, whatever the role's name.
    pub(super) fn staged_file(&self, role: &RoleName) -> PathBuf {
        self.staged().join(MetadataName::current(role.clone()).encoded())
    }

    pub(super) fn unfinished(&self) -> PathBuf {
        self.workspace().join("unfinished")
    }

    pub(super) fn publishing(&self) -> PathBuf {
        self.workspace().join("publishing")
    }
}
