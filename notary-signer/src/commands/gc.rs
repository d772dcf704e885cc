//! `gc`: deletes the keys of collections that are stored no more.

use std::fs::File;
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use notary_service::config::units::parse_duration;
use notary_signer::collect::{Fate, LEAST_AGE, Stored, collect};
use notary_signer::config::Config;
use notary_signer::open;

/// What to delete, and how to tell.
#[derive(Debug, clap::Args)]
pub struct GcOptions {
    /// Every collection that is stored, a name a line, and `# COUNT collections at TIME` as the last line; `-` is standard input.
    /// The keys of all others are deleted
    #[arg(long, value_name = "FILE")]
    keep_guns: PathBuf,
    /// Leave keys that were made, changed or first used less long ago than this, at least a day
    #[arg(long, value_name = "AGE", default_value = "30d", value_parser = age)]
    older_than: Duration,
    /// Only tell what would be deleted
    #[arg(long)]
    dry_run: bool,
}

/// Runs the command; a line for each key that was deleted or not understood, then the counts, on standard output.
pub async fn run(config: &Config, options: &GcOptions) -> anyhow::Result<()> {
    let list = &options.keep_guns;
    let stored = read(list).with_context(|| format!("the list of collections {}", list.display()))?;
    let rows = open::sealed_rows(&config.storage).await?;
    let verb = if options.dry_run { "would be deleted" } else { "deleted" };
    let mut out = std::io::stdout().lock();
    let mut written = Ok(());
    let report = |fate| {
        let line = match fate {
            Fate::Deleted(key) => format!("key {}, {} of {}: {verb}", key.id, key.role, key.gun),
            Fate::Left(error) => format!("left as it is: {error}"),
        };
        if written.is_ok() {
            written = writeln!(out, "{line}");
        }
    };
    let done = collect(&*rows, &stored, options.older_than, options.dry_run, report).await;
    let done = done.context("stopped before the last key; run it again")?;
    written?;
    writeln!(
        out,
        "{} keys {verb}; {} belong to stored collections, {} are too young, {} left as they are",
        done.deleted, done.kept, done.young, done.left
    )?;
    Ok(())
}

fn read(list: &Path) -> anyhow::Result<Stored> {
    let input: Box<dyn BufRead> = match list.to_str() {
        Some("-") => Box::new(std::io::stdin().lock()),
        _ => Box::new(BufReader::new(File::open(list)?)),
    };
    Ok(Stored::read(input, SystemTime::now().into())?)
}

/// Days, or what a configuration takes for a duration.
fn age(text: &str) -> Result<Duration, String> {
    let days = |days: &str| days.parse::<u64>().ok()?.checked_mul(24 * 3600).map(Duration::from_secs);
    let age = text.strip_suffix('d').map_or_else(|| parse_duration(text), days);
    let century = Duration::from_secs(36_500 * 24 * 3600);
    age.filter(|age| (LEAST_AGE..=century).contains(age)).ok_or_else(|| "an age like 30d or 36h, from 1d on".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_a_day_or_more() {
        assert_eq!(age("1d"), Ok(LEAST_AGE));
        assert_eq!(age("36h"), Ok(Duration::from_secs(36 * 3600)));
        for text in ["", "d", "0d", "23h", "-1d", "99999999999999999d", "30w"] {
            assert!(age(text).is_err(), "{text}");
        }
    }
}
