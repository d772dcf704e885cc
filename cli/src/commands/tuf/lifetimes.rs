//! How long new files are valid, as options.

use chrono::TimeDelta;
use clap::Args;
use libtrust::client::tuf::repository::Lifetimes;

use crate::commands::renew::days;

/// How long files that are made now are valid.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "How long new files are valid")]
pub struct LifetimeOptions {
    /// Roots: 90d, 12w, 1y [default: 365d]
    #[arg(long, value_name = "TIME", value_parser = days, hide_short_help = true)]
    pub root_lifetime: Option<TimeDelta>,
    /// Targets and delegated roles [default: 365d]
    #[arg(long, value_name = "TIME", value_parser = days, hide_short_help = true)]
    pub targets_lifetime: Option<TimeDelta>,
    /// Snapshots [default: 90d]
    #[arg(long, value_name = "TIME", value_parser = days, hide_short_help = true)]
    pub snapshot_lifetime: Option<TimeDelta>,
    /// Timestamps [default: 14d]
    #[arg(long, value_name = "TIME", value_parser = days, hide_short_help = true)]
    pub timestamp_lifetime: Option<TimeDelta>,
}

impl LifetimeOptions {
    /// What they come to.
    #[must_use]
    pub fn lifetimes(&self) -> Lifetimes {
        let default = Lifetimes::default();
        Lifetimes {
            root: self.root_lifetime.unwrap_or(default.root),
            targets: self.targets_lifetime.unwrap_or(default.targets),
            snapshot: self.snapshot_lifetime.unwrap_or(default.snapshot),
            timestamp: self.timestamp_lifetime.unwrap_or(default.timestamp),
        }
    }
}
