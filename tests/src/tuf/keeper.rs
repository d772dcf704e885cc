//! Somebody who keeps a repository with `trust tuf`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::command::{Outcome, clean, run};
use crate::peers::trust;

/// A keeper, with private keys and a repository in folders of their own.
pub struct Keeper {
    home: PathBuf,
}

impl Keeper {
    /// A new keeper whose files are in `FOLDER/keeper` and who begins a repository there.
    pub fn new(folder: &Path) -> Result<Self> {
        let keeper = Self { home: folder.join("keeper") };
        std::fs::create_dir_all(&keeper.home)?;
        keeper.tuf("init", &[])?;
        Ok(keeper)
    }

    /// The repository's folder.
    pub fn repository(&self) -> PathBuf {
        self.home.join("repository")
    }

    /// The first root: what readers begin with.
    pub fn first_root(&self) -> PathBuf {
        self.repository().join("metadata/1.root.json")
    }

    /// Runs `trust tuf VERB REPOSITORY ...` and expects it to succeed.
    pub fn tuf(&self, verb: &str, more: &[&str]) -> Result<Outcome> {
        run(self.command()?.args(["tuf", verb]).arg(self.repository()).args(more))?.success()
    }

    /// Adds a file with this content as a target and publishes.
    pub fn add(&self, path: &str, content: &str, more: &[&str]) -> Result<()> {
        let file = self.home.join("files").join(path);
        std::fs::create_dir_all(file.parent().unwrap_or(&self.home))?;
        std::fs::write(&file, content)?;
        let file = file.to_string_lossy().into_owned();
        let prefix = path.rsplit_once('/').map(|(folder, _)| folder);
        let mut arguments = vec![file.as_str()];
        arguments.extend(prefix.iter().flat_map(|prefix| ["--prefix", prefix]));
        arguments.extend(more);
        self.tuf("add", &arguments)?;
        Ok(())
    }

    /// The repository as static files, verified while they are copied.
    pub fn export(&self, name: &str) -> Result<PathBuf> {
        let place = self.home.join(name);
        let words = place.to_string_lossy().into_owned();
        self.tuf("export", &[&words])?;
        Ok(place)
    }

    /// `trust` as this keeper, without arguments yet.
    pub fn command(&self) -> Result<Command> {
        let mut command = clean(trust::binary()?);
        command.current_dir(&self.home).env("HOME", &self.home).env("DOCKER_CONFIG", self.home.join("config"));
        for name in ["ROOT", "REPOSITORY"] {
            command.env(format!("DOCKER_CONTENT_TRUST_{name}_PASSPHRASE"), "passphrase-of-the-keeper");
        }
        Ok(command)
    }
}
