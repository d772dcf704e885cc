//! Putting many files in place so that a crash leaves all of them or none.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::layout::Layout;
use crate::client::folder;

/// Up to this many files are made durable one by one; above, the whole file system is.
const FEW: usize = 32;

/// Files on their way. Once [`Publication::commit`] has returned they are there, come what may: whoever opens the repository
/// next moves the rest.
pub(super) struct Publication<'l> {
    layout: &'l Layout,
    written: Vec<PathBuf>,
    folders: BTreeSet<PathBuf>,
}

impl<'l> Publication<'l> {
    pub(super) fn begin(layout: &'l Layout) -> io::Result<Self> {
        folder::remove(&layout.unfinished())?;
        Ok(Self { layout, written: Vec::new(), folders: BTreeSet::new() })
    }

    /// Adds a file, by its path in the repository.
    pub(super) fn put(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.layout.unfinished().join(path);
        if let Some(parent) = path.parent()
            && !self.folders.contains(parent)
        {
            fs::create_dir_all(parent)?;
            self.folders.insert(parent.to_owned());
        }
        let mut file = File::create_new(&path)?;
        file.write_all(bytes)?;
        self.written.push(path);
        Ok(())
    }

    /// Puts all of them in place.
    pub(super) fn commit(self) -> io::Result<()> {
        sync_all(&self.written, &self.folders, &self.layout.workspace())?;
        fs::rename(self.layout.unfinished(), self.layout.publishing())?;
        folder::sync(&self.layout.workspace())?;
        finish(self.layout)
    }
}

/// Moves the files of a publication that was committed and not moved as a whole. What was staged is published then.
pub(super) fn finish(layout: &Layout) -> io::Result<()> {
    let from = layout.publishing();
    if !from.exists() {
        return Ok(());
    }
    let timestamp = Path::new("metadata/timestamp.json");
    let mut files = Vec::new();
    list(&from, Path::new(""), &mut files)?;
    let (roots, others): (Vec<_>, Vec<_>) = files.into_iter().partition(|path| is_root(path));
    let (last, others): (Vec<_>, Vec<_>) = others.into_iter().partition(|path| path == timestamp);
    let mut folders = BTreeSet::new();
    // Readers look for roots first and begin with the timestamp: it names what is there already.
    for path in others.iter().chain(&roots).chain(&last) {
        let target = layout.dir().join(path);
        if let Some(parent) = target.parent()
            && folders.insert(parent.to_owned())
        {
            fs::create_dir_all(parent)?;
        }
        fs::rename(from.join(path), target)?;
    }
    for folder in folders.iter().map(PathBuf::as_path).chain([layout.dir()]) {
        folder::sync(folder)?;
    }
    folder::remove(&layout.staged())?;
    fs::remove_dir_all(&from)?;
    folder::sync(&layout.workspace())
}

fn is_root(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    path.parent() == Some(Path::new("metadata")) && (name == "root.json" || name.ends_with(".root.json"))
}

fn list(top: &Path, below: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(top.join(below))? {
        let entry = entry?;
        let path = below.join(entry.file_name());
        if entry.file_type()?.is_dir() { list(top, &path, files)? } else { files.push(path) }
    }
    Ok(())
}

fn sync_all(files: &[PathBuf], folders: &BTreeSet<PathBuf>, workspace: &Path) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    if files.len() > FEW {
        return Ok(rustix::fs::syncfs(File::open(workspace)?)?);
    }
    let _ = (FEW, workspace);
    files.iter().try_for_each(|path| File::open(path)?.sync_all())?;
    folders.iter().try_for_each(|path| folder::sync(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> (tempfile::TempDir, Layout) {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new(folder.path());
        fs::create_dir_all(layout.workspace()).unwrap();
        fs::create_dir_all(layout.staged()).unwrap();
        (folder, layout)
    }

    fn put<'l>(layout: &'l Layout, names: &[&str]) -> Publication<'l> {
        let mut publication = Publication::begin(layout).unwrap();
        for name in names {
            publication.put(name, name.as_bytes()).unwrap();
        }
        publication
    }

    #[test]
    fn what_is_committed_is_in_place_and_no_longer_staged() {
        let (_folder, layout) = place();
        let many: Vec<String> = (0..FEW + 1).map(|n| format!("metadata/1.a/{n}.json")).collect();
        let mut names: Vec<&str> = many.iter().map(String::as_str).collect();
        names.extend(["metadata/1.root.json", "metadata/timestamp.json"]);
        put(&layout, &names).commit().unwrap();
        for name in names {
            assert_eq!(fs::read(layout.dir().join(name)).unwrap(), name.as_bytes());
        }
        assert!(!layout.staged().exists() && !layout.publishing().exists());
    }

    #[test]
    fn a_crash_leaves_all_or_nothing() {
        let (_folder, layout) = place();
        drop(put(&layout, &["metadata/1.root.json", "metadata/timestamp.json"]));
        finish(&layout).unwrap();
        assert!(!layout.metadata().exists() && layout.staged().exists());

        // Cut between two moves.
        drop(put(&layout, &["metadata/1.root.json", "metadata/timestamp.json"]));
        fs::rename(layout.unfinished(), layout.publishing()).unwrap();
        fs::create_dir_all(layout.metadata()).unwrap();
        fs::rename(layout.publishing().join("metadata/1.root.json"), layout.metadata().join("1.root.json")).unwrap();
        finish(&layout).unwrap();
        assert!(layout.metadata().join("1.root.json").exists() && layout.metadata().join("timestamp.json").exists());
        assert!(!layout.staged().exists());
    }
}
