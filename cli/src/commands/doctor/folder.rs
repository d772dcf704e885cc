//! The trust folder: who may read it, and whether its keys can be read.

use std::fs;
use std::path::Path;

use libtrust::client::KeyStore as _;

use super::{Finding, State};
use crate::failure::Failure;
use crate::session::Session;

/// Looks at the folder and its keys.
pub fn look(session: &Session) -> Vec<Finding> {
    let folder = &session.settings().trust_dir;
    if !folder.exists() {
        return vec![Finding::ok("folder", format!("{} is not there yet", folder.display()))];
    }
    vec![permissions(folder), keys(session)]
}

/// Whoever writes there decides what is trusted; whoever reads `private` can try passphrases.
fn permissions(folder: &Path) -> Finding {
    let private = folder.join("private");
    let entries = fs::read_dir(&private).into_iter().flatten().flatten().map(|entry| entry.path());
    for path in [folder.to_owned(), folder.join("tuf")] {
        if mode(&path).is_some_and(|mode| mode & 0o022 != 0) {
            return open(&path, "others may write it, and so decide what is trusted", "chmod go-w");
        }
    }
    for path in std::iter::once(private.clone()).chain(entries) {
        if mode(&path).is_some_and(|mode| mode & 0o077 != 0) {
            return open(&path, "others may read it", "chmod -R go-rwx");
        }
    }
    Finding::ok("folder", format!("{} is for you alone", folder.display()))
}

fn open(path: &Path, what: &str, command: &str) -> Finding {
    let path = path.display();
    Finding::new("folder", State::Failed, format!("{path}: {what}")).hint(format!("{command} {path}"))
}

/// The permissions, where the system has such; a link's own say nothing.
fn mode(path: &Path) -> Option<u32> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::metadata(path).ok().map(|metadata| metadata.permissions().mode())
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}

fn keys(session: &Session) -> Finding {
    let store = session.keys();
    let (listed, unreadable) = match store.list().and_then(|keys| Ok((keys, store.unreadable()?))) {
        Ok(found) => found,
        Err(error) => return Finding::failed("keys", &Failure::from(error)),
    };
    if unreadable.is_empty() {
        return Finding::ok("keys", format!("{} private keys, all well-formed", listed.len()));
    }
    let broken = unreadable.iter().map(|key| format!("{}: {}", key.location, key.why));
    let message = format!("{} keys cannot be used: {}", unreadable.len(), broken.collect::<Vec<_>>().join("; "));
    Finding::new("keys", State::Failed, message).hint("restore them from a backup, or remove them")
}
