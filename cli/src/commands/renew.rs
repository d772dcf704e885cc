//! `trust renew`: sign anew what expires soon, with the keys that are here, and say who can sign the rest.

use std::collections::BTreeSet;
use std::io::{self, Write};

use chrono::{DateTime, TimeDelta, Utc};
use clap::Args;
use libtrust::client::{Clock as _, Collection, Offline, Publisher, SetAside, SystemClock, UpdateError};
use libtrust::dialect::Dialect;
use libtrust::edit::{Change, Draft};
use libtrust::names::{Gun, KeyId, RoleName};
use libtrust::verify::VerifyError;
use serde::Serialize;

use super::Context;
use super::shown::FileVersion;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{self, Document, Table, escape};
use crate::session::Session;
use crate::settings::Changes;
use crate::terminal::Wording;

/// How many files may have expired one before the other.
const MOST_EXPIRED: usize = 16;

/// Options of `trust renew`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
The server renews timestamps by itself, and snapshots if it holds their key. Ends with 23 if something that is due could not
be signed here.

Examples:
  trust renew registry.example/team/app
  trust renew --within 1y registry.example/team/app registry.example/team/base
  trust renew --dry-run registry.example/team/app")]
pub struct Options {
    /// Collections
    #[arg(required = true, value_name = "GUN")]
    pub guns: Vec<Gun>,
    /// Sign anew what expires within this time: 90d, 12w, 1y
    #[arg(long, value_name = "TIME", default_value = "180d", value_parser = days)]
    pub within: TimeDelta,
}

/// Reads `180d`, `12w`, `1y`.
///
/// # Errors
/// If it is no such time.
pub(crate) fn days(text: &str) -> Result<TimeDelta, String> {
    let wrong = || "use a number and d, w or y, such as 180d".to_owned();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u16 = digits.parse().map_err(|_| wrong())?;
    let unit = match text.strip_prefix(digits) {
        Some("d") => 1,
        Some("w") => 7,
        Some("y") => 365,
        _ => return Err(wrong()),
    };
    Ok(TimeDelta::days(i64::from(number) * unit))
}

#[derive(Serialize)]
struct Renewed {
    dry_run: bool,
    collections: Vec<RenewedCollection>,
}

#[derive(Serialize)]
struct RenewedCollection {
    name: String,
    renewed: Vec<Due>,
    left: Vec<Due>,
    published: Vec<FileVersion>,
}

/// A file that expires soon, or has.
#[derive(Serialize)]
struct Due {
    role: String,
    expires: DateTime<Utc>,
    /// How many of `keys` must sign.
    threshold: u32,
    /// The keys that may, by the id key folders know.
    keys: Vec<String>,
    /// Those of them that are here.
    here: usize,
}

impl Document for Renewed {
    fn text(&self, to: &mut dyn Write) -> io::Result<()> {
        let did = if self.dry_run { "would renew" } else { "renewed" };
        for collection in &self.collections {
            let name = escape::line(&collection.name);
            if collection.renewed.is_empty() && collection.left.is_empty() {
                writeln!(to, "{name}: nothing expires soon")?;
            }
            for due in &collection.renewed {
                writeln!(to, "{did} {} of {name}, which expires {}", due.role, due.expires.format("%F"))?;
            }
            if !collection.left.is_empty() {
                writeln!(to, "not renewed in {name}, for want of keys:")?;
                let mut table = Table::new(["ROLE", "EXPIRES", "HERE", "NEEDED", "KEYS THAT CAN SIGN"]);
                for due in &collection.left {
                    let cells = [due.expires.format("%F").to_string(), due.here.to_string(), due.threshold.to_string()];
                    table.row(std::iter::once(due.role.clone()).chain(cells).chain([due.keys.join(", ")]));
                }
                table.write(to)?;
            }
        }
        Ok(())
    }
}

/// Runs it.
///
/// # Errors
/// If a collection cannot be read or published; if something that is due is left.
pub fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let session = Session::new(context.settings()?, Wording::Trust)?;
    let dry_run = session.settings().changes == Changes::Told;
    let collections = options.guns.iter().map(|gun| {
        let renewed = renew(options, &session, gun, dry_run);
        renewed.map_err(|failure| failure.while_doing(format!("cannot renew {gun}")))
    });
    let collections = collections.collect::<Result<Vec<_>, _>>()?;
    let left: Vec<String> =
        collections.iter().flat_map(|one| one.left.iter().map(|due| format!("{} of {}", due.role, one.name))).collect();
    output::print(&Renewed { dry_run, collections }, session.settings().format)?;
    if left.is_empty() {
        return Ok(());
    }
    let failure = Failure::new(Exit::Key, format!("not renewed: {}", left.join(", ")));
    Err(failure.hint("run it where those keys are; for a root of several people: trust root prepare"))
}

