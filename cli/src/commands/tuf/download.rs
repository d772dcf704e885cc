//! `trust tuf download`: verified targets of a repository.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use libtrust::client::tuf::{ArtifactFolder, Repository, TargetPath};
use libtrust::client::{Clock as _, SystemClock};
use serde::Serialize;

use super::client_options::{ClientOptions, needed};
use super::reader::{Reader, wait};
use crate::commands::Context;
use crate::failure::Failure;
use crate::output::{self, Document, escape};

/// Options of `trust tuf download`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Brings the metadata up to date, then takes the targets one by one and stops at the first that fails. What is here already and
is right is not downloaded again. Ends with 0 or 1.

Examples:
  trust tuf download --metadata-dir trusted --metadata-url https://repo.example/metadata \\
    --target-base-url https://repo.example/targets --target-dir files --target-name app/1.2/app.tar.gz")]
pub struct Options {
    /// Where and what.
    #[command(flatten)]
    pub client: ClientOptions,
}

#[derive(Serialize)]
struct Downloads {
    targets: Vec<Download>,
}

#[derive(Serialize)]
struct Download {
    path: String,
    file: PathBuf,
    length: u64,
    role: String,
    /// Whether it came from the repository, or was here already.
    downloaded: bool,
}

impl Document for Downloads {
    fn text(&self, to: &mut dyn Write) -> io::Result<()> {
        self.targets.iter().try_for_each(|target| {
            let (path, file) = (escape::line(&target.path), target.file.display().to_string());
            let came = if target.downloaded { "verified" } else { "here already, verified" };
            writeln!(
                to,
                "{path}: {came}, {} bytes by {}: {}",
                target.length,
                escape::line(&target.role),
                escape::line(&file)
            )
        })
    }
}

/// Runs it.
///
/// # Errors
/// If the repository cannot be read or verified, or a target is not what it says. Targets before it are there.
pub fn run(options: &ClientOptions, context: &Context) -> Result<(), Failure> {
    if options.target_name.is_empty() {
        return Err(Failure::usage("--target-name is needed"));
    }
    needed(options.target_base_url.as_ref(), "--target-base-url")?;
    let folder = needed(options.target_dir.as_ref(), "--target-dir")?;
    let reader = Reader::new(options, context)?;
    let folder = ArtifactFolder::new(folder, reader.store.workspace());
    let targets = wait(async {
        let repository = reader.client.refresh(SystemClock.now()).await?;
        let mut targets = Vec::with_capacity(options.target_name.len());
        for name in &options.target_name {
            targets.push(one(&reader, &repository, &folder, name).await?);
        }
        // The process is about to end: the system takes all memory back at once, however large the repository is.
        std::mem::forget(repository);
        Ok::<_, Failure>(targets)
    })??;
    output::print(&Downloads { targets }, context.options.output)
}

async fn one(
    reader: &Reader,
    repository: &Repository,
    folder: &ArtifactFolder,
    name: &str,
) -> Result<Download, Failure> {
    let path: TargetPath = name.parse()?;
    let found = repository.target(name).await?;
    let here = folder.find(&path, &found.target)?;
    let downloaded = here.is_none();
    let file = match here {
        Some(file) => file,
        None => {
            let prefix = repository.artifact_prefix(&found.target);
            folder.fetch(&*reader.source, &path, &found.target, prefix.as_deref()).await?
        }
    };
    let role = found.file.role().to_string();
    Ok(Download { path: name.to_owned(), file, length: found.target.length, role, downloaded })
}
