//! A folder of files under the names a server gives them: what `trust mirror --to-folder` writes.

use std::path::PathBuf;

use async_trait::async_trait;

use super::{RemoteFile, Transport, TransportError};
use crate::client::folder;
use crate::keys::PublicKey;
use crate::names::{Gun, RoleName};

/// Reads `FOLDER/v2/GUN/_trust/tuf/FILE`. It is a copy: good as long as its timestamp is, and no word of the server.
#[derive(Debug, Clone)]
pub struct FolderTransport {
    root: PathBuf,
    name: String,
}

impl FolderTransport {
    /// The folder that a web server would serve as `/`.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        let root = root.into();
        let name = root.display().to_string();
        Self { root, name }
    }

    fn read_only(&self) -> TransportError {
        TransportError::ReadOnly { server: self.name.clone() }
    }
}

#[async_trait]
impl Transport for FolderTransport {
    fn name(&self) -> &str {
        &self.name
    }

    fn is_authority(&self) -> bool {
        false
    }

    async fn fetch(&self, gun: &Gun, file: &RemoteFile, limit: u64) -> Result<Vec<u8>, TransportError> {
        let (server, name) = (self.name.clone(), file.file_name());
        let collection = folder::below(&self.root.join("v2"), gun);
        let path = collection.map(|collection| collection.join("_trust/tuf").join(&name));
        let read = path.map_or(Ok(None), |path| folder::read(&path, limit));
        match read {
            Ok(Some(bytes)) => Ok(bytes),
            Ok(None) => Err(TransportError::NotFound { server, gun: gun.clone(), file: name }),
            Err(error) if error.kind() == std::io::ErrorKind::FileTooLarge => {
                Err(TransportError::TooLarge { server, file: name, limit })
            }
            Err(error) => Err(TransportError::Unreachable { server, cause: error.to_string() }),
        }
    }

    async fn publish(&self, _: &Gun, _: &[(RoleName, Vec<u8>)]) -> Result<(), TransportError> {
        Err(self.read_only())
    }

    async fn server_key(&self, _: &Gun, _: &RoleName) -> Result<PublicKey, TransportError> {
        Err(self.read_only())
    }

    async fn new_server_key(&self, _: &Gun, _: &RoleName) -> Result<PublicKey, TransportError> {
        Err(self.read_only())
    }

    async fn delete(&self, _: &Gun) -> Result<(), TransportError> {
        Err(self.read_only())
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn files_are_found_within_bounds_and_never_outside() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("v2/example.com/a/_trust/tuf");
        std::fs::create_dir_all(place.join("targets")).unwrap();
        std::fs::write(place.join("root.json"), b"root").unwrap();
        std::fs::write(place.join("targets/x.json"), b"x").unwrap();
        std::fs::write(folder.path().join("root.json"), b"outside").unwrap();
        let copy = FolderTransport::new(folder.path());
        let fetch = |gun: &str, role: &str, limit| {
            let file = RemoteFile::Current(role.parse().unwrap());
            copy.fetch(&gun.parse().unwrap(), &file, limit).now_or_never().unwrap()
        };
        assert_eq!(fetch("example.com/a", "root", 4).unwrap(), b"root");
        assert_eq!(fetch("example.com/a", "targets/x", 4).unwrap(), b"x");
        assert!(matches!(fetch("example.com/a", "root", 3), Err(TransportError::TooLarge { .. })));
        assert!(matches!(fetch("example.com/a", "targets", 4), Err(TransportError::NotFound { .. })));
        assert!(matches!(fetch("../example.com/a", "root", 9), Err(TransportError::NotFound { .. })));
    }
}
