//! How metadata files are named.

use std::fmt;

use super::percent;
use crate::metadata::Version;
use crate::names::RoleName;

/// A metadata file as a repository names it: `ROLE.json` or `VERSION.ROLE.json`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MetadataName {
    /// The role.
    pub role: RoleName,
    /// Which of its versions; none for the current one.
    pub version: Option<Version>,
}

impl MetadataName {
    /// `ROLE.json`.
    #[must_use]
    pub const fn current(role: RoleName) -> Self {
        Self { role, version: None }
    }

    /// `VERSION.ROLE.json`.
    #[must_use]
    pub const fn versioned(role: RoleName, version: Version) -> Self {
        Self { role, version: Some(version) }
    }

    /// The name as one part of an address. It holds no slash, and cannot be taken for `..`, a query or a fragment.
    #[must_use]
    pub fn encoded(&self) -> String {
        let role = percent::encode(self.role.as_str());
        match self.version {
            Some(version) => format!("{version}.{role}.json"),
            None => format!("{role}.json"),
        }
    }
}

/// As a web server sees it, decoded. A role's name may hold anything, so this may be no good path.
impl fmt::Display for MetadataName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.version {
            Some(version) => write!(f, "{version}.{}.json", self.role),
            None => write!(f, "{}.json", self.role),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slash_is_part_of_a_name_and_not_of_an_address() {
        let role: RoleName = "targets/releases".parse().unwrap();
        let version = Version::try_from(7).unwrap();
        assert_eq!(MetadataName::versioned(role.clone(), version).encoded(), "7.targets%2Freleases.json");
        assert_eq!(MetadataName::current(role.clone()).encoded(), "targets%2Freleases.json");
        assert_eq!(MetadataName::versioned(role, version).to_string(), "7.targets/releases.json");
    }
}
