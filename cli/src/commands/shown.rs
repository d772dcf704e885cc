//! How trusted things are shown, the same in every verb.

use chrono::{DateTime, TimeDelta, Utc};
use libtrust::client::{Collection, Confirmation, ImageSigner, Publication, RootTrust, TufPublication};
use libtrust::dialect::Dialect;
use libtrust::keys::PublicKey;
use libtrust::metadata::Version;
use libtrust::names::{Gun, KeyId, RoleName};
use serde::Serialize;

use crate::session::Session;
use crate::settings::Verbosity;

/// Below this a file is said to expire soon, as Notary says it.
const SOON: TimeDelta = TimeDelta::days(182);

/// Somebody who signed.
#[derive(Debug, Serialize)]
pub struct Signer {
    /// Their name.
    pub name: String,
    /// The keys they signed with.
    pub keys: Vec<String>,
}

impl Signer {
    /// As it is shown.
    pub fn of(signer: &ImageSigner) -> Self {
        Self { name: signer.name.clone(), keys: signer.keys.iter().map(ToString::to_string).collect() }
    }
}

/// A file of the collection, and its version.
#[derive(Debug, Serialize)]
pub struct FileVersion {
    /// The role.
    pub role: String,
    /// Its version.
    pub version: u64,
}

impl FileVersion {
    /// As it is shown.
    pub fn of(role: &RoleName, version: Version) -> Self {
        Self { role: role.to_string(), version: version.get() }
    }
}

/// The files that were published; what became of the TUF 1.0 form is said in passing.
pub fn published(session: &Session, gun: &Gun, publication: &Publication) -> Vec<FileVersion> {
    if let Some(followed) = &publication.in_tuf {
        in_tuf(session, gun, followed);
    }
    publication.roles.iter().map(|(role, version)| FileVersion::of(role, *version)).collect()
}

/// The files that were published in TUF 1.0; says what was left.
pub fn in_tuf(session: &Session, gun: &Gun, publication: &TufPublication) -> Vec<FileVersion> {
    let files: Vec<FileVersion> =
        publication.roles.iter().map(|(role, version)| FileVersion::of(role, *version)).collect();
    if !files.is_empty() {
        let files: Vec<String> = files.iter().map(|file| format!("{} {}", file.role, file.version)).collect();
        session.note(Verbosity::Steps, &format!("{gun} in TUF 1.0: {}", files.join(", ")));
    }
    for role in &publication.left {
        session.warn(&format!(
            "{role} of {gun} is behind in TUF 1.0: too few of its keys are here; run `trust migrate {gun}` where they are"
        ));
    }
    files
}

/// Why the root is trusted, in one word for programs.
pub const fn root_trust(trust: RootTrust) -> &'static str {
    match trust {
        RootTrust::Pinned => "pinned",
        RootTrust::SeenBefore => "seen-before",
        RootTrust::FirstUse => "first-use",
    }
}

/// Who confirmed the state, and when.
pub fn confirmation(collection: &Collection) -> (String, Option<DateTime<Utc>>) {
    match collection.confirmation() {
        Confirmation::Server { server } => (server.clone(), Some(collection.as_of())),
        Confirmation::Copy { copy, confirmed } => (format!("copy {copy}"), *confirmed),
        Confirmation::Cache { confirmed, .. } => ("cache".to_owned(), *confirmed),
    }
}

/// Says what a reader should know about a collection and would not see in the answer.
pub fn warnings(session: &Session, collection: &Collection) {
    if collection.root_trust() == RootTrust::FirstUse {
        let keys: Vec<String> = root_keys(collection);
        session.warn(&format!("{} is trusted on first use; its root key is {}", collection.gun(), keys.join(", ")));
    }
    doubts(session, collection);
    for (role, expires) in collection.expiries() {
        if role != RoleName::Timestamp && expires - collection.as_of() < SOON {
            session.warn(&format!(
                "{role} of {} expires {}; renew it: trust renew",
                collection.gun(),
                expires.format("%F")
            ));
        }
    }
}

/// Says what does not count, and that no server confirmed the rest, if so.
pub fn doubts(session: &Session, collection: &Collection) {
    if let Confirmation::Copy { copy, .. } = collection.confirmation() {
        session.warn(&format!("{copy} is a copy: it may be behind the server"));
    }
    if let Confirmation::Cache { confirmed, cause: Some(cause) } = collection.confirmation() {
        let since = confirmed.map_or_else(String::new, |time| format!(" since {}", time.format("%F %T UTC")));
        session.warn(&format!("no server confirmed this{since}: {cause}"));
    }
    for role in collection.set_aside() {
        session.warn(&format!("{} of {} does not count: {}", role.role, collection.gun(), role.cause));
    }
}

/// The ids of the root keys, as pins name them.
pub fn root_keys(collection: &Collection) -> Vec<String> {
    let root = collection.root();
    root.roles
        .get(&RoleName::Root)
        .map(|keys| keys.key_ids.iter().map(ToString::to_string).collect())
        .unwrap_or_default()
}

/// The id by which people know a key, also if it is in a certificate.
pub fn canonical(key: &PublicKey) -> KeyId {
    Dialect::Notary.canonical_key_id(key)
}

/// The first characters of a key's id: enough for people.
pub fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}
