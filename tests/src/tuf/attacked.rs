//! A repository, a user of it, and an attacker in between.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::client::{Client, User};
use super::maker::Maker;
use super::site::Site;

/// A target of the top role.
pub const FILE: &str = "app.bin";
/// Another one.
pub const OTHER: &str = "tool.bin";
/// A target of the delegated role `team`.
pub const DELEGATED: &str = "team/plugin.bin";

/// A repository with two versions, a user who knows the second, and a web server that the attacker has in hand.
pub struct World {
    folder: tempfile::TempDir,
    /// The repository, with everybody's keys.
    pub repository: Maker,
    /// How the repository looked before its second version.
    pub first: PathBuf,
    /// What the user takes for the repository.
    pub site: Site,
    /// The user.
    pub user: User,
}

impl World {
    /// A repository that is valid until 2100.
    pub fn start() -> Result<Self> {
        Self::with(&json!({}))
    }

    /// A repository made with these options of [`Maker::with`].
    pub fn with(options: &serde_json::Value) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut repository = Maker::with(&folder.path().join("repository"), options)?;
        repository.delegate("targets", "team", &["team/*"])?;
        repository.add("targets", FILE, "application 1")?;
        repository.add("targets", OTHER, "a tool of 19 bytes.")?;
        repository.add("team", DELEGATED, "plugin 1")?;
        repository.publish_all()?;
        let first = repository.copy("first")?;
        repository.add("targets", FILE, "application 2")?;
        repository.add("team", DELEGATED, "plugin 2")?;
        repository.publish(&["targets", "team"])?;
        let site = Site::start(repository.folder())?;
        let user = User::new(Client::Ours, folder.path(), "user", site.url(), &repository.root())?;
        user.download(&[FILE, DELEGATED])?.success()?;
        Ok(Self { folder, repository, first, site, user })
    }

    /// The attack is on: bringing metadata up to date fails with these words. Nothing that was kept changes.
    pub fn refresh_fails(&self, words: &str) -> Result<()> {
        self.refresh_fails_keeping(&[], words)
    }

    /// The same, but these files are good in themselves and are kept, as the workflow says.
    pub fn refresh_fails_keeping(&self, newer: &[&str], words: &str) -> Result<()> {
        let before = self.user.kept()?;
        let outcome = self.user.refresh()?.failure(words)?;
        ensure!(outcome.code == 1, "should have ended with 1: {outcome}");
        self.only_these_changed(&before, newer)
    }

    /// The attack is on: getting a target fails with these words, and no file in the target folder changes.
    pub fn download_fails(&self, path: &str, newer: &[&str], words: &str) -> Result<()> {
        let (before, targets) = (self.user.kept()?, self.contents()?);
        let outcome = self.user.download(&[path])?.failure(words)?;
        ensure!(outcome.code == 1, "should have ended with 1: {outcome}");
        ensure!(self.contents()? == targets, "the targets changed");
        self.only_these_changed(&before, newer)
    }

    fn only_these_changed(&self, before: &BTreeMap<String, Vec<u8>>, newer: &[&str]) -> Result<()> {
        let after = self.user.kept()?;
        let names: BTreeSet<_> = before.keys().chain(after.keys()).collect();
        let changed: Vec<_> = names.into_iter().filter(|name| before.get(*name) != after.get(*name)).collect();
        ensure!(changed == newer, "changed: {changed:?}, not {newer:?}");
        Ok(())
    }

    /// The attack is over: all is as if it had never been.
    pub fn recovers(&self) -> Result<()> {
        self.site.repent();
        self.site.show(self.repository.folder());
        self.user.download(&[FILE, OTHER, DELEGATED])?.success()?;
        Ok(())
    }

    fn contents(&self) -> Result<Vec<Vec<u8>>> {
        self.user.targets()?.iter().map(|file| Ok(std::fs::read(file)?)).collect()
    }

    /// A metadata file as the repository has it, or had it in its first version.
    pub fn file(&self, folder: &Path, name: &str) -> Result<Vec<u8>> {
        let path = folder.join("metadata").join(name);
        std::fs::read(&path).with_context(|| format!("{}", path.display()))
    }

    /// Somebody else's repository with the same targets.
    pub fn strangers(&self) -> Result<Maker> {
        let mut stranger = Maker::with(&self.folder.path().join("stranger"), &json!({"seed": "stranger"}))?;
        stranger.add("targets", FILE, "malware.....3")?;
        stranger.publish_all()?;
        for _ in 0..3 {
            stranger.publish(&["targets"])?;
        }
        Ok(stranger)
    }

    /// The digest-prefixed name of a target's file.
    pub fn artifact(&self, path: &str) -> Result<String> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let wanted = |entry: &Path| {
            let found = entry.file_name().is_some_and(|file| file.to_string_lossy().ends_with(&format!(".{name}")));
            // Both versions are there; the newer content ends with a 2.
            found && std::fs::read(entry).is_ok_and(|content| !content.ends_with(b"1"))
        };
        let entries = std::fs::read_dir(self.repository.folder().join("targets").join(folder))?;
        let paths: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
        let path = paths.into_iter().find(|path| wanted(path)).with_context(|| format!("no file of {path}"))?;
        Ok(path.strip_prefix(self.repository.folder())?.to_string_lossy().into_owned())
    }
}
