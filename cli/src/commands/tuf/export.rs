//! `trust tuf export`: a repository as files for any web server or object store, verified on the way.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use clap::Args;
use libtrust::client::tuf::{
    ArtifactFolder, MetadataName, RepositoryLimits, Says, Source, Surveyed, TargetPath, survey,
};
use libtrust::client::{Clock as _, SystemClock};
use libtrust::metadata::{Metadata as _, Target, Targets};
use libtrust::names::RoleName;
use libtrust::verify::Expiration;
use serde::Serialize;

use super::reader::{folder, source, wait};
use crate::commands::Context;
use crate::failure::Failure;
use crate::files;
use crate::output::{self, Document, escape};

/// Where files lie that are not whole, below the folder.
const WORKSPACE: &str = ".trust";

/// Options of `trust tuf export`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Every file is verified, from the trusted root on, before it is written; nothing that has expired is. Readers of the folder see
the old state or the new one. Copy again before the timestamp expires.

Examples:
  trust tuf export repo /srv/www/repo
  trust tuf export https://trust.example/tuf/team/app/metadata /srv/www/app --targets-url https://trust.example/tuf/team/app/targets
  trust tuf export --root root.json https://repo.example/metadata mirror")]
pub struct Options {
    /// The repository's folder, or the address of its metadata
    #[arg(value_name = "DIR|URL")]
    pub repository: String,
    /// Where the files go: metadata/ and targets/ below it
    #[arg(value_name = "TO")]
    pub to: PathBuf,
    /// A root that you trust [default: the repository's first]
    #[arg(long, value_name = "FILE")]
    pub root: Option<PathBuf>,
    /// Copy the targets from there, too; those of a folder always are
    #[arg(long, value_name = "URL")]
    pub targets_url: Option<String>,
    /// Leave the targets where they are
    #[arg(long, conflicts_with = "targets_url")]
    pub metadata_only: bool,
}

#[derive(Serialize)]
struct Exported {
    dry_run: bool,
    repository: String,
    to: PathBuf,
    /// How many metadata files.
    files: usize,
    /// How many artifacts.
    targets: usize,
    good_until: Option<DateTime<Utc>>,
}

impl Document for Exported {
    fn text(&self, to: &mut dyn Write) -> io::Result<()> {
        let (from, folder) = (escape::line(&self.repository).into_owned(), self.to.display().to_string());
        let did = if self.dry_run { "would export" } else { "exported" };
        let until = self.good_until.map(|time| time.format("%F %T UTC").to_string()).unwrap_or_default();
        let (files, targets) = (self.files, self.targets);
        writeln!(
            to,
            "{did} {files} files and {targets} targets of {from} to {}; good until {until}",
            escape::line(&folder)
        )
    }
}

/// Runs it.
///
/// # Errors
/// If a file is missing or does not hold, or cannot be written. Readers of the folder see the old state then.
pub fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let dry_run = context.options.dry_run;
    let source = from(options, context)?;
    let trusted = options.root.as_deref().map(|file| files::read(file, RepositoryLimits::default().root_bytes));
    let trusted = trusted.transpose()?;
    let mut copy = Copy { to: &options.to, dry_run, files: 0, targets: Vec::new(), last: Vec::new(), good_until: None };
    let expiration = Expiration::Enforced(SystemClock.now());
    let exported = wait(async {
        let limits = RepositoryLimits::default();
        survey(&*source, trusted.as_deref(), expiration, &limits, |file| copy.take(&file)).await?;
        let targets = if options.metadata_only { 0 } else { copy.artifacts(&*source).await? };
        copy.finish()?;
        Ok::<_, Failure>(targets)
    })??;
    let exported = Exported {
        dry_run,
        repository: options.repository.clone(),
        to: options.to.clone(),
        files: copy.files,
        targets: exported,
        good_until: copy.good_until,
    };
    output::print(&exported, context.options.output)
}

