//! Artifacts of a repository: copied to where readers ask for them.

use std::fs::{self, File};
use std::io::{Read as _, Write};
use std::path::Path;

use ring::digest::{Context, SHA256};

use super::error::at;
use super::{OwnRepository, RepositoryError};
use crate::client::tuf::TargetPath;
use crate::metadata::{Digests, Target};

/// How much of a file is copied at once, in bytes.
const PIECE: usize = 64 << 10;

impl OwnRepository {
    /// Copies a file to where readers ask for a target of this path and these bytes, and says what metadata has to say of
    /// it. Nobody asks for it before that is published.
    ///
    /// # Errors
    /// If it cannot be read or written.
    pub fn put_artifact(&self, path: &TargetPath, file: &Path) -> Result<Target, RepositoryError> {
        let workspace = self.layout.workspace();
        let next = workspace.join("artifact");
        let (length, sha256) = copy(file, &next)?;
        let target = Target { length, digests: Digests { sha256: Some(sha256), ..Digests::default() }, custom: None };
        let place = self.layout.targets().join(path.prefixed(Some(&hex::encode(sha256))));
        let moved = place.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::rename(&next, &place));
        moved.map_err(at(&place))?;
        Ok(target)
    }

    /// What metadata has to say of a file that lies elsewhere.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn describe(file: &Path) -> Result<Target, RepositoryError> {
        let (length, sha256) = copy_to(file, &mut std::io::sink())?;
        Ok(Target { length, digests: Digests { sha256: Some(sha256), ..Digests::default() }, custom: None })
    }
}

fn copy(from: &Path, to: &Path) -> Result<(u64, [u8; 32]), RepositoryError> {
    let mut written = File::create(to).map_err(at(to))?;
    let copied = copy_to(from, &mut written)?;
    written.sync_data().map_err(at(to))?;
    Ok(copied)
}

fn copy_to(from: &Path, to: &mut dyn Write) -> Result<(u64, [u8; 32]), RepositoryError> {
    let mut file = File::open(from).map_err(at(from))?;
    let (mut digesting, mut length, mut piece) = (Context::new(&SHA256), 0, vec![0; PIECE]);
    loop {
        let read = file.read(&mut piece).map_err(at(from))?;
        let Some(bytes) = piece.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
        digesting.update(bytes);
        to.write_all(bytes).map_err(at(from))?;
        length += read as u64;
    }
    let sha256 = digesting.finish().as_ref().try_into().unwrap_or_default();
    Ok((length, sha256))
}
