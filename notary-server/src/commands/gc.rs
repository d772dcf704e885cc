//! `notary-server gc`

use chrono::TimeDelta;
use notary_server::maintenance::gc::{Collected, Retention, collect_garbage};
use notary_service::config::units::parse_duration;
use serde_json::json;

use super::{Output, open};
use crate::args::Arguments;
use crate::service;

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
    let storage = opened.storage().await?;
    let retention = Retention { older_than: options.older_than, is_dry_run: options.dry_run };
    let totals = collect_garbage(storage.as_ref(), retention, service::now(), |gun, collected| {
        tell(gun, collected, options.output);
    })
    .await;
    storage.close().await;
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

fn tell(gun: &str, collected: &Collected, output: Output) {
    match (collected, output) {
        (Collected::Removed(versions), _) if versions.is_empty() => {}
        (Collected::Removed(versions), Output::Text) => {
            let roles: Vec<String> = versions.iter().map(|(role, count)| format!("{role} {count}")).collect();
            println!("{gun}: {}", roles.join(", "));
        }
        (Collected::Removed(versions), Output::Json) => {
            let roles: serde_json::Map<_, _> =
                versions.iter().map(|(role, count)| (role.as_str().to_owned(), json!(count))).collect();
            println!("{}", json!({"gun": gun, "removed": roles}));
        }
        (Collected::Moved, Output::Text) => eprintln!("{gun}: changed meanwhile"),
        (Collected::Moved, Output::Json) => println!("{}", json!({"gun": gun, "moved": true})),
        (Collected::Left(reason), Output::Text) => eprintln!("{gun}: left as it is: {reason}"),
        (Collected::Left(reason), Output::Json) => println!("{}", json!({"gun": gun, "left": reason})),
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
