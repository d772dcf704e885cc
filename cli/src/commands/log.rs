//! `trust log`: what changed under a name, when, and by whose keys.

use std::io::{self, Write};

use chrono::{DateTime, TimeDelta, Utc};
use clap::Args;
use libtrust::client::History;
use libtrust::dialect::Dialect;
use libtrust::edit::{ROOT_LIFETIME, TARGETS_LIFETIME};
use libtrust::keys::PublicKey;
use libtrust::metadata::{Metadata, Targets};
use libtrust::names::{ImageReference, KeyId, RoleName};
use libtrust::verify::Verified;
use serde::Serialize;
use std::collections::BTreeMap;

use super::Context;
use super::differences::{self, Difference};
use super::reading::Reading;
use crate::failure::Failure;
use crate::output::{self, Document, escape};
use crate::session::Session;
use crate::terminal::Wording;

/// Options of `trust log`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Times are worked out from dates of expiry, as Notary, Docker and this program set them; nothing else in the metadata tells
when it was signed.

Examples:
  trust log registry.example/team/app
  trust log registry.example/team/app:1.4
  trust log -n 5 --role targets/alice registry.example/team/app")]
pub struct Options {
    /// The image; with a tag, only what touches that tag
    #[arg(value_name = "IMAGE")]
    pub image: ImageReference,
    /// How many versions of each role
    #[arg(long, short = 'n', value_name = "NUMBER", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub number: u64,
    /// Only this role
    #[arg(long, value_name = "ROLE")]
    pub role: Option<RoleName>,
}

#[derive(Serialize)]
struct Logged {
    name: String,
    /// The newest first.
    entries: Vec<Entry>,
    /// Roles with older versions that the server does not have.
    incomplete: Vec<String>,
}

#[derive(Serialize)]
struct Entry {
    role: String,
    version: u64,
    /// When it was signed, if its expiry is the usual time after that.
    signed_about: DateTime<Utc>,
    expires: DateTime<Utc>,
    /// The keys that signed it, by the id key folders know.
    signed_by: Vec<String>,
    changes: Vec<Difference>,
}

impl Document for Logged {
    fn text(&self, to: &mut dyn Write) -> io::Result<()> {
        for (n, entry) in self.entries.iter().enumerate() {
            if n > 0 {
                writeln!(to)?;
            }
            let when = entry.signed_about.format("%F %T UTC");
            writeln!(to, "{} version {}, about {when}", escape::line(&entry.role), entry.version)?;
            writeln!(to, "  signed by {}", entry.signed_by.join(", "))?;
            if entry.changes.is_empty() {
                writeln!(to, "  signed anew, nothing changed")?;
            }
            entry.changes.iter().try_for_each(|change| writeln!(to, "  {}", escape::line(&change.to_string())))?;
        }
        Ok(())
    }
}

/// Runs it.
///
/// # Errors
/// If the collection is not trusted, or the server shows a past that does not lead to it.
pub fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let session = Session::new(context.settings()?, Wording::Trust)?;
    let gun = options.image.gun();
    let (client, collection) = Reading::default().collection(&session, gun)?;
    // One more, which the oldest that is shown is compared with.
    let history = session.wait(client.history(&collection, options.number + 1))?;
    let mut entries = entries(&history);
    if let Some(role) = &options.role {
        entries.retain(|entry| entry.role == role.as_str());
    }
    if let Some(tag) = options.image.tag() {
        entries.retain_mut(|entry| {
            entry.changes.retain(|change| change.what == "tag" && change.of == tag);
            !entry.changes.is_empty()
        });
    }
    let shown = usize::try_from(options.number).unwrap_or(usize::MAX);
    entries.sort_by_key(|entry| std::cmp::Reverse((entry.signed_about, entry.version)));
    let mut counted: BTreeMap<String, usize> = BTreeMap::new();
    entries.retain(|entry| {
        let count = counted.entry(entry.role.clone()).or_default();
        *count += 1;
        *count <= shown
    });
    let incomplete: Vec<String> = history.incomplete.iter().map(ToString::to_string).collect();
    if !incomplete.is_empty() {
        let roles = incomplete.join(", ");
        session.warn(&format!("{} does not have all older versions of {roles}", client.transport().name()));
    }
    output::print(&Logged { name: gun.to_string(), entries, incomplete }, session.settings().format)
}

fn entries(history: &History) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut before = None;
    for root in &history.roots {
        // The oldest that could be had may have had others before it.
        if before.is_some() || root.version.get() == 1 {
            let changes = differences::of_roots(before, root);
            entries.push(entry(root, ROOT_LIFETIME, &root.keys, changes));
        }
        before = Some(&**root);
    }
    if let [only] = history.roots.as_slice()
        && only.version.get() > 1
    {
        entries.push(entry(only, ROOT_LIFETIME, &only.keys, Vec::new()));
    }
    for (role, files) in &history.targets {
        let keys = keys_of(history, role);
        let mut before: Option<&Targets> = None;
        for file in files {
            let is_alone = files.len() == 1;
            if before.is_some() || file.version.get() == 1 || is_alone {
                let known_before = before.is_some() || file.version.get() == 1;
                let changes = if known_before { differences::of_targets(before, file) } else { Vec::new() };
                entries.push(entry(file, TARGETS_LIFETIME, &keys, changes));
            }
            before = Some(file);
        }
    }
    entries
}

/// Every key a role had in the versions found.
fn keys_of(history: &History, role: &RoleName) -> BTreeMap<KeyId, PublicKey> {
    let all = |keys: &BTreeMap<KeyId, PublicKey>| keys.clone().into_iter().collect::<Vec<_>>();
    match role {
        RoleName::Delegation(name) => {
            let parents = history.targets.get(&name.parent());
            parents.into_iter().flatten().flat_map(|file| all(&file.delegations.keys)).collect()
        }
        _ => history.roots.iter().flat_map(|root| all(&root.keys)).collect(),
    }
}

fn entry<T: Metadata>(
    file: &Verified<T>,
    lifetime: TimeDelta,
    keys: &BTreeMap<KeyId, PublicKey>,
    changes: Vec<Difference>,
) -> Entry {
    let plain = |id: &KeyId| keys.get(id).map_or_else(|| id.clone(), |key| Dialect::Notary.canonical_key_id(key));
    Entry {
        role: file.role().to_string(),
        version: file.version().get(),
        signed_about: file.expires() - lifetime,
        expires: file.expires(),
        signed_by: file.signers().iter().map(|id| plain(id).to_string()).collect(),
        changes,
    }
}
