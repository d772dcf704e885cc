//! What a check finds.

use std::fmt;

use libtrust::dialect::Dialect;
use libtrust::metadata::Version;
use libtrust::names::RoleName;
use serde_json::{Value, json};

use crate::names::dialect_name;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// Readers are given something wrong, or nothing.
    Fault,
    /// Readers are served; somebody should look all the same.
    Warning,
}

/// One thing that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub weight: Weight,
    /// How the collection is spelled: a name may be published in both.
    pub dialect: Dialect,
    /// The collection; text, because the name itself may be what is wrong.
    pub gun: String,
    /// The role, if it is about one.
    pub role: Option<RoleName>,
    /// The version, if it is about one.
    pub version: Option<Version>,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub remedy: &'static str,
}

impl Finding {
    /// As a JSON object.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "weight": self.weight.to_string(),
            "dialect": dialect_name(self.dialect),
            "gun": self.gun,
            "role": self.role.as_ref().map(RoleName::as_str),
            "version": self.version.map(Version::get),
            "what": self.what,
            "remedy": self.remedy,
        })
    }
}

impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fault => "fault",
            Self::Warning => "warning",
        })
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.weight, self.gun)?;
        if self.dialect == Dialect::Tuf {
            f.write_str(" (TUF)")?;
        }
        if let Some(role) = &self.role {
            write!(f, ", {role}")?;
        }
        if let Some(version) = self.version {
            write!(f, " version {version}")?;
        }
        write!(f, ": {}; {}", self.what, self.remedy)
    }
}
