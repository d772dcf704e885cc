//! What a download leaves in its folder.

use std::fs;
use std::path::PathBuf;

use bytes::Bytes;

use crate::client::tuf::{ArtifactFolder, DownloadError, MemorySource, SourceError, TargetPath};
use crate::metadata::{Digests, Target};

struct Place {
    _temporary: tempfile::TempDir,
    folder: PathBuf,
    workspace: PathBuf,
    artifacts: ArtifactFolder,
    source: MemorySource,
}

impl Place {
    fn new() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let (folder, workspace) = (temporary.path().join("files"), temporary.path().join("work"));
        let artifacts = ArtifactFolder::new(&folder, &workspace);
        Self { _temporary: temporary, folder, workspace, artifacts, source: MemorySource::default() }
    }

    fn fetch(&self, target: &Target) -> Result<PathBuf, DownloadError> {
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(self.artifacts.fetch(
            &self.source,
            &path(),
            target,
            None,
        ))
    }

    /// What is in the folder of artifacts, and how many files are left in the workspace.
    fn left(&self) -> (Option<Vec<u8>>, usize) {
        let workspace = fs::read_dir(&self.workspace).map_or(0, Iterator::count);
        (fs::read(self.folder.join("a/b")).ok(), workspace)
    }
}

fn path() -> TargetPath {
    "a/b".parse().unwrap()
}

fn target(content: &[u8]) -> Target {
    Target { length: content.len() as u64, digests: Digests::of(content), custom: None }
}

#[test]
fn a_right_artifact_is_put_in_place_and_found_there() {
    let place = Place::new();
    let right = target(b"content");
    assert_eq!(place.artifacts.find(&path(), &right).unwrap(), None);
    place.source.put("targets/a/b", &b"content"[..]);
    assert_eq!(place.fetch(&right).unwrap(), place.folder.join("a/b"));
    assert_eq!(place.left(), (Some(b"content".to_vec()), 0));
    assert_eq!(place.artifacts.find(&path(), &right).unwrap(), Some(place.folder.join("a/b")));
    assert_eq!(place.artifacts.find(&path(), &target(b"CONTENT")).unwrap(), None);
    assert_eq!(place.artifacts.find(&path(), &target(b"content.")).unwrap(), None);

    place.source.put("targets/a/b", &b"newer"[..]);
    place.fetch(&target(b"newer")).unwrap();
    assert_eq!(place.left(), (Some(b"newer".to_vec()), 0));
}

#[test]
fn a_wrong_artifact_changes_nothing() {
    let place = Place::new();
    place.source.put("targets/a/b", &b"content"[..]);
    place.fetch(&target(b"content")).unwrap();
    for wrong in [&b"conten"[..], b"content ", b"CONTENT", b""] {
        place.source.put("targets/a/b", wrong);
        let refused = place.fetch(&target(b"content"));
        assert!(matches!(refused, Err(DownloadError::Length { .. } | DownloadError::Hash { .. })), "{refused:?}");
        assert_eq!(place.left(), (Some(b"content".to_vec()), 0));
    }
}

#[test]
fn every_listed_digest_counts_and_one_must_be_known() {
    let place = Place::new();
    place.source.put("targets/a/b", &b"content"[..]);
    let right = target(b"content");
    let refused = |digests| place.fetch(&Target { digests, ..right.clone() });
    let wrong = Digests { sha512: Some([0; 64]), ..right.digests };
    assert!(matches!(refused(wrong), Err(DownloadError::Hash { algorithm: "sha512", .. })));
    let wrong = Digests { sha256: Some([0; 32]), ..right.digests };
    assert!(matches!(refused(wrong), Err(DownloadError::Hash { algorithm: "sha256", .. })));
    assert!(matches!(refused(Digests::default()), Err(DownloadError::NoKnownHash { .. })));
    refused(Digests { sha256: None, ..right.digests }).unwrap();
    refused(Digests { sha512: None, ..right.digests }).unwrap();
}

#[test]
fn what_is_missing_or_breaks_is_told() {
    let place = Place::new();
    assert!(matches!(place.fetch(&target(b"x")), Err(DownloadError::Missing { .. })));
    let (origin, file) = (String::new(), String::new());
    place.source.fail("targets/a/b", SourceError::Status { origin, file, status: 500 });
    assert!(matches!(place.fetch(&target(b"x")), Err(DownloadError::Source(SourceError::Status { .. }))));
    assert_eq!(place.left(), (None, 0));
}

#[test]
fn leftovers_of_a_crash_are_swept_and_running_downloads_are_not() {
    let place = Place::new();
    fs::create_dir_all(&place.workspace).unwrap();
    fs::write(place.workspace.join("partial-dead"), b"x").unwrap();
    fs::write(place.workspace.join("other"), b"x").unwrap();
    let running = fs::File::create(place.workspace.join("partial-running")).unwrap();
    running.lock().unwrap();
    place.source.put("targets/a/b", Bytes::from_static(b"content"));
    place.fetch(&target(b"content")).unwrap();
    assert!(!place.workspace.join("partial-dead").exists());
    assert!(place.workspace.join("other").exists() && place.workspace.join("partial-running").exists());
}
