//! `trust bundle`: collections in one file, for places without a network. What is in it is verified like what a server
//! sends; nothing is asked.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use clap::{Args, Subcommand};
use libtrust::client::{
    Bundle, Cache, Client, Clock, Collection, MemoryCache, Offline, ReadOnlyCache, SystemClock, TransportError,
    UpdateError,
};
use libtrust::names::{Gun, ImageReference};
use serde::Serialize;

use super::Context;
use super::shown::{self, FileVersion, root_keys, root_trust};
use super::tags::{self, Tag};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files;
use crate::output::{self, Document, escape};
use crate::session::Session;
use crate::settings::Changes;
use crate::terminal::Wording;

/// Largest bundle read, in bytes; that of the library.
const MAX_BUNDLE: u64 = 1 << 30;

/// Options of `trust bundle`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  trust bundle create app.bundle registry.example/team/app registry.example/team/base
  trust bundle verify app.bundle registry.example/team/app:1.4
  trust bundle verify app.bundle --as-of 2026-03-01
  trust bundle import app.bundle && trust verify --offline registry.example/team/app:1.4")]
pub struct Options {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do with a bundle.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a bundle of collections as they are trusted now
    Create(Create),
    /// Verify a bundle against the policy and what was trusted here before; nothing is remembered
    Verify(Verify),
    /// Verify a bundle and remember it, as if a server had been asked
    Import(Import),
}

/// Options of `trust bundle create`.
#[derive(Debug, Args)]
pub struct Create {
    /// The bundle
    pub file: PathBuf,
    /// Images whose collections go into it
    #[arg(required = true, value_name = "IMAGE")]
    pub images: Vec<ImageReference>,
}

/// Options of `trust bundle verify`.
#[derive(Debug, Args)]
pub struct Verify {
    /// The bundle
    pub file: PathBuf,
    /// Images that must be trusted; by default, every collection in it must be
    #[arg(value_name = "IMAGE")]
    pub images: Vec<ImageReference>,
    /// Judge as of another time, for audits: 2026-03-01, or 2026-03-01T12:00:00Z. What was trusted here since does not
    /// count
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub as_of: Option<DateTime<Utc>>,
}

/// Options of `trust bundle import`.
#[derive(Debug, Args)]
pub struct Import {
    /// The bundle
    pub file: PathBuf,
}

fn time(text: &str) -> Result<DateTime<Utc>, String> {
    let day = text.parse::<NaiveDate>().map(|day| day.and_time(NaiveTime::MIN).and_utc());
    let exact = || DateTime::parse_from_rfc3339(text).map(|time| time.with_timezone(&Utc));
    day.or_else(|_| exact()).map_err(|_| "expected a day (2026-03-01) or a time (2026-03-01T12:00:00Z)".to_owned())
}

/// What is in a bundle.
#[derive(Serialize)]
struct Told {
    #[serde(skip)]
    did: &'static str,
    file: PathBuf,
    made: DateTime<Utc>,
    as_of: DateTime<Utc>,
    /// Whether anything was written: the bundle, or what is remembered.
    changed: bool,
    collections: Vec<InBundle>,
}

#[derive(Serialize)]
struct InBundle {
    name: String,
    root_trust: &'static str,
    root_keys: Vec<String>,
    expires: Option<DateTime<Utc>>,
    first_to_expire: Option<String>,
    versions: Vec<FileVersion>,
    tags: Vec<Tag>,
}

impl Document for Told {
    fn text(&self, to: &mut dyn Write) -> io::Result<()> {
        let file = self.file.display().to_string();
        writeln!(to, "{} {}, made {}", self.did, escape::line(&file), self.made.format("%F %T UTC"))?;
        for collection in &self.collections {
            writeln!(to, "\n{}", escape::line(&collection.name))?;
            if let (Some(expires), Some(role)) = (collection.expires, &collection.first_to_expire) {
                writeln!(to, "  good until {} ({role}); root {}", expires.format("%F %T UTC"), collection.root_trust)?;
            }
            tags::write(&collection.tags, to)?;
        }
        Ok(())
    }
}

/// Runs it.
///
/// # Errors
/// If a collection or an image is not trusted, or a file cannot be read or written.
pub fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let session = Session::new(context.settings()?, Wording::Trust)?;
    let told = match &options.command {
        Command::Create(create) => self::create(create, &session)?,
        Command::Verify(verify) => self::verify(verify, &session)?,
        Command::Import(import) => self::import(import, &session)?,
    };
    output::print(&told, session.settings().format)
}

fn create(options: &Create, session: &Session) -> Result<Told, Failure> {
    let now = SystemClock.now();
    let mut bundle = Bundle::new(now);
    let mut collections = Vec::new();
    let guns: BTreeSet<&Gun> = options.images.iter().map(ImageReference::gun).collect();
    for gun in guns {
        let client = session.client(gun)?;
        let added = session.wait(async {
            let collection = client.update(gun, Offline::Never).await?;
            bundle.add(&client, &collection).await.map(|()| collection)
        });
        let added = added.map_err(|error| Failure::from(error).while_doing(format!("cannot bundle {gun}")))?;
        shown::warnings(session, &added);
        collections.push(in_bundle(&added, &client));
    }
    let changed = session.settings().changes == Changes::Made;
    if changed {
        files::replace(&options.file, bundle.to_text().as_bytes())?;
    }
    let did = if changed { "wrote" } else { "would write" };
    Ok(Told { did, file: options.file.clone(), made: bundle.made(), as_of: now, changed, collections })
}

