//! Repositories written by other people's programs: our client answers as python-tuf's does, asks for the same files in
//! the same order and keeps the same ones.
#![cfg(feature = "client")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::disallowed_methods, missing_docs)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use libtrust::client::tuf::{
    ArtifactFolder, DownloadError, FolderStore, MemorySource, Repository, RepositoryClient, RepositoryLimits, TufError,
    begin,
};

fn repositories(writer: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/tuf").join(writer);
    let found: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(found.len() > 3, "{writer}");
    found
}

/// A time at which everything but what is meant to be expired is valid.
fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

fn put_all(source: &MemorySource, folder: &Path, prefix: &str) {
    for entry in fs::read_dir(folder).unwrap() {
        let (path, name) = (entry.as_ref().unwrap().path(), entry.unwrap().file_name());
        let name = format!("{prefix}/{}", percent_decoded(name.to_str().unwrap()));
        if path.is_dir() { put_all(source, &path, &name) } else { source.put(name, fs::read(path).unwrap()) }
    }
}

fn percent_decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap().as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    String::from_utf8(bytes).unwrap()
}

/// A client that trusts the first root of a repository, and what it reads from and remembers in.
struct Reader {
    source: Arc<MemorySource>,
    client: RepositoryClient,
    folder: tempfile::TempDir,
}

impl Reader {
    fn of(repository: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let source = Arc::new(MemorySource::default());
        put_all(&source, &repository.join("metadata"), "metadata");
        put_all(&source, &repository.join("targets"), "targets");
        let store = Arc::new(FolderStore::new(folder.path().join("metadata")));
        let limits = RepositoryLimits::default();
        let root = fs::read(repository.join("metadata/1.root.json")).unwrap();
        begin(&*store, &root, &limits).unwrap();
        let client = RepositoryClient::new(source.clone(), store, limits);
        Self { source, client, folder }
    }

    fn refresh(&self) -> Result<Repository, TufError> {
        run(self.client.refresh(now()))
    }

    /// The SHA-256 of a target's content, downloaded.
    fn download(&self, path: &str) -> Result<String, Failure> {
        let repository = self.refresh()?;
        let found = run(repository.target(path))?;
        let artifacts = ArtifactFolder::new(self.folder.path().join("targets"), self.folder.path().join("partial"));
        let prefix = repository.artifact_prefix(&found.target);
        let path = path.parse().unwrap();
        let fetched = run(artifacts.fetch(&*self.source, &path, &found.target, prefix.as_deref()))?;
        Ok(sha256(&fs::read(fetched).unwrap()))
    }

    fn kept(&self) -> BTreeSet<String> {
        let names = fs::read_dir(self.folder.path().join("metadata")).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.ends_with(".json")).collect()
    }
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

#[derive(Debug)]
enum Failure {
    Tuf(TufError),
    Download,
}

impl From<TufError> for Failure {
    fn from(error: TufError) -> Self {
        Self::Tuf(error)
    }
}

impl From<DownloadError> for Failure {
    fn from(_: DownloadError) -> Self {
        Self::Download
    }
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(ring::digest::digest(&ring::digest::SHA256, bytes))
}

#[test]
fn answers_requests_and_files_are_those_of_the_reference_client() {
    let mut answered = 0;
    for repository in repositories("python-tuf").into_iter().chain(repositories("tough")) {
        let Ok(verdicts) = fs::read(repository.join("verdicts.json")) else { panic!("{}", repository.display()) };
        let verdicts: serde_json::Value = serde_json::from_slice(&verdicts).unwrap();
        for verdict in verdicts.as_array().unwrap() {
            let path = verdict["path"].as_str().unwrap();
            let place = format!("{}: {path}", repository.display());
            let reader = Reader::of(&repository);
            let found = reader.download(path);
            match (&found, verdict["found"].as_str(), verdict["error"].as_str()) {
                (Ok(found), Some(expected), _) => assert_eq!(found, expected, "{place}"),
                (Err(Failure::Tuf(TufError::NoSuchTarget { .. })), None, None) => {}
                (Err(Failure::Tuf(TufError::NoSuchTarget { .. })), ..) => panic!("{place}: {verdict}"),
                (Err(_), None, Some(_)) => {}
                _ => panic!("{place}: {found:?}, not {verdict}"),
            }
            let asked: Vec<String> = reader.source.take_asked();
            let expected: Vec<String> = verdict["asked"]
                .as_array()
                .unwrap()
                .iter()
                .map(|asked| percent_decoded(asked.as_str().unwrap()).trim_start_matches('/').to_owned())
                .collect();
            assert_eq!(asked, expected, "{place}");
            let kept: BTreeSet<String> =
                verdict["kept"].as_array().unwrap().iter().map(|kept| kept.as_str().unwrap().to_owned()).collect();
            assert_eq!(reader.kept(), kept, "{place}");
            answered += 1;
        }
    }
    assert!(answered > 40, "{answered}");
}

#[test]
fn a_second_run_fetches_only_what_may_have_changed() {
    for repository in repositories("python-tuf") {
        let reader = Reader::of(&repository);
        if reader.refresh().is_err() {
            continue;
        }
        reader.source.take_asked();
        let again = reader.refresh().unwrap();
        let root = again.trusted().root().version.next();
        let asked = reader.source.take_asked();
        assert_eq!(asked, [format!("metadata/{root}.root.json"), "metadata/timestamp.json".to_owned()]);
    }
}
