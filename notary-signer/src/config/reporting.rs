//! `reporting`: Notary's crash reports to a third party. Read so that a Go configuration loads; never used.

use notary_service::config::{ConfigError, Section};

pub(super) const KEYS: &[&str] = &["bugsnag"];
pub(super) const BUGSNAG_KEYS: &[&str] = &["api_key", "release_stage", "endpoint"];

/// True if the file asks for reports we will not send.
pub(super) fn is_asked_for(mut section: Section<'_>) -> Result<bool, ConfigError> {
    let mut bugsnag = section.section("bugsnag", BUGSNAG_KEYS)?;
    Ok(bugsnag.take("api_key").is_some())
}