fn from(options: &Options, context: &Context) -> Result<std::sync::Arc<dyn Source>, Failure> {
    match folder(&options.repository) {
        Some(dir) => {
            let (metadata, targets) = (dir.join("metadata"), dir.join("targets"));
            if fs::canonicalize(&dir).is_ok_and(|dir| fs::canonicalize(&options.to).is_ok_and(|to| to == dir)) {
                return Err(Failure::usage("a repository is not exported into itself"));
            }
            source(&metadata.display().to_string(), Some(&targets.display().to_string()), &context.options)
        }
        None if options.targets_url.is_none() && !options.metadata_only => {
            Err(Failure::usage("--targets-url is needed, or --metadata-only"))
        }
        None => source(&options.repository, options.targets_url.as_deref(), &context.options),
    }
}

/// A copy while it is made.
struct Copy<'o> {
    to: &'o Path,
    dry_run: bool,
    files: usize,
    /// Artifacts by the path they are asked for under.
    targets: Vec<(TargetPath, Target)>,
    /// Written last, in this order: readers look for roots first and begin with the timestamp.
    last: Vec<(PathBuf, Vec<u8>)>,
    good_until: Option<DateTime<Utc>>,
}

impl Copy<'_> {
    fn take(&mut self, file: &Surveyed<'_>) -> Result<(), Failure> {
        self.files += 1;
        let path: TargetPath = file.name.to_string().parse().map_err(|error| {
            Failure::from(error).while_doing("a role's name cannot be a file of a web server".to_owned())
        })?;
        let consistent = file.name.version.is_some();
        let written = path.below(&self.to.join("metadata"));
        match &file.says {
            Says::Root(_) => {
                let current = self.to.join("metadata").join(MetadataName::current(RoleName::Root).to_string());
                self.last.extend([(written, file.bytes.to_vec()), (current, file.bytes.to_vec())]);
                Ok(())
            }
            Says::Timestamp(timestamp) => {
                self.good_until = Some(timestamp.expires());
                self.last.push((written, file.bytes.to_vec()));
                Ok(())
            }
            Says::Snapshot(_) => self.write(&written, file.bytes),
            Says::Targets { file: targets, .. } => {
                self.list(targets, consistent)?;
                self.write(&written, file.bytes)
            }
        }
    }

    /// One for each digest that is listed, as readers choose which they ask for.
    fn list(&mut self, file: &Targets, consistent: bool) -> Result<(), Failure> {
        for (path, target) in &file.targets {
            let path: TargetPath = path.parse()?;
            if !consistent {
                self.targets.push((path, target.clone()));
                continue;
            }
            let digests =
                target.digests.sha256.map(hex::encode).into_iter().chain(target.digests.sha512.map(hex::encode));
            for digest in digests {
                self.targets.push((path.prefixed(Some(&digest)).parse()?, target.clone()));
            }
        }
        Ok(())
    }

    async fn artifacts(&self, source: &dyn Source) -> Result<usize, Failure> {
        let folder = ArtifactFolder::new(self.to.join("targets"), self.to.join(WORKSPACE));
        if !self.dry_run {
            for (path, target) in &self.targets {
                if folder.find(path, target)?.is_none() {
                    folder.fetch(source, path, target, None).await?;
                }
            }
        }
        Ok(self.targets.len())
    }

    fn finish(&self) -> Result<(), Failure> {
        self.last.iter().try_for_each(|(path, bytes)| self.write(path, bytes))
    }

    /// As a whole, so that readers see the old file or the new one. It is not synced: a copy is made anew.
    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), Failure> {
        if self.dry_run || fs::read(path).is_ok_and(|known| known == bytes) {
            return Ok(());
        }
        let workspace = self.to.join(WORKSPACE);
        let next = workspace.join("next");
        let written = fs::create_dir_all(&workspace)
            .and_then(|()| path.parent().map_or(Ok(()), fs::create_dir_all))
            .and_then(|()| fs::write(&next, bytes))
            .and_then(|()| fs::rename(&next, path));
        written.map_err(|error| Failure::from(error).while_doing(format!("cannot write {}", path.display())))
    }
}
