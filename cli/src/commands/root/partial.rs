//! Files that wait for signatures: reading them, and showing them.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use libtrust::client::PartialFile;
use libtrust::dialect::{Dialect, Envelope, Spelled as _};
use libtrust::keys::PublicKey;
use libtrust::limits::Limits;
use libtrust::metadata::{RoleKeys, Root};
use libtrust::names::{KeyId, RoleName};
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
    /// What it says about each role: a root about the four, targets about their delegations.
    says: Vec<Role>,
    /// What targets would release or list.
    tags: Vec<Tag>,
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
struct Tag {
    tag: String,
    digest: String,
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
        let targets = partial.targets();
        let says = match partial.role() {
            RoleName::Root => {
                let root = Root::decode(&envelope).map_err(|error| find::in_file(path, Exit::Usage, &error))?;
                root.roles.iter().map(|(role, keys)| Role::of(role, keys, &root.keys)).collect()
            }
            _ => {
                let roles = targets.iter().flat_map(|targets| &targets.delegations.roles);
                let known = targets.as_ref().map(|targets| &targets.delegations.keys);
                let known = known.unwrap_or(const { &BTreeMap::new() });
                roles.map(|role| Role::of(&RoleName::Delegation(role.name.clone()), &role.keys, known)).collect()
            }
        };
        let tags = targets.iter().flat_map(|targets| &targets.targets).map(|(tag, target)| Tag {
            tag: tag.clone(),
            digest: target.digests.sha256.map(|digest| format!("sha256:{}", hex::encode(digest))).unwrap_or_default(),
        });
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
            tags: tags.collect(),
            groups: groups.collect(),
            signed_now: Vec::new(),
            complete: partial.is_complete(),
        })
    }
}

impl Role {
    /// Keys by the ids people know them by, as in the groups below.
    fn of(role: &RoleName, keys: &RoleKeys, known: &BTreeMap<KeyId, PublicKey>) -> Self {
        let id = |id: &KeyId| known.get(id).map_or_else(|| id.to_string(), |key| shown::canonical(key).to_string());
        let ids = keys.key_ids.iter().map(id).collect();
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
        // Whole ids: the beginning of one can be made to match.
        let all = |ids: &[String]| ids.join(", ");
        let name = escape::line(&self.name);
        writeln!(to, "{name}: {} version {}, until {}", self.role, self.version, self.expires.format("%F"))?;
        for role in &self.says {
            writeln!(to, "  {}: {} of {}", role.role, role.threshold, all(&role.keys))?;
        }
        for tag in &self.tags {
            writeln!(to, "  {} is {}", escape::line(&tag.tag), tag.digest)?;
        }
        for group in &self.groups {
            let (of, keys) = (escape::line(&group.of), all(&group.keys));
            writeln!(to, "  signed for {of}: {} of {} needed, by keys among {keys}", group.signed, group.threshold)?;
        }
        if !self.signed_now.is_empty() {
            writeln!(to, "  signed now: {}", all(&self.signed_now))?;
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
