//! `trust inspect`: what is signed under a name, by whom, with which keys, and until when.

use std::collections::BTreeMap;
use std::io::{self, Write};

use chrono::{DateTime, SecondsFormat, Utc};
use clap::Args;
use libtrust::client::{Collection, Confirmation, Offline, RELEASES, RootTrust, released_in};
use libtrust::dialect::Dialect;
use libtrust::metadata::Metadata;
use libtrust::names::{ImageReference, RoleName};
use serde::Serialize;

use super::Context;
use super::session::{collection, open};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{self, Document, Table, escape};

/// Options of `trust inspect`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  trust inspect registry.example/team/app
  trust inspect registry.example/team/app:v1 --output json")]
pub struct Options {
    /// Image names; with a tag, that one alone
    #[arg(value_name = "IMAGE[:TAG]", required = true)]
    pub images: Vec<String>,
    /// Ask no server: show what was trusted when one was last asked
    #[arg(long)]
    pub offline: bool,
}

/// What is known of the images asked for.
#[derive(Debug, Serialize)]
struct Inspection {
    images: Vec<Inspected>,
}

#[derive(Debug, Serialize)]
struct Inspected {
    name: String,
    /// `pinned`, `seen-before` or `first-use`.
    root_trust: &'static str,
    /// The server that confirmed this state now; null if it is what was cached.
    confirmed_by: Option<String>,
    tags: Vec<Tag>,
    signers: Vec<Holder>,
    administrators: Vec<Holder>,
    files: Vec<File>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Tag {
    pub tag: String,
    pub digest: String,
    pub size: u64,
    pub role: String,
    /// Nobody if only the holder of the repository key signed it.
    pub signers: Vec<String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Holder {
    pub name: String,
    pub keys: Vec<String>,
    pub threshold: u32,
}

#[derive(Debug, Serialize)]
struct File {
    role: String,
    version: u64,
    expires: String,
}

/// Inspects each image; the first failure ends it.
///
/// # Errors
/// Why a collection is not trusted or could not be had.
pub fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let session = open(context)?;
    let offline = if options.offline { Offline::Always } else { Offline::Never };
    let images = session.wait(async {
        let mut images = Vec::new();
        for name in &options.images {
            let image: ImageReference = name.parse()?;
            let collection = collection(&session, image.gun(), offline).await?;
            images.push(inspected(name, &collection, image.tag())?);
        }
        Ok::<_, Failure>(images)
    })?;
    output::print(&Inspection { images }, context.options.output)
}

fn inspected(name: &str, collection: &Collection, tag: Option<&str>) -> Result<Inspected, Failure> {
    let tags = tags(collection, tag);
    if let Some(tag) = tag.filter(|_| tags.is_empty()) {
        let failure = Failure::new(Exit::NoTrustData, format!("{tag} of {} is not signed", collection.gun()));
        return Err(failure.hint(format!("see what is: trust inspect {}", collection.gun())));
    }
    Ok(Inspected {
        name: name.to_owned(),
        root_trust: match collection.root_trust() {
            RootTrust::Pinned => "pinned",
            RootTrust::SeenBefore => "seen-before",
            RootTrust::FirstUse => "first-use",
        },
        confirmed_by: match collection.confirmation() {
            Confirmation::Server { server } => Some(server.clone()),
            Confirmation::Cache { .. } => None,
        },
        tags,
        signers: signers(collection),
        administrators: administrators(collection),
        files: files(collection),
    })
}

/// Released tags, and who else signed the same digest under the same tag.
pub(crate) fn tags(collection: &Collection, only: Option<&str>) -> Vec<Tag> {
    let mut signed: BTreeMap<(&str, [u8; 32]), Vec<String>> = BTreeMap::new();
    let everywhere = collection.targets().everywhere(only);
    for found in everywhere.iter().filter(|found| !released_in().contains(found.role())) {
        if let Some(digest) = found.target.digests.sha256 {
            signed.entry((found.name, digest)).or_default().push(signer(found.role()));
        }
    }
    let released = collection.released().filter(|found| only.is_none_or(|tag| tag == found.name));
    let tags = released.filter_map(|found| {
        let digest = found.target.digests.sha256?;
        Some(Tag {
            tag: found.name.to_owned(),
            digest: format!("sha256:{}", hex::encode(digest)),
            size: found.target.length,
            role: found.role().to_string(),
            signers: signed.remove(&(found.name, digest)).unwrap_or_default(),
        })
    });
    tags.collect()
}

/// Every delegation but the one for releases, with its canonical keys.
pub(crate) fn signers(collection: &Collection) -> Vec<Holder> {
    let mut signers: Vec<Holder> = Vec::new();
    for file in collection.targets().roles() {
        for role in file.delegations.roles.iter().filter(|role| role.name.as_str() != RELEASES) {
            let keys = role.keys.key_ids.iter().filter_map(|id| file.delegations.keys.get(id));
            let keys = keys.map(|key| Dialect::Notary.canonical_key_id(key).to_string()).collect();
            let name = role.name.as_str().trim_start_matches("targets/").to_owned();
            signers.push(Holder { name, keys, threshold: role.keys.threshold.get() });
        }
    }
    signers.sort_by(|a, b| a.name.cmp(&b.name));
    signers
}

pub(crate) fn administrators(collection: &Collection) -> Vec<Holder> {
    let roles = [RoleName::Root, RoleName::Targets].into_iter();
    let holders = roles.filter_map(|role| {
        let listed = collection.root().roles.get(&role)?;
        let keys = listed.key_ids.iter().map(ToString::to_string).collect();
        Some(Holder { name: role.to_string(), keys, threshold: listed.threshold.get() })
    });
    holders.collect()
}

fn files(collection: &Collection) -> Vec<File> {
    let mut files = vec![
        file(&RoleName::Root, &**collection.root()),
        file(&RoleName::Timestamp, &**collection.timestamp()),
        file(&RoleName::Snapshot, &**collection.snapshot()),
    ];
    files.extend(collection.targets().roles().map(|targets| file(targets.role(), &**targets)));
    files
}

fn file<T: Metadata>(role: &RoleName, metadata: &T) -> File {
    File { role: role.to_string(), version: metadata.version().get(), expires: date(metadata.expires()) }
}

fn date(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn signer(role: &RoleName) -> String {
    role.to_string().trim_start_matches("targets/").to_owned()
}

impl Document for Inspection {
    fn text(&self, to: &mut dyn Write) -> io::Result<()> {
        for (n, image) in self.images.iter().enumerate() {
            if n > 0 {
                writeln!(to)?;
            }
            image.text(to)?;
        }
        Ok(())
    }
}

impl Inspected {
    fn text(&self, to: &mut dyn Write) -> io::Result<()> {
        writeln!(to, "{}\n", escape::line(&self.name))?;
        if self.tags.is_empty() {
            writeln!(to, "No tag is signed.")?;
        } else {
            let mut table = Table::new(["TAG", "DIGEST", "SIGNERS"]);
            for tag in &self.tags {
                let signers =
                    if tag.signers.is_empty() { "(repository key)".to_owned() } else { tag.signers.join(", ") };
                table.row([&tag.tag, &tag.digest, &signers]);
            }
            table.write(to)?;
        }
        writeln!(to)?;
        let mut table = Table::new(["WHO", "NEEDED", "KEYS"]);
        for holder in self.administrators.iter().chain(&self.signers) {
            table.row([holder.name.clone(), holder.threshold.to_string(), holder.keys.join(", ")]);
        }
        table.write(to)?;
        writeln!(to)?;
        let mut table = Table::new(["FILE", "VERSION", "EXPIRES"]);
        for file in &self.files {
            table.row([file.role.clone(), file.version.to_string(), file.expires.clone()]);
        }
        table.write(to)
    }
}
