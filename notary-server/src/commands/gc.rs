//! `notary-server gc`

use chrono::TimeDelta;
use libtrust::dialect::Dialect;
use notary_server::maintenance::gc::{Collected, Retention, Totals, collect_garbage};
use notary_server::names::dialect_name;
use notary_server::storage::StorageError;
use notary_service::config::units::parse_duration;
use serde_json::json;

use super::{Output, open};
use crate::args::Arguments;
use crate::service;
use crate::stores::Stores;

/// What to remove, and how to tell.
#[derive(Debug, clap::Args)]
pub struct GcOptions {
    /// Remove versions that were replaced longer ago than this, such as 30d or 12h; roots always stay
    #[arg(long, value_name = "AGE", default_value = "30d", value_parser = age)]
    older_than: TimeDelta,
    /// Only tell what would be removed
    #[arg(long)]
    dry_run: bool,
    /// How to print
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    output: Output,
}

/// Removes old versions and tells of each collection that had any.
pub async fn run(arguments: &Arguments, options: &GcOptions) -> anyhow::Result<()> {
    let opened = open(arguments)?;
    let stores = opened.storage().await?;
    let retention = Retention { older_than: options.older_than, is_dry_run: options.dry_run };
    let totals = both(&stores, retention, options.output).await;
    stores.close().await;
    let totals = totals?;
    let verb = if options.dry_run { "would be removed" } else { "removed" };
    match options.output {
        Output::Text => println!(
            "{} versions {verb} from {} collections; {} changed meanwhile, {} left as they are",
            totals.versions, totals.collections, totals.moved, totals.left
        ),
        Output::Json => println!(
            "{}",
            json!({
                "collections": totals.collections,
                "versions": totals.versions,
                "moved": totals.moved,
                "left": totals.left,
                "dry_run": options.dry_run,
            })
        ),
    }
    Ok(())
}

async fn both(stores: &Stores, retention: Retention, output: Output) -> Result<Totals, StorageError> {
    let mut totals = Totals::default();
    for (dialect, storage) in stores.each() {
        let report = |gun: &str, collected: &Collected| tell(dialect, gun, collected, output);
        totals += collect_garbage(dialect, storage, retention, service::now(), report).await?;
    }
    Ok(totals)
}

fn tell(dialect: Dialect, gun: &str, collected: &Collected, output: Output) {
    let kind = dialect_name(dialect);
    let shown = if dialect == Dialect::Tuf { format!("{gun} (TUF)") } else { gun.to_owned() };
    match (collected, output) {
        (Collected::Removed(versions), _) if versions.is_empty() => {}
        (Collected::Removed(versions), Output::Text) => {
            let roles: Vec<String> = versions.iter().map(|(role, count)| format!("{role} {count}")).collect();
            println!("{shown}: {}", roles.join(", "));
        }
        (Collected::Removed(versions), Output::Json) => {
            let roles: serde_json::Map<_, _> =
                versions.iter().map(|(role, count)| (role.as_str().to_owned(), json!(count))).collect();
            println!("{}", json!({"dialect": kind, "gun": gun, "removed": roles}));
        }
        (Collected::Moved, Output::Text) => eprintln!("{shown}: changed meanwhile"),
        (Collected::Moved, Output::Json) => println!("{}", json!({"dialect": kind, "gun": gun, "moved": true})),
        (Collected::Left(reason), Output::Text) => eprintln!("{shown}: left as it is: {reason}"),
        (Collected::Left(reason), Output::Json) => println!("{}", json!({"dialect": kind, "gun": gun, "left": reason})),
    }
}

/// Days, or what a configuration takes for a duration.
fn age(text: &str) -> Result<TimeDelta, String> {
    let days = text.strip_suffix('d').map(|days| days.trim().parse::<i64>().ok().and_then(TimeDelta::try_days));
    let age = days.unwrap_or_else(|| parse_duration(text).and_then(|age| TimeDelta::from_std(age).ok()));
    let century = TimeDelta::days(36_500);
    age.filter(|age| (TimeDelta::zero()..=century).contains(age))
        .ok_or_else(|| "an age like 30d, 12h or 90m, up to 36500d".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_in_days_or_shorter() {
        assert_eq!(age("30d"), Ok(TimeDelta::days(30)));
        assert_eq!(age("12h"), Ok(TimeDelta::hours(12)));
        assert_eq!(age("0d"), Ok(TimeDelta::zero()));
        for text in ["", "d", "-1d", "99999999999d", "30w"] {
            assert!(age(text).is_err(), "{text}");
        }
    }
}
