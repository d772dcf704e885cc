//! Role names.

use std::fmt;
use std::str::FromStr;

use smol_str::SmolStr;

/// The name of a role: one of the four every collection has, or a delegation.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RoleName {
    /// Names the keys of the others.
    Root,
    /// Names what is trusted.
    Targets,
    /// Names the current file of every role.
    Snapshot,
    /// Names the current snapshot, for a short time.
    Timestamp,
    /// Part of the targets, given to other keys: `targets/releases`.
    Delegation(DelegationName),
}

impl RoleName {
    /// The four roles every collection has.
    pub const TOP_LEVEL: [Self; 4] = [Self::Root, Self::Targets, Self::Snapshot, Self::Timestamp];

    /// The name as metadata and file names spell it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Root => "root",
            Self::Targets => "targets",
            Self::Snapshot => "snapshot",
            Self::Timestamp => "timestamp",
            Self::Delegation(name) => name.as_str(),
        }
    }

    /// True for `targets` and every delegation: the roles that list targets.
    #[must_use]
    pub const fn lists_targets(&self) -> bool {
        matches!(self, Self::Targets | Self::Delegation(_))
    }
}

impl RoleName {
    /// The role of this name in a TUF 1.0 repository: one of the four, or any delegation.
    ///
    /// # Errors
    /// If no delegation can have this name.
    pub fn in_tuf(text: &str) -> Result<Self, InvalidDelegationName> {
        Ok(match text {
            "root" => Self::Root,
            "targets" => Self::Targets,
            "snapshot" => Self::Snapshot,
            "timestamp" => Self::Timestamp,
            other => Self::Delegation(DelegationName::in_tuf(other)?),
        })
    }
}

impl FromStr for RoleName {
    type Err = InvalidRoleName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "root" => Self::Root,
            "targets" => Self::Targets,
            "snapshot" => Self::Snapshot,
            "timestamp" => Self::Timestamp,
            other => Self::Delegation(other.parse()?),
        })
    }
}

impl fmt::Display for RoleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The name of a delegation.
///
/// In Notary's dialect it is `targets/` and one or more segments of `[-a-z0-9_]`, and a child sits in its parent's file:
/// `targets/a` delegates `targets/a/b`. In TUF 1.0 it is any text, and any role may delegate to it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DelegationName(SmolStr);

impl DelegationName {
    /// The longest name, in bytes (Notary's rule).
    pub const MAX_BYTES: usize = 255;

    /// A name in a TUF 1.0 repository: 1 to [`Self::MAX_BYTES`] bytes, no control characters, and none of the four roles
    /// every repository has, whose files it would take; nor one of them in capitals, as there are file systems that do
    /// not tell them apart.
    ///
    /// # Errors
    /// If it is none.
    pub fn in_tuf(text: &str) -> Result<Self, InvalidDelegationName> {
        let is_taken = RoleName::TOP_LEVEL.iter().any(|role| text.eq_ignore_ascii_case(role.as_str()));
        if is_taken || text.is_empty() || text.len() > Self::MAX_BYTES || text.chars().any(char::is_control) {
            return Err(InvalidDelegationName { name: text.chars().take(Self::MAX_BYTES).collect() });
        }
        Ok(Self(text.into()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// In Notary's dialect the role that delegates to this one: `targets`, or a delegation one segment shorter.
    #[must_use]
    pub fn parent(&self) -> RoleName {
        match self.0.rsplit_once('/') {
            Some((parent, _)) if parent != "targets" => RoleName::Delegation(Self(parent.into())),
            _ => RoleName::Targets,
        }
    }

    /// In Notary's dialect, how many roles stand above this one: 1 for `targets/a`.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.0.matches('/').count()
    }
}

impl FromStr for DelegationName {
    type Err = InvalidRoleName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidRoleName { name: text.chars().take(Self::MAX_BYTES).collect() };
        let rest = text.strip_prefix("targets/").ok_or_else(invalid)?;
        let allowed = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
        let well_formed = rest.split('/').all(|segment| !segment.is_empty() && segment.bytes().all(allowed));
        if text.len() > Self::MAX_BYTES || !well_formed {
            return Err(invalid());
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for DelegationName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for DelegationName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DelegationName({})", &self.0)
    }
}

/// A text that names no role of Notary's dialect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{name:?} is not a role: expected root, targets, snapshot, timestamp, or targets/ and segments of [-a-z0-9_], \
     at most {} bytes in all",
    DelegationName::MAX_BYTES
)]
pub struct InvalidRoleName {
    /// The text, cut to the longest legal length.
    pub name: String,
}

/// A text that cannot name a delegation of a TUF 1.0 repository.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{name:?} cannot name a delegation: it needs 1 to {} bytes without control characters, and the names of the four \
     roles are taken",
    DelegationName::MAX_BYTES
)]
pub struct InvalidDelegationName {
    /// The text, cut to the longest legal length.
    pub name: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn legal_names_print_as_they_were_read() {
        for text in ["root", "targets", "snapshot", "timestamp", "targets/releases", "targets/a/b-c/d_9"] {
            assert_eq!(text.parse::<RoleName>().unwrap().as_str(), text);
        }
    }

    #[test]
    fn names_notary_refuses_are_refused() {
        let long = format!("targets/{}", "a".repeat(248));
        for text in ["", "Root", "targets/", "targets/A", "targets//a", "targets/a/", "targets/..", "root.json", &long]
        {
            assert!(text.parse::<RoleName>().is_err(), "{text:?}");
        }
        assert!(format!("targets/{}", "a".repeat(247)).parse::<RoleName>().is_ok());
    }

    #[test]
    fn in_tuf_only_the_four_names_are_taken() {
        for text in ["a", "../x y", "targets/A", "roots", "2.root", "å/%"] {
            assert_eq!(RoleName::in_tuf(text).unwrap().as_str(), text);
            assert_eq!(DelegationName::in_tuf(text).unwrap().as_str(), text);
        }
        for text in ["", "root", "Root", "snapshot", "TIMESTAMP", "a\n", &"a".repeat(256)] {
            assert!(DelegationName::in_tuf(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_delegation_knows_its_parent_and_depth() {
        let name: DelegationName = "targets/a/b".parse().unwrap();
        assert_eq!(name.parent().as_str(), "targets/a");
        assert_eq!(name.depth(), 2);
        let name: DelegationName = "targets/a".parse().unwrap();
        assert_eq!(name.parent(), RoleName::Targets);
    }
}
