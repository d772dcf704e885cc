//! `trust tuf init`: with `--metadata-dir`, begin to trust a repository by its root.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use libtrust::client::tuf::turn;
use libtrust::client::tuf::{FolderStore, RepositoryLimits, Store as _, TufError, begin};
use serde::Serialize;

use super::begin::BeginOptions;
use super::change::ChangeOptions;
use super::client_options::ClientOptions;
use super::reader::wait;
use crate::commands::Context;
use crate::failure::Failure;
use crate::files;
use crate::output::{self, Document, escape};

/// Options of `trust tuf init`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
With --metadata-dir, DIR is the file of the root to trust, which came over a channel you trust.

Examples:
  trust tuf init repo
  trust tuf init repo --root-key alice.pub,bob.pub --root-threshold 2
  trust tuf init --metadata-dir trusted root.json")]
pub struct Options {
    /// The repository.
    #[command(flatten)]
    pub change: ChangeOptions,
    /// Who signs it.
    #[command(flatten)]
    pub begin: BeginOptions,
    /// Where a reader keeps what it trusts.
    #[command(flatten)]
    pub client: ClientOptions,
}

#[derive(Serialize)]
struct Begun {
    metadata_dir: PathBuf,
    root: PathBuf,
}

impl Document for Begun {
    fn text(&self, to: &mut dyn Write) -> io::Result<()> {
        let (dir, root) = (self.metadata_dir.display().to_string(), self.root.display().to_string());
        writeln!(to, "{}: trusts {}", escape::line(&dir), escape::line(&root))
    }
}

/// Begins to trust a repository. Makes no request.
///
/// # Errors
/// If the file is no sound root, or cannot be stored.
pub fn trust(root: &Path, metadata_dir: &Path, context: &Context) -> Result<(), Failure> {
    let limits = RepositoryLimits::default();
    let bytes = files::read(root, limits.root_bytes)?;
    let store = FolderStore::new(metadata_dir);
    wait(async {
        let _turn = turn(&store, std::time::Duration::from_secs(60)).await?;
        begin(&store, &bytes, &limits)
    })?
    .map_err(|error: TufError| {
        Failure::from(error).while_doing(format!(
            "{} cannot be the beginning of trust in {}",
            root.display(),
            store.name()
        ))
    })?;
    let begun = Begun { metadata_dir: metadata_dir.to_owned(), root: root.to_owned() };
    output::print(&begun, context.options.output)
}
