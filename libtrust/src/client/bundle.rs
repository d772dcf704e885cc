//! Bundles: collections in one file, for places without a network.
//!
//! A bundle is a server that fits in a file. What is in it is verified like what a server sends: by pins, by the cache of
//! the reader, by dates. It carries every root there is, so that a reader who saw an old one can follow.
//!
//! ```json
//! { "format": "trust-bundle/1", "made": "2026-11-21T10:00:00Z",
//!   "collections": [ { "gun": "reg.example/app", "roots": { "1": "{..}" }, "files": { "root": "{..}", "timestamp": "{..}" } } ] }
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, Utc};
use futures_util::FutureExt as _;
use serde::{Deserialize, Serialize};

use super::{Client, Collection, MemoryTransport, Offline, RemoteFile, TransportError, UpdateError};
use crate::metadata::Version;
use crate::names::{Gun, RoleName};

const FORMAT: &str = "trust-bundle/1";
/// Largest bundle read, in bytes.
const MAX_BYTES: usize = 1 << 30;

/// Collections with all their files, unverified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    made: DateTime<Utc>,
    collections: BTreeMap<Gun, Files>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Files {
    roots: BTreeMap<u64, Vec<u8>>,
    current: BTreeMap<RoleName, Vec<u8>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    format: String,
    made: String,
    collections: Vec<WrittenCollection>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenCollection {
    gun: String,
    roots: BTreeMap<String, String>,
    files: BTreeMap<String, String>,
}

impl Bundle {
    /// An empty bundle.
    #[must_use]
    pub const fn new(made: DateTime<Utc>) -> Self {
        Self { made, collections: BTreeMap::new() }
    }

    /// Adds a collection as it is trusted now, with all its roots.
    ///
    /// # Errors
    /// If a root cannot be fetched, or the cache does not hold what was just trusted.
    pub async fn add(&mut self, client: &Client, collection: &Collection) -> Result<(), UpdateError> {
        let gun = collection.gun();
        let mut files = Files::default();
        let roles = [RoleName::Root, RoleName::Timestamp, RoleName::Snapshot];
        let targets = collection.targets().roles().map(|file| file.role().clone());
        // Readers must find what the snapshot names, also what they will set aside as well.
        let set_aside = collection.set_aside().iter().map(|role| (role.role.clone(), role.bytes().to_vec()));
        files.current.extend(set_aside);
        for role in roles.into_iter().chain(targets) {
            let bytes = client.cache().load(gun, &role)?;
            let bytes = bytes.ok_or_else(|| UpdateError::NotCached { gun: gun.clone(), role: role.clone() })?;
            files.current.insert(role, bytes);
        }
        for number in 1..=collection.root().version.get() {
            let Ok(version) = Version::try_from(number) else { break };
            let file = RemoteFile::ByVersion(RoleName::Root, version);
            match client.transport().fetch(gun, &file, client.limits.file_bytes as u64).await {
                Ok(bytes) => drop(files.roots.insert(number, bytes)),
                // A server need not have the roots before the one it began with.
                Err(TransportError::NotFound { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.collections.insert(gun.clone(), files);
        Ok(())
    }

    /// When it was made, as it says itself.
    #[must_use]
    pub const fn made(&self) -> DateTime<Utc> {
        self.made
    }

    /// The collections in it.
    pub fn guns(&self) -> impl Iterator<Item = &Gun> {
        self.collections.keys()
    }

    /// The bundle as a server called `name`.
    #[must_use]
    pub fn transport(&self, name: &str) -> MemoryTransport {
        let transport = MemoryTransport::new(name).as_copy();
        for (gun, files) in &self.collections {
            for (role, bytes) in &files.current {
                transport.put(gun, role, bytes);
            }
            for (number, bytes) in &files.roots {
                if let Ok(version) = Version::try_from(*number) {
                    transport.put_as(gun, &RemoteFile::ByVersion(RoleName::Root, version), bytes);
                }
            }
        }
        transport
    }

    /// What is trusted of a collection in it, by this client's policy, clock and cache, which remembers it. Needs no server
    /// and does not wait.
    ///
    /// # Errors
    /// As [`Client::update`].
    pub fn update(&self, client: &Client, gun: &Gun, name: &str) -> Result<Collection, UpdateError> {
        let client = client.clone().with_transport(Arc::new(self.transport(name)));
        let never_waits = client.update(gun, Offline::Never).now_or_never();
        never_waits.unwrap_or_else(|| Err(UpdateError::NoTrustData { server: name.to_owned(), gun: gun.clone() }))
    }

    /// As text, for a file.
    #[must_use]
    pub fn to_text(&self) -> String {
        let text = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).into_owned();
        let collections = self.collections.iter().map(|(gun, files)| WrittenCollection {
            gun: gun.to_string(),
            roots: files.roots.iter().map(|(number, bytes)| (number.to_string(), text(bytes))).collect(),
            files: files.current.iter().map(|(role, bytes)| (role.to_string(), text(bytes))).collect(),
        });
        let made = self.made.to_rfc3339_opts(SecondsFormat::Secs, true);
        let written = Written { format: FORMAT.to_owned(), made, collections: collections.collect() };
        serde_json::to_string_pretty(&written).unwrap_or_default() + "\n"
    }

    /// Reads a bundle. Nothing in it is verified.
    ///
    /// # Errors
    /// If it is none.
    pub fn parse(text: &[u8]) -> Result<Self, InvalidBundleFile> {
        let invalid = |why: String| InvalidBundleFile(why.chars().take(300).collect());
        if text.len() > MAX_BYTES {
            return Err(invalid(format!("it has more than {MAX_BYTES} bytes")));
        }
        let written: Written = serde_json::from_slice(text).map_err(|e| invalid(e.to_string()))?;
        if written.format != FORMAT {
            return Err(invalid(format!("its format is {:?}, this program reads {FORMAT}", written.format)));
        }
        let made = DateTime::parse_from_rfc3339(&written.made).map_err(|e| invalid(format!("made: {e}")))?;
        let mut bundle = Self::new(made.with_timezone(&Utc));
        for collection in written.collections {
            let gun: Gun = collection.gun.parse().map_err(|e| invalid(format!("gun: {e}")))?;
            let mut files = Files::default();
            for (number, text) in collection.roots {
                let number = number.parse().map_err(|e| invalid(format!("root {number}: {e}")))?;
                files.roots.insert(number, text.into_bytes());
            }
            for (role, text) in collection.files {
                files.current.insert(role.parse().map_err(|e| invalid(format!("{e}")))?, text.into_bytes());
            }
            if bundle.collections.insert(gun.clone(), files).is_some() {
                return Err(invalid(format!("{gun} is in it twice")));
            }
        }
        Ok(bundle)
    }
}

/// Why a text is no bundle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a bundle: {0}")]
pub struct InvalidBundleFile(String);
