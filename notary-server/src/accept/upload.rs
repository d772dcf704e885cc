//! An upload: files by role.

use bytes::Bytes;
use libtrust::dialect::Dialect;
use libtrust::names::RoleName;

use crate::names::role_name;
use crate::percent;

/// The files of one upload. Of two for the same role the last counts, as in Notary.
#[derive(Debug, Clone)]
pub struct Upload {
    dialect: Dialect,
    parts: Vec<(RoleName, Bytes)>,
}

/// A file whose name is no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidUpload {
    /// The name is not that of a role.
    #[error("{0:?} names no role")]
    Role(String),
}

impl Upload {
    /// No files yet.
    #[must_use]
    pub const fn new(dialect: Dialect) -> Self {
        Self { dialect, parts: Vec::new() }
    }

    /// Adds a file under the name it was sent with: a role, with or without `.json` behind it; in TUF 1.0 percent-encoded
    /// as in addresses, because a role may have any name.
    ///
    /// # Errors
    /// If that names no role.
    pub fn add(&mut self, file_name: &str, bytes: Bytes) -> Result<(), InvalidUpload> {
        let invalid = || InvalidUpload::Role(file_name.chars().take(255).collect());
        let name = file_name.strip_suffix(".json").unwrap_or(file_name);
        let name = match self.dialect {
            Dialect::Tuf => percent::decode(name).ok_or_else(invalid)?,
            _ => name.into(),
        };
        let role = role_name(self.dialect, &name).map_err(|_| invalid())?;
        self.parts.retain(|(other, _)| *other != role);
        self.parts.push((role, bytes));
        Ok(())
    }

    /// Whether there is nothing in it that could be stored.
    #[must_use]
    pub fn is_empty_in(&self, dialect: Dialect) -> bool {
        self.parts.iter().all(|(role, _)| dialect == Dialect::Notary && *role == RoleName::Timestamp)
    }

    /// The file of a role.
    #[must_use]
    pub fn part(&self, role: &RoleName) -> Option<&Bytes> {
        self.parts.iter().find(|(other, _)| other == role).map(|(_, bytes)| bytes)
    }

    /// The size of each file, in bytes.
    pub fn sizes(&self) -> impl Iterator<Item = usize> {
        self.parts.iter().map(|(_, bytes)| bytes.len())
    }

    /// The uploaded roles that list targets, parents before children, then by name.
    #[must_use]
    pub fn targets_roles(&self) -> Vec<RoleName> {
        let mut roles: Vec<RoleName> =
            self.parts.iter().map(|(role, _)| role.clone()).filter(RoleName::lists_targets).collect();
        roles.sort_by_cached_key(|role| (role.as_str().matches('/').count(), role.as_str().to_owned()));
        roles
    }

    /// Every role above an uploaded delegation that is not itself uploaded, parents before children: what must be
    /// loaded before this upload can be judged.
    #[must_use]
    pub fn missing_ancestors(&self) -> Vec<RoleName> {
        let mut missing = Vec::new();
        for role in self.targets_roles() {
            let mut role = role;
            while let RoleName::Delegation(name) = role {
                role = name.parent();
                if self.part(&role).is_none() && !missing.contains(&role) {
                    missing.push(role.clone());
                }
            }
        }
        missing.sort_by_cached_key(|role| role.as_str().len());
        missing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upload(names: &[&str]) -> Upload {
        let mut upload = Upload::new(Dialect::Notary);
        for name in names {
            upload.add(name, Bytes::from((*name).to_owned())).unwrap();
        }
        upload
    }

    #[test]
    fn the_last_file_of_a_role_counts() {
        let upload = upload(&["root", "root.json"]);
        assert_eq!(upload.part(&RoleName::Root).unwrap(), "root.json");
    }

    #[test]
    fn names_keep_their_slashes_and_lose_one_suffix() {
        let add = |name: &str| Upload::new(Dialect::Notary).add(name, Bytes::new());
        assert!(add("targets/a.json").is_ok());
        assert!(add("targets/a.json.json").is_err());
        assert!(add("../root").is_err());
    }

    #[test]
    fn in_tuf_any_name_travels_percent_encoded() {
        let name = |sent: &str| {
            let mut upload = Upload::new(Dialect::Tuf);
            upload.add(sent, Bytes::new()).ok().map(|()| upload.targets_roles()[0].as_str().to_owned())
        };
        for (sent, role) in [
            ("targets.json", "targets"),
            ("a%2Fb.json", "a/b"),
            ("..", ".."),
            ("x.json.json", "x.json"),
            ("%C3%A5%22%20%25", "å\" %"),
        ] {
            assert_eq!(name(sent).as_deref(), Some(role), "{sent}");
        }
        for sent in ["", ".json", "%0A", "%zz", "%ff"] {
            assert_eq!(name(sent), None, "{sent}");
        }
    }

    #[test]
    fn ancestors_that_are_not_uploaded_are_named_parents_first() {
        let names = |roles: Vec<RoleName>| roles.iter().map(|r| r.as_str().to_owned()).collect::<Vec<_>>();
        assert_eq!(names(upload(&["targets/a/b/c", "targets/a"]).missing_ancestors()), ["targets", "targets/a/b"]);
        assert!(upload(&["root", "targets"]).missing_ancestors().is_empty());
    }

    #[test]
    fn parents_come_before_children() {
        let roles = upload(&["targets/b/c", "targets/b", "targets", "targets/a"]).targets_roles();
        let names: Vec<_> = roles.iter().map(RoleName::as_str).collect();
        assert_eq!(names, ["targets", "targets/a", "targets/b", "targets/b/c"]);
    }
}