fn renew(options: &Options, session: &Session, gun: &Gun, dry_run: bool) -> Result<RenewedCollection, Failure> {
    let (publisher, collection) = read(session, gun)?;
    let due_before = SystemClock.now() + options.within;
    let here: BTreeSet<KeyId> = publisher.keys().list()?.into_iter().map(|entry| entry.id).collect();
    let plan = plan(&collection, due_before, &here);
    let mut renewed =
        RenewedCollection { name: gun.to_string(), renewed: plan.renewed, left: plan.left, published: Vec::new() };
    if !dry_run && !plan.changes.is_empty() {
        let changes = |collection: &Collection| Ok(self::plan(collection, due_before, &here).changes);
        let publication = session.wait(publisher.publish_with(gun, changes))?;
        renewed.published = super::shown::published(session, gun, &publication);
    }
    Ok(renewed)
}

/// The collection as it is or, where something has expired, as it was just before.
fn read(session: &Session, gun: &Gun) -> Result<(Publisher, Collection), Failure> {
    let mut publisher = session.publisher(gun)?;
    let mut client = publisher.client().clone();
    for _ in 0..MOST_EXPIRED {
        match session.wait(client.update(gun, Offline::Never)) {
            Ok(collection) => return Ok((publisher, collection)),
            Err(UpdateError::Verify(VerifyError::Expired { role, expires, .. })) if role != RoleName::Timestamp => {
                session.warn(&format!("{role} of {gun} expired {}", expires.format("%F %T UTC")));
                let before = expires - TimeDelta::seconds(1);
                client = client.with_clock(before);
                publisher = publisher.reading_as_of(before);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(Failure::new(Exit::Expired, format!("more than {MOST_EXPIRED} files of {gun} have expired")))
}

struct Plan {
    changes: Vec<Change>,
    renewed: Vec<Due>,
    left: Vec<Due>,
}

/// What is due, and what of it can be signed with the keys that are here.
fn plan(collection: &Collection, due_before: DateTime<Utc>, here: &BTreeSet<KeyId>) -> Plan {
    let draft = collection.draft();
    let mut plan = Plan { changes: Vec::new(), renewed: Vec::new(), left: Vec::new() };
    let (expired, others): (Vec<&SetAside>, Vec<&SetAside>) = collection
        .set_aside()
        .iter()
        .partition(|one| matches!(one.cause, UpdateError::Verify(VerifyError::Expired { .. })));
    // What lacks signatures is not to be signed unseen: somebody's key may have been taken away for a reason.
    let left = others.into_iter().filter_map(|one| due(&draft, &one.role, one.content()?.expires, here));
    plan.left.extend(left.filter(|due| due.expires < due_before));
    let set_aside = expired.into_iter().filter_map(|one| Some((one.role.clone(), one.content()?.expires)));
    let mut snapshot = None;
    for (role, expires) in collection.expiries().into_iter().chain(set_aside) {
        if expires >= due_before || role == RoleName::Timestamp {
            continue;
        }
        let Some(due) = due(&draft, &role, expires, here) else { continue };
        match role {
            RoleName::Snapshot => snapshot = Some(due),
            _ if due.here < due.threshold as usize => plan.left.push(due),
            role => {
                plan.changes.push(if role == RoleName::Root { Change::RenewRoot } else { Change::Witness { role } });
                plan.renewed.push(due);
            }
        }
    }
    if let Some(due) = snapshot {
        renew_snapshot(due, collection, &draft, here, &mut plan);
    }
    plan
}

/// A snapshot comes with every publication, so something that can be signed here is signed, too. Where its key is not here
/// the server has it, and renews it by itself; it does so at once when anything is published.
fn renew_snapshot(due: Due, collection: &Collection, draft: &Draft, here: &BTreeSet<KeyId>, plan: &mut Plan) {
    if plan.changes.iter().any(|change| matches!(change, Change::Witness { .. })) {
        plan.renewed.push(due);
        return;
    }
    let signable = collection.targets().roles().map(|file| (file.role().clone(), file.expires));
    let found = signable
        .filter_map(|(role, expires)| Some((role.clone(), self::due(draft, &role, expires, here)?)))
        .find(|(_, found)| found.here >= found.threshold as usize);
    match found {
        Some((role, _)) => {
            plan.changes.push(Change::Witness { role });
            plan.renewed.push(due);
        }
        None => plan.left.push(due),
    }
}

fn due(draft: &Draft, role: &RoleName, expires: DateTime<Utc>, here: &BTreeSet<KeyId>) -> Option<Due> {
    let (listed, keys) = draft.keys_of(role)?;
    let canonical = |id: &KeyId| keys.get(id).map_or_else(|| id.clone(), |key| Dialect::Notary.canonical_key_id(key));
    let ids: BTreeSet<KeyId> = listed.key_ids.iter().map(canonical).collect();
    Some(Due {
        role: role.to_string(),
        expires,
        threshold: listed.threshold.get(),
        here: ids.intersection(here).count(),
        keys: ids.iter().map(ToString::to_string).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        assert_eq!(days("180d").unwrap(), TimeDelta::days(180));
        assert_eq!(days("2w").unwrap(), TimeDelta::days(14));
        assert_eq!(days("1y").unwrap(), TimeDelta::days(365));
        for wrong in ["", "d", "-1d", "1", "1m", "99999d"] {
            assert!(days(wrong).is_err(), "{wrong}");
        }
    }
}
