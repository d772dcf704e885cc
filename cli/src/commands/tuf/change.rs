//! Changes of a repository in a folder: made, staged, and published if that is wanted.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use clap::Args;
use libtrust::client::tuf::repository::{OwnRepository, Release};
use libtrust::client::{Clock as _, SystemClock, Transport};
use libtrust::metadata::Version;
use libtrust::names::{Gun, RoleName};
use serde::Serialize;

use super::keys::MadeKey;
use super::lifetimes::LifetimeOptions;
use crate::commands::Context;
use crate::commands::shown::{self, FileVersion};
use crate::failure::Failure;
use crate::output::{self, Document, escape};
use crate::session::Session;
use crate::settings::Changes;
use crate::terminal::Wording;

/// How many roles are told one by one.
const MOST_TOLD: usize = 12;

/// Options of every verb that changes a repository.
#[derive(Debug, Args)]
pub struct ChangeOptions {
    /// The repository's folder
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// Sign it, and put it in front of readers at once
    #[arg(long)]
    pub publish: bool,
    /// Where it is published.
    #[command(flatten)]
    pub at: ServerOptions,
    /// How long new files are valid.
    #[command(flatten)]
    pub lifetimes: LifetimeOptions,
}

/// Where a repository is published: for readers of the folder, or at a trust server.
#[derive(Debug, Clone, Default, Args)]
pub struct ServerOptions {
    /// The repository's name at the trust server (--server), which holds the keys of snapshot and timestamp
    #[arg(long, value_name = "GUN")]
    pub gun: Option<Gun>,
}

/// A name at a trust server.
pub struct Place {
    /// The server.
    pub server: Arc<dyn Transport>,
    /// The name.
    pub gun: Gun,
}

impl ServerOptions {
    /// The server and the name there, if it is one.
    ///
    /// # Errors
    /// If the server has no address, or certificates cannot be used.
    pub fn server(&self, session: &Session) -> Result<Option<Place>, Failure> {
        let Some(gun) = &self.gun else { return Ok(None) };
        let registry = gun.registry().unwrap_or_else(|| gun.as_str().split('/').next().unwrap_or_default());
        let server = session.transport(session.settings().server_of(registry)?.as_str())?;
        Ok(Some(Place { server, gun: gun.clone() }))
    }
}

/// A repository while it is changed.
pub struct Change {
    /// Settings and keys.
    pub session: Session,
    /// The repository.
    pub repository: OwnRepository,
    /// Keys that were made on the way.
    pub made: Vec<MadeKey>,
    dir: PathBuf,
    publish: bool,
    at: ServerOptions,
}

#[derive(Serialize)]
struct Changed {
    dry_run: bool,
    repository: PathBuf,
    keys: Vec<MadeKey>,
    /// Roles that wait to be signed and published.
    staged: Vec<String>,
    published: Option<Published>,
}

/// What is in front of readers now.
#[derive(Serialize)]
pub struct Published {
    roles: Vec<FileVersion>,
    good_until: DateTime<Utc>,
}

impl Published {
    /// As it is shown.
    pub fn of(release: &Release) -> Self {
        let shown = |(role, version): &(RoleName, Version)| FileVersion::of(role, *version);
        Self { roles: release.roles.iter().map(shown).collect(), good_until: release.good_until }
    }

    /// For people.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn text(&self, dir: &Path, to: &mut dyn Write) -> io::Result<()> {
        let roles = self.roles.iter().map(|file| format!("{} {}", file.role, file.version)).collect();
        let (dir, until) = (dir.display().to_string(), self.good_until.format("%F %T UTC"));
        writeln!(to, "{}: published {}; good until {until}", escape::line(&dir), told(roles))
    }
}

/// Names, the first of them only if there are thousands.
fn told(mut names: Vec<String>) -> String {
    let more = names.len().saturating_sub(MOST_TOLD);
    if more > 0 {
        names.truncate(MOST_TOLD);
        names.push(format!("and {more} more"));
    }
    escape::line(&names.join(", ")).into_owned()
}

impl Document for Changed {
    fn text(&self, to: &mut dyn Write) -> io::Result<()> {
        for key in &self.keys {
            writeln!(to, "made the {} key {}", escape::line(&key.role), shown::short(&key.id))?;
        }
        if let Some(published) = &self.published {
            return published.text(&self.repository, to);
        }
        let dir = self.repository.display().to_string();
        let (dir, roles) = (escape::line(&dir), told(self.staged.clone()));
        match (self.staged.is_empty(), self.dry_run) {
            (true, _) => writeln!(to, "{dir}: nothing to do"),
            (false, true) => writeln!(to, "{dir}: would stage {roles}"),
            (false, false) => writeln!(to, "{dir}: staged {roles}; next: trust tuf publish {dir}"),
        }
    }
}

impl Change {
    /// Opens a repository to change it.
    ///
    /// # Errors
    /// If there is none, or it does not hold.
    pub fn open(options: &ChangeOptions, context: &Context) -> Result<Self, Failure> {
        let session = Session::new(context.settings()?, Wording::Trust)?;
        let repository = OwnRepository::open(&options.dir, options.lifetimes.lifetimes())?;
        Ok(Self::of(session, repository, Vec::new(), options))
    }

    /// A repository that was opened or begun.
    pub fn of(session: Session, repository: OwnRepository, made: Vec<MadeKey>, options: &ChangeOptions) -> Self {
        Self { session, repository, made, dir: options.dir.clone(), publish: options.publish, at: options.at.clone() }
    }

    /// Whether nothing is to be written.
    pub fn is_told(&self) -> bool {
        self.session.settings().changes == Changes::Told
    }

    /// Stages what was changed, publishes it if that is wanted, and says so.
    ///
    /// # Errors
    /// If signatures or keys are missing, or it cannot be written.
    pub fn finish(mut self) -> Result<(), Failure> {
        let dry_run = self.is_told();
        let now = SystemClock.now();
        let staged = self.repository.drafts().iter().map(ToString::to_string).collect();
        let published = if dry_run {
            None
        } else if self.publish {
            let keys = self.session.key_store()?;
            let release = match self.at.server(&self.session)? {
                Some(Place { server, gun }) => {
                    self.session.wait(self.repository.publish_to(&*server, &gun, &*keys, now))?
                }
                None => self.repository.publish(&*keys, now)?,
            };
            Some(Published::of(&release))
        } else {
            self.repository.stage(now)?;
            None
        };
        let staged = if published.is_some() { Vec::new() } else { staged };
        let changed = Changed { dry_run, repository: self.dir, keys: self.made, staged, published };
        output::print(&changed, self.session.settings().format)
    }
}

/// Reads the name of a role.
///
/// # Errors
/// If no role can be named so.
pub fn role(text: &str) -> Result<RoleName, String> {
    RoleName::in_tuf(text).map_err(|error| error.to_string())
}
