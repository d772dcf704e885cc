//! A repository in folders: what a web server would serve.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::stream;

use super::{ArtifactBytes, MetadataName, Source, SourceError, TargetPath};
use crate::client::folder;

/// How much of an artifact is read at once, in bytes.
const PIECE: usize = 64 << 10;

/// Reads a repository's exported files. A role `a/b` is in `1.a%2Fb.json`, as repositories are written, or in
/// `1.a/b.json`, where a web server looks for what a client asks for.
#[derive(Debug, Clone)]
pub struct FolderSource {
    metadata: PathBuf,
    targets: Option<PathBuf>,
    name: String,
}

impl FolderSource {
    /// The folder of the metadata, and that of the targets if they are here, too.
    #[must_use]
    pub fn new(metadata: impl Into<PathBuf>, targets: Option<PathBuf>) -> Self {
        let metadata = metadata.into();
        let name = metadata.display().to_string();
        Self { metadata, targets, name }
    }

    fn read(&self, path: &Path, name: &MetadataName, limit: u64) -> Result<Option<Bytes>, SourceError> {
        match folder::read(path, limit) {
            Ok(bytes) => Ok(bytes.map(Bytes::from)),
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
                Err(SourceError::TooLarge { origin: self.name.clone(), file: name.to_string(), limit })
            }
            Err(error) => Err(self.unreadable(&self.metadata, &name.to_string(), &error)),
        }
    }

    fn unreadable(&self, folder: &Path, file: &str, cause: &io::Error) -> SourceError {
        let origin = folder.display().to_string();
        SourceError::Unreadable { origin, file: file.to_owned(), cause: cause.to_string() }
    }
}

#[async_trait]
impl Source for FolderSource {
    fn name(&self) -> &str {
        &self.name
    }

    async fn metadata(&self, name: &MetadataName, limit: u64) -> Result<Option<Bytes>, SourceError> {
        if let Some(bytes) = self.read(&self.metadata.join(name.encoded()), name, limit)? {
            return Ok(Some(bytes));
        }
        // A role's name that is no path names no file that anybody could have put there.
        match name.to_string().parse::<TargetPath>() {
            Ok(path) => self.read(&path.below(&self.metadata), name, limit),
            Err(_) => Ok(None),
        }
    }

    async fn artifact(&self, path: &TargetPath, prefix: Option<&str>) -> Result<Option<ArtifactBytes>, SourceError> {
        let Some(targets) = &self.targets else { return Err(SourceError::NoTargets { origin: self.name.clone() }) };
        let name = path.prefixed(prefix);
        let file = match File::open(targets.join(&name)) {
            Ok(file) => file,
            Err(error) if folder::is_absent(&error) => return Ok(None),
            Err(error) => return Err(self.unreadable(targets, &name, &error)),
        };
        let (source, targets) = (self.clone(), targets.clone());
        let pieces = stream::try_unfold(file, move |mut file| {
            let piece = read_piece(&mut file).map_err(|error| source.unreadable(&targets, &name, &error));
            async move { piece.map(|piece| (!piece.is_empty()).then_some((piece, file))) }
        });
        Ok(Some(Box::pin(pieces)))
    }
}

fn read_piece(file: &mut File) -> io::Result<Bytes> {
    let mut piece = BytesMut::zeroed(PIECE);
    let length = file.read(&mut piece)?;
    piece.truncate(length);
    Ok(piece.freeze())
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt as _, TryStreamExt as _};

    use super::*;

    #[test]
    fn files_are_found_within_bounds() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("targets")).unwrap();
        std::fs::write(folder.path().join("root.json"), b"root").unwrap();
        std::fs::write(folder.path().join("targets/x.json"), b"x").unwrap();
        let source = FolderSource::new(folder.path(), None);
        let read = |role: &str, limit| {
            source.metadata(&MetadataName::current(role.parse().unwrap()), limit).now_or_never().unwrap()
        };
        assert_eq!(read("root", 4).unwrap().unwrap(), "root");
        assert!(matches!(read("root", 3), Err(SourceError::TooLarge { limit: 3, .. })));
        assert_eq!(read("timestamp", 3).unwrap(), None);
        assert_eq!(read("targets/x", 3).unwrap().unwrap(), "x");
        let artifact = source.artifact(&"x".parse().unwrap(), None).now_or_never().unwrap();
        assert!(matches!(artifact, Err(SourceError::NoTargets { .. })));
    }

    #[test]
    fn an_artifact_comes_in_pieces() {
        let folder = tempfile::tempdir().unwrap();
        let content = vec![7; PIECE + 1];
        std::fs::create_dir(folder.path().join("a")).unwrap();
        std::fs::write(folder.path().join("a/12.b"), &content).unwrap();
        let source = FolderSource::new(folder.path(), Some(folder.path().to_owned()));
        let path = "a/b".parse().unwrap();
        assert!(source.artifact(&path, None).now_or_never().unwrap().unwrap().is_none());
        let pieces = source.artifact(&path, Some("12")).now_or_never().unwrap().unwrap().unwrap();
        let pieces: Vec<Bytes> = pieces.try_collect().now_or_never().unwrap().unwrap();
        assert_eq!(pieces.concat(), content);
        assert_eq!(pieces.len(), 2);
    }
}
