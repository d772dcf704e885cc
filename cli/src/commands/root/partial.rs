//! Files that wait for signatures: reading them, and showing them.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use libtrust::client::PartialFile;
use libtrust::dialect::{Dialect, Envelope, Spelled as _};
use libtrust::limits::Limits;
use libtrust::metadata::{RoleKeys, Root};
use libtrust::names::RoleName;
use serde::Serialize;

use crate::commands::key::{find, write};
use crate::commands::shown;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Document, escape};
use crate::settings::Changes;

/// Reads such a file.
///
/// # Errors
/// If it is none.
pub fn read(path: &Path) -> Result<PartialFile, Failure> {
    let text = find::read(path)?;
    PartialFile::parse(&text).map_err(|error| find::in_file(path, Exit::Usage, &error))
}

/// Writes such files, each role's into one of its own: a single one as it is named, several with the role in the name.
///
/// # Errors
/// If one is there already, or cannot be written.
pub fn write_new(to: &Path, partials: &[PartialFile], changes: Changes) -> Result<Vec<PathBuf>, Failure> {
    let paths: Vec<PathBuf> = partials.iter().map(|partial| named(to, partial.role(), partials.len())).collect();
    paths.iter().try_for_each(|path| write::must_be_absent(path))?;
    if changes == Changes::Made {
        for (path, partial) in paths.iter().zip(partials) {
            write::new(path, partial.to_text().as_bytes())?;
        }
    }
    Ok(paths)
}

/// `next.json` becomes `next.targets-alice.json`.
fn named(to: &Path, role: &RoleName, count: usize) -> PathBuf {
    if count <= 1 {
        return to.to_owned();
    }
    let mut extension = role.as_str().replace('/', "-");
    if let Some(old) = to.extension() {
        extension = format!("{extension}.{}", old.display());
    }
    to.with_extension(extension)
}

/// Files that wait for signatures.
#[derive(Debug, Serialize)]
pub struct Partials {
    /// In the order in which they were named.
    pub files: Vec<Partial>,
}

/// One of them.
#[derive(Debug, Serialize)]
pub struct Partial {
    file: PathBuf,
    name: String,
    role: String,
    version: i64,
    expires: DateTime<Utc>,
    /// What a root says about each role.
    says: Vec<Role>,
    groups: Vec<Group>,
    /// The keys that signed now.
    pub signed_now: Vec<String>,
    complete: bool,
}

#[derive(Debug, Serialize)]
struct Role {
    role: String,
    keys: Vec<String>,
    threshold: u32,
}

#[derive(Debug, Serialize)]
struct Group {
    of: String,
    signed: usize,
    threshold: u32,
    keys: Vec<String>,
}

impl Partial {
    /// As it is shown.
    ///
    /// # Errors
    /// If what it carries is no metadata.
    pub fn of(path: &Path, partial: &PartialFile) -> Result<Self, Failure> {
        let limits = Limits::default();
        let envelope = Envelope::parse(Dialect::Notary, partial.role().clone(), partial.file(), &limits);
        let envelope = envelope.map_err(|error| find::in_file(path, Exit::Usage, &error))?;
        let says = match partial.role() {
            RoleName::Root => {
                let root = Root::decode(&envelope).map_err(|error| find::in_file(path, Exit::Usage, &error))?;
                root.roles.iter().map(|(role, keys)| Role::of(role, keys)).collect()
            }
            _ => Vec::new(),
        };
        let groups = partial.groups().into_iter().map(|(group, signed)| Group {
            of: group.of.clone(),
            signed,
            threshold: group.threshold,
            keys: group.keys.values().map(|key| shown::canonical(key).to_string()).collect(),
        });
        Ok(Self {
            file: path.to_owned(),
            name: partial.gun().to_string(),
            role: partial.role().to_string(),
            version: envelope.header().version,
            expires: envelope.header().expires,
            says,
            groups: groups.collect(),
            signed_now: Vec::new(),
            complete: partial.is_complete(),
        })
    }
}

impl Role {
    fn of(role: &RoleName, keys: &RoleKeys) -> Self {
        let ids = keys.key_ids.iter().map(ToString::to_string).collect();
        Self { role: role.to_string(), keys: ids, threshold: keys.threshold.get() }
    }
}

impl Document for Partials {
    fn text(&self, to: &mut dyn Write) -> io::Result<()> {
        self.files.iter().try_for_each(|file| file.write(to))
    }
}

impl Partial {
    /// For people: what it would make true, and what it lacks.
    pub fn write(&self, to: &mut dyn Write) -> io::Result<()> {
        let short = |ids: &[String]| ids.iter().map(|id| shown::short(id).to_owned()).collect::<Vec<_>>().join(", ");
        let name = escape::line(&self.name);
        writeln!(to, "{name}: {} version {}, until {}", self.role, self.version, self.expires.format("%F"))?;
        for role in &self.says {
            writeln!(to, "  {}: {} of {}", role.role, role.threshold, short(&role.keys))?;
        }
        for group in &self.groups {
            let (of, keys) = (escape::line(&group.of), short(&group.keys));
            writeln!(to, "  signed for {of}: {} of {} needed, by keys among {keys}", group.signed, group.threshold)?;
        }
        if !self.signed_now.is_empty() {
            writeln!(to, "  signed now: {}", short(&self.signed_now))?;
        }
        let file = self.file.display().to_string();
        let next = if self.complete {
            "complete; publish it: trust root publish"
        } else {
            "not complete; next: trust root sign"
        };
        writeln!(to, "  {next} {}", escape::line(&file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_files_have_their_roles_in_their_names() {
        let role: RoleName = "targets/alice".parse().unwrap();
        let name = |to: &str, count| named(Path::new(to), &role, count).display().to_string();
        assert_eq!(name("next.json", 1), "next.json");
        assert_eq!(name("a/next.json", 2), "a/next.targets-alice.json");
        assert_eq!(name("next", 2), "next.targets-alice");
    }
}
