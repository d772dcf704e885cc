//! `auth`: must be absent. This build has no authentication, and serving everyone when a restriction was asked for
//! would be a hole; Notary does that for every `type` it does not know.

use notary_service::config::ConfigError;
use notary_service::config::Section;
use notary_service::config::Tree;

pub(super) const KEYS: &[&str] = &["type", "options"];

/// Refuses whatever asks for authentication.
pub(super) fn refuse(mut section: Section<'_>) -> Result<(), ConfigError> {
    const REASON: &str = "this build does not authenticate and will not serve everyone instead; remove the auth \
                          section and restrict access in front of the server, or with server.client_ca_file";
    if let Some(found) = section.take("type") {
        return Err(found.unsupported(REASON));
    }
    match section.take("options") {
        Some(found) if found.value != Tree::Map(Default::default()) => Err(found.unsupported(REASON)),
        _ => Ok(()),
    }
}
