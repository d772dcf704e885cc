//! Names of roles and dialects.

use libtrust::dialect::Dialect;
use libtrust::names::RoleName;

/// The role of this name.
///
/// # Errors
/// What is wrong with it, in words.
pub(crate) fn role_name(dialect: Dialect, text: &str) -> Result<RoleName, String> {
    match dialect {
        Dialect::Tuf => RoleName::in_tuf(text).map_err(|error| error.to_string()),
        _ => text.parse().map_err(|error: libtrust::names::InvalidRoleName| error.to_string()),
    }
}

/// A dialect as operators read it.
#[must_use]
pub const fn dialect_name(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Tuf => "tuf",
        _ => "notary",
    }
}
