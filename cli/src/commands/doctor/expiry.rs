//! Dates: of one collection as its server has it, or of all that are known here.

use std::fs;
use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use libtrust::client::{Cache as _, Clock as _, Collection, Offline, ReadOnlyCache, SystemClock};
use libtrust::names::{Gun, ImageReference, RoleName};
use std::sync::Arc;

use super::{Finding, State};
use crate::failure::Failure;
use crate::session::Session;

/// Below this a file is said to expire soon, as `trust renew` takes it.
const SOON: TimeDelta = TimeDelta::days(180);
/// Most collections looked at.
const MOST: usize = 10_000;
/// Deepest name, in parts.
const DEEPEST: usize = 64;

/// Looks at a collection on its server: whether it lets us in, and whether everything holds.
pub fn of_image(image: &ImageReference, session: &Session) -> Finding {
    let gun = image.gun();
    let client = session.client_with(gun, Arc::new(ReadOnlyCache(session.cache())));
    let updated = client.and_then(|client| Ok(session.wait(client.update(gun, Offline::Never))?));
    match updated {
        Ok(collection) => judge(gun, &collection, SystemClock.now()),
        Err(failure) => Finding::failed("collection", &failure),
    }
}

/// Looks at every collection that is known here, as it was when a server last confirmed it.
pub fn of_cached(session: &Session) -> Vec<Finding> {
    let mut guns = Vec::new();
    find(&session.settings().trust_dir.join("tuf"), "", 0, &mut guns);
    let found = guns.iter().map(|gun| match cached(gun, session) {
        Ok(collection) => judge(gun, &collection, SystemClock.now()),
        Err(failure) => Finding::failed("collection", &failure.while_doing(gun.to_string())),
    });
    found.collect()
}

fn cached(gun: &Gun, session: &Session) -> Result<Collection, Failure> {
    let client = session.client_with(gun, Arc::new(ReadOnlyCache(session.cache())))?;
    let confirmed = session.cache().confirmed(gun)?.unwrap_or_else(|| SystemClock.now());
    Ok(client.with_clock(confirmed).cached(gun)?)
}

/// The names of the collections below a folder.
fn find(folder: &Path, name: &str, depth: usize, guns: &mut Vec<Gun>) {
    if guns.len() >= MOST || depth > DEEPEST {
        return;
    }
    if folder.join("metadata/root.json").is_file() {
        guns.extend(name.parse::<Gun>().ok());
    }
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        let Ok(part) = entry.file_name().into_string() else { continue };
        if !matches!(part.as_str(), "metadata" | "changelist") {
            let below = if name.is_empty() { part.clone() } else { format!("{name}/{part}") };
            find(&entry.path(), &below, depth + 1, guns);
        }
    }
}

fn judge(gun: &Gun, collection: &Collection, now: DateTime<Utc>) -> Finding {
    // Servers renew timestamps, so only a server's answer says anything about them.
    let expiries = collection.expiries().into_iter().filter(|(role, _)| *role != RoleName::Timestamp);
    let due: Vec<(RoleName, DateTime<Utc>)> = expiries.filter(|(_, expires)| *expires - now < SOON).collect();
    let renew = format!("whoever has the keys: trust renew {gun}");
    if let Some(aside) = collection.set_aside().first() {
        let message = format!("{gun}: {} does not count: {}", aside.role, aside.cause);
        return Finding::new("collection", State::Failed, message).hint(renew);
    }
    let Some((role, expires)) = due.first() else {
        return Finding::ok("collection", format!("{gun} holds, and nothing in it expires soon"));
    };
    let (state, word) = if *expires < now { (State::Failed, "expired") } else { (State::Warning, "expires") };
    let message = format!("{gun}: {role} {word} {}", expires.format("%F"));
    Finding::new("collection", state, message).hint(renew)
}