fn verify(options: &Verify, session: &Session) -> Result<Told, Failure> {
    let bundle = read(&options.file)?;
    let cache: Arc<dyn Cache> = match options.as_of {
        Some(_) => Arc::new(MemoryCache::default()),
        None => Arc::new(ReadOnlyCache(session.cache())),
    };
    let as_of = options.as_of.unwrap_or_else(|| SystemClock.now());
    let wanted: BTreeSet<&Gun> = options.images.iter().map(ImageReference::gun).collect();
    let mut collections = Vec::new();
    for gun in bundle.guns().filter(|gun| wanted.is_empty() || wanted.contains(gun)) {
        let (client, collection) = update(&bundle, gun, &options.file, as_of, Arc::clone(&cache), session)?;
        let mut told = in_bundle(&collection, &client);
        for image in options.images.iter().filter(|image| image.gun() == gun) {
            holds(&collection, &client, image)?;
        }
        let named = options.images.iter().filter(|image| image.gun() == gun).filter_map(|image| image.tag());
        let named: BTreeSet<&str> = named.collect();
        told.tags.retain(|tag| named.is_empty() || named.contains(tag.tag.as_str()));
        collections.push(told);
    }
    if let Some(missing) = wanted.iter().find(|gun| !bundle.guns().any(|known| known == **gun)) {
        let message = format!("{missing} is not in {}", options.file.display());
        return Err(Failure::new(Exit::NoTrustData, message).hint("make it anew: trust bundle create FILE IMAGE.."));
    }
    let file = options.file.clone();
    Ok(Told { did: "verified", file, made: bundle.made(), as_of, changed: false, collections })
}

/// That an image is trusted under its tag, and has its digest if one is named.
fn holds(collection: &Collection, client: &Client, image: &ImageReference) -> Result<(), Failure> {
    let rules = client.policy().rules(image.gun());
    let told = |failure: Failure| failure.while_doing(format!("{} is not verified", image.familiar()));
    let digest = image.digest().map(ToString::to_string);
    if image.tag().is_none() && digest.is_none() {
        return Ok(());
    }
    let named = match image.tag() {
        Some(tag) => collection.image(tag, rules).map_err(|error| told(error.into())).map(Some)?,
        None => None,
    };
    let released =
        |digest: &str| tags::of(collection, rules).into_iter().any(|tag| tag.digest == digest && tag.refused.is_none());
    match (named, digest) {
        (Some(trusted), Some(digest)) if trusted.digest_text() != digest => {
            Err(told(Failure::new(Exit::Digest, format!("{} is signed", trusted.digest_text()))))
        }
        (None, Some(digest)) if !released(&digest) => {
            Err(told(Failure::new(Exit::Digest, "no released tag has that digest")))
        }
        _ => Ok(()),
    }
}

fn import(options: &Import, session: &Session) -> Result<Told, Failure> {
    let bundle = read(&options.file)?;
    let now = SystemClock.now();
    let changed = session.settings().changes == Changes::Made;
    let remembered: Arc<dyn Cache> = Arc::new(session.cache());
    let looked_at: Arc<dyn Cache> = Arc::new(ReadOnlyCache(session.cache()));
    // All of it is looked at before any of it is remembered.
    for gun in bundle.guns() {
        update(&bundle, gun, &options.file, now, Arc::clone(&looked_at), session)?;
    }
    let cache = if changed { remembered } else { looked_at };
    let collections = bundle.guns().map(|gun| {
        let (client, collection) = update(&bundle, gun, &options.file, now, Arc::clone(&cache), session)?;
        shown::warnings(session, &collection);
        Ok(in_bundle(&collection, &client))
    });
    let collections = collections.collect::<Result<Vec<_>, Failure>>()?;
    let did = if changed { "imported" } else { "would import" };
    Ok(Told { did, file: options.file.clone(), made: bundle.made(), as_of: now, changed, collections })
}

fn read(file: &Path) -> Result<Bundle, Failure> {
    let bundle = Bundle::parse(&files::read(file, MAX_BUNDLE)?);
    bundle.map_err(|error| Failure::caused(Exit::Failure, &error).while_doing(file.display().to_string()))
}

fn update(
    bundle: &Bundle,
    gun: &Gun,
    file: &Path,
    as_of: DateTime<Utc>,
    cache: Arc<dyn Cache>,
    session: &Session,
) -> Result<(Client, Collection), Failure> {
    let name = file.display().to_string();
    let client = session.client_over(Arc::new(bundle.transport(&name)), cache)?.with_clock(as_of);
    let collection = bundle.update(&client, gun, &name).map_err(|error| {
        let failure = match &error {
            // It has other bytes than those its own metadata names, or lost some.
            UpdateError::Transport(TransportError::NotFound { .. }) => {
                Failure::caused(Exit::Signature, &error).hint("do not use it: it was damaged, or somebody changed it")
            }
            _ => error.into(),
        };
        failure.while_doing(format!("{gun} in {name} is not trusted"))
    })?;
    Ok((client, collection))
}

fn in_bundle(collection: &Collection, client: &Client) -> InBundle {
    let first = collection.expiries().into_iter().next();
    let files = collection.targets().roles().map(|file| FileVersion::of(file.role(), file.version));
    let above = [
        FileVersion::of(collection.root().role(), collection.root().version),
        FileVersion::of(collection.timestamp().role(), collection.timestamp().version),
        FileVersion::of(collection.snapshot().role(), collection.snapshot().version),
    ];
    InBundle {
        name: collection.gun().to_string(),
        root_trust: root_trust(collection.root_trust()),
        root_keys: root_keys(collection),
        expires: first.as_ref().map(|(_, expires)| *expires),
        first_to_expire: first.map(|(role, _)| role.to_string()),
        versions: above.into_iter().chain(files).collect(),
        tags: tags::of(collection, client.policy().rules(collection.gun())),
    }
}
