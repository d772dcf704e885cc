//! `trust tuf inspect`: what a repository says, and by whose word.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use chrono::{DateTime, Utc};
use clap::Args;
use libtrust::client::tuf::repository::OwnRepository;
use libtrust::client::tuf::{RepositoryLimits, Says, Source, Surveyed, survey};
use libtrust::client::{Clock as _, SystemClock};
use libtrust::dialect::Dialect;
use libtrust::keys::PublicKey;
use libtrust::metadata::{Delegations, Metadata, RoleKeys, Root, Targets};
use libtrust::names::{DelegationName, KeyId, RoleName};
use libtrust::verify::{Expiration, Verified};
use serde::Serialize;

use super::lifetimes::LifetimeOptions;
use super::reader::{folder, source, wait};
use crate::commands::{Context, shown};
use crate::failure::Failure;
use crate::output::{self, Document, Table, escape};

/// Options of `trust tuf inspect`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Every file that readers could be led to is read and verified, from the first root on; one that has expired is shown as such. In
a repository's own folder, what is staged is shown, too.

Examples:
  trust tuf inspect repo
  trust tuf inspect https://repo.example/metadata --targets")]
pub struct Options {
    /// The repository's folder, or the address of its metadata
    #[arg(value_name = "DIR|URL")]
    pub repository: String,
    /// List the targets of each role
    #[arg(long)]
    pub targets: bool,
}

#[derive(Serialize)]
struct Inspected {
    repository: String,
    roles: Vec<Role>,
    staged: Vec<Staged>,
}

#[derive(Serialize)]
struct Role {
    role: String,
    version: u64,
    expires: DateTime<Utc>,
    expired: bool,
    delegated_by: Option<String>,
    threshold: u32,
    /// Keys that may sign it, by the ids key folders know.
    keys: Vec<String>,
    /// Those of them that did.
    signed_by: Vec<String>,
    /// How many targets it lists.
    count: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    targets: Option<Vec<Target>>,
}

#[derive(Serialize)]
struct Target {
    path: String,
    length: u64,
    sha256: Option<String>,
    sha512: Option<String>,
}

#[derive(Serialize)]
struct Staged {
    role: String,
    /// How many signatures it lacks.
    missing: usize,
    /// Keys that could sign.
    wanted: Vec<String>,
}

impl Document for Inspected {
    fn text(&self, to: &mut dyn Write) -> io::Result<()> {
        let mut table = Table::new(["ROLE", "VERSION", "EXPIRES", "SIGNED", "TARGETS", "DELEGATED BY"]);
        for role in &self.roles {
            let expires = role.expires.format("%F %R").to_string();
            let expires = if role.expired { format!("{expires} (expired)") } else { expires };
            let signed = format!("{} of {} needed", role.signed_by.len(), role.threshold);
            let count = role.count.map(|count| count.to_string()).unwrap_or_default();
            let by = role.delegated_by.clone().unwrap_or_default();
            table.row([role.role.clone(), role.version.to_string(), expires, signed, count, by]);
        }
        if !self.roles.is_empty() {
            table.write(to)?;
        }
        for target in self.roles.iter().flat_map(|role| role.targets.iter().flatten()) {
            let digest = target.sha256.as_ref().or(target.sha512.as_ref()).map_or("", String::as_str);
            writeln!(to, "{}  {}  {digest}", escape::line(&target.path), target.length)?;
        }
        for staged in &self.staged {
            let role = escape::line(&staged.role);
            let wanted: Vec<&str> = staged.wanted.iter().map(|id| shown::short(id)).collect();
            match staged.missing {
                0 => writeln!(to, "staged: {role}, signed")?,
                missing => writeln!(to, "staged: {role}, lacks {missing} of the keys {}", wanted.join(", "))?,
            }
        }
        Ok(())
    }
}

/// Runs it.
///
/// # Errors
/// If the repository cannot be read, or does not hold.
pub fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let own = folder(&options.repository);
    let mut inspected = Inspected { repository: options.repository.clone(), roles: Vec::new(), staged: Vec::new() };
    let is_own = own.as_ref().is_some_and(|dir| dir.join("metadata").is_dir() || dir.join("staged").is_dir());
    let metadata = match &own {
        Some(dir) if is_own => dir.join("metadata").display().to_string(),
        _ => options.repository.clone(),
    };
    if !is_own || Path::new(&metadata).is_dir() {
        let source = source(&metadata, None, &context.options)?;
        inspected.roles = read(&*source, options.targets)?;
    }
    if let Some(dir) = own.filter(|_| is_own)
        && dir.join("staged").is_dir()
    {
        inspected.staged = staged(&dir)?;
    }
    output::print(&inspected, context.options.output)
}

