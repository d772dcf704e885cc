//! The options of the TUF client, as public conformance tests give them: before or after the verb.

use std::path::PathBuf;

use clap::Args;

use crate::failure::Failure;

/// Where metadata is kept and comes from, and which targets are wanted.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Reading a repository")]
pub struct ClientOptions {
    /// Where trusted metadata is kept
    #[arg(long, value_name = "DIR")]
    pub metadata_dir: Option<PathBuf>,
    /// Where the repository has its metadata: http://, https:// or a folder
    #[arg(long, value_name = "URL")]
    pub metadata_url: Option<String>,
    /// A target to download; may be given several times
    #[arg(long, value_name = "PATH")]
    pub target_name: Vec<String>,
    /// Where downloaded targets go
    #[arg(long, value_name = "DIR")]
    pub target_dir: Option<PathBuf>,
    /// Where the repository has its targets: http://, https:// or a folder
    #[arg(long, value_name = "URL")]
    pub target_base_url: Option<String>,
}

impl ClientOptions {
    /// These, and what was given before the verb.
    #[must_use]
    pub fn over(&self, before: &Self) -> Self {
        Self {
            metadata_dir: self.metadata_dir.clone().or_else(|| before.metadata_dir.clone()),
            metadata_url: self.metadata_url.clone().or_else(|| before.metadata_url.clone()),
            target_name: before.target_name.iter().chain(&self.target_name).cloned().collect(),
            target_dir: self.target_dir.clone().or_else(|| before.target_dir.clone()),
            target_base_url: self.target_base_url.clone().or_else(|| before.target_base_url.clone()),
        }
    }
}

/// An option that a verb cannot do without.
///
/// # Errors
/// A usage failure that names it.
pub fn needed<T: Clone>(value: Option<&T>, option: &str) -> Result<T, Failure> {
    value.cloned().ok_or_else(|| Failure::usage(format!("{option} is needed")))
}