fn read(source: &dyn Source, with_targets: bool) -> Result<Vec<Role>, Failure> {
    let now = SystemClock.now();
    let mut reading = Reading { now, with_targets, roles: Vec::new(), root: None, delegations: BTreeMap::new() };
    let limits = RepositoryLimits::default();
    wait(survey(source, None, Expiration::Ignored, &limits, |file| {
        reading.take(&file);
        Ok::<(), Failure>(())
    }))??;
    Ok(reading.roles)
}

/// What was read so far.
struct Reading {
    now: DateTime<Utc>,
    with_targets: bool,
    roles: Vec<Role>,
    root: Option<Root>,
    delegations: BTreeMap<RoleName, Delegations>,
}

impl Reading {
    fn take(&mut self, file: &Surveyed<'_>) {
        match &file.says {
            Says::Root(root) => {
                // The newest is the one that counts.
                self.roles.clear();
                self.root = Some(Root::clone(root));
                self.add(root, None);
            }
            Says::Timestamp(timestamp) => self.add(timestamp, None),
            Says::Snapshot(snapshot) => self.add(snapshot, None),
            Says::Targets { file, delegator } => {
                self.add(file, delegator.as_ref());
                let listed = self.with_targets.then(|| targets(file));
                if let Some(role) = self.roles.last_mut() {
                    role.count = Some(file.targets.len());
                    role.targets = listed;
                }
                if !file.delegations.roles.is_empty() || file.delegations.succinct.is_some() {
                    self.delegations.insert(file.role().clone(), file.delegations.clone());
                }
            }
        }
    }

    fn add<T: Metadata>(&mut self, file: &Verified<T>, delegator: Option<&RoleName>) {
        let listed = match (file.role(), delegator.and_then(|delegator| self.delegations.get(delegator))) {
            (RoleName::Delegation(name), Some(delegations)) => delegated(delegations, name),
            (role, _) => self.root.as_ref().and_then(|root| Some((root.roles.get(role)?, &root.keys))),
        };
        let canonical = |id: &KeyId| {
            let key = listed.and_then(|(_, keys)| keys.get(id));
            key.map_or_else(|| id.to_string(), |key| Dialect::Tuf.canonical_key_id(key).to_string())
        };
        let keys = listed.map_or(&[][..], |(keys, _)| &keys.key_ids);
        self.roles.push(Role {
            role: file.role().to_string(),
            version: file.version().get(),
            expires: file.expires(),
            expired: file.expires() <= self.now,
            delegated_by: delegator.map(ToString::to_string),
            threshold: listed.map_or(1, |(keys, _)| keys.threshold.get()),
            keys: keys.iter().map(canonical).collect(),
            signed_by: file.signers().iter().map(canonical).collect(),
            count: None,
            targets: None,
        });
    }
}

fn delegated<'d>(
    delegations: &'d Delegations,
    name: &DelegationName,
) -> Option<(&'d RoleKeys, &'d BTreeMap<KeyId, PublicKey>)> {
    let bins = delegations.succinct.as_ref().filter(|bins| bins.has(name)).map(|bins| &bins.keys);
    let named = || delegations.roles.iter().find(|role| role.name == *name).map(|role| &role.keys);
    Some((bins.or_else(named)?, &delegations.keys))
}

fn targets(file: &Targets) -> Vec<Target> {
    let one = |(path, target): (&String, &libtrust::metadata::Target)| Target {
        path: path.clone(),
        length: target.length,
        sha256: target.digests.sha256.map(hex::encode),
        sha512: target.digests.sha512.map(hex::encode),
    };
    file.targets.iter().map(one).collect()
}

fn staged(dir: &Path) -> Result<Vec<Staged>, Failure> {
    let mut repository = OwnRepository::open(dir, LifetimeOptions::default().lifetimes())?;
    let drafts = repository.drafts();
    let shown = drafts.into_iter().map(|role| {
        let outstanding = repository.outstanding_for(&role)?;
        let missing = outstanding.as_ref().map_or(0, |one| (one.needed.get() as usize).saturating_sub(one.found));
        let wanted = outstanding.into_iter().flat_map(|one| one.wanted).map(|id| id.to_string()).collect();
        Ok(Staged { role: role.to_string(), missing, wanted })
    });
    shown.collect()
}
