//! `trust sign`: resolve tags at the registry, sign their digests, publish once.

use std::collections::BTreeMap;
use std::io::{self, Write};

use clap::Args;
use futures_util::stream::{StreamExt as _, TryStreamExt as _, iter};
use libtrust::client::{Collection, Descriptor, Init, Offline, PublishError, Publisher, Registry, UpdateError};
use libtrust::edit::Change;
use libtrust::metadata::{Digests, Target};
use libtrust::names::{Gun, ImageDigest, ImageReference, RoleName};
use serde::Serialize;

use super::change::{self, Staging};
use super::{Context, migrate, shown};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{self, Document, escape};
use crate::session::Session;
use crate::settings::{Changes, Verbosity};
use crate::terminal::Wording;

/// The systems of platforms that are signed with `--all-platforms`.
const SYSTEMS: [&str; 9] =
    ["linux", "windows", "darwin", "freebsd", "netbsd", "openbsd", "solaris", "android", "wasip1"];

/// How many manifests are asked for at a time.
const AT_A_TIME: usize = 8;

/// Options of `trust sign`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  trust sign registry.example/team/app:1.4
  trust sign registry.example/team/app:1.4 registry.example/team/app:latest
  trust sign registry.example/team/app:1.4@sha256:...
  trust sign --init registry.example/team/new:1.0")]
pub struct Options {
    /// Images: NAME:TAG as the registry has it now, or NAME:TAG@DIGEST
    #[arg(required = true, value_name = "IMAGE")]
    pub images: Vec<ImageReference>,
    /// Sign only if the registry has exactly this digest
    #[arg(long, value_name = "DIGEST")]
    pub expect_digest: Option<ImageDigest>,
    /// Of a multi-platform image, sign each platform's manifest too, as TAG-OS-ARCHITECTURE
    #[arg(long)]
    pub all_platforms: bool,
    /// Begin the collection if nothing was signed under this name before
    #[arg(long)]
    pub init: bool,
    /// Publish in TUF 1.0 as well, from now on: every TUF client can then verify the image
    #[arg(long, conflicts_with_all = ["stage", "prepare"])]
    pub tuf: bool,
    /// Roles to sign in, instead of those the keys here can sign
    #[arg(long, value_name = "ROLE", value_delimiter = ',')]
    pub roles: Vec<RoleName>,
    /// Whether it waits.
    #[command(flatten)]
    pub staging: Staging,
}

#[derive(Serialize)]
struct Signed {
    dry_run: bool,
    /// Whether it waits for `trust publish`, or for the signatures of others.
    waiting: bool,
    images: Vec<SignedImage>,
    published: Vec<Published>,
}

#[derive(Serialize)]
struct SignedImage {
    name: String,
    tag: String,
    digest: String,
    size: u64,
    roles: Vec<String>,
}

#[derive(Serialize)]
struct Published {
    name: String,
    initialized: bool,
    roles: Vec<shown::FileVersion>,
}

impl Document for Signed {
    fn text(&self, to: &mut dyn Write) -> io::Result<()> {
        let did = match (self.dry_run, self.waiting) {
            (true, _) => "would sign",
            (false, true) => "to be signed:",
            (false, false) => "signed",
        };
        for image in &self.images {
            let (name, tag) = (escape::line(&image.name), escape::line(&image.tag));
            writeln!(to, "{did} {name}:{tag}@{} in {}", image.digest, image.roles.join(", "))?;
        }
        Ok(())
    }
}

/// A tag, and the manifest to sign under it.
struct Tag {
    name: String,
    target: Target,
}

/// Runs it.
///
/// # Errors
/// If an image cannot be found or a collection cannot be published. Collections before it in order are published.
pub fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let session = Session::new(context.settings()?, Wording::Trust)?;
    let mut collections: BTreeMap<&Gun, Vec<Tag>> = BTreeMap::new();
    for (image, tags) in options.images.iter().zip(resolve_all(options, &session)?) {
        collections.entry(image.gun()).or_default().extend(tags);
    }
    let dry_run = session.settings().changes == Changes::Told;
    let waiting = options.staging.stage || options.staging.prepare.is_some();
    if options.staging.prepare.is_some() && collections.len() > 1 {
        return Err(Failure::usage("--prepare writes one file, and several repositories are to be signed"));
    }
    let mut signed = Signed { dry_run, waiting, images: Vec::new(), published: Vec::new() };
    for (gun, tags) in collections {
        let published = publish(options, &session, gun, &tags, &mut signed.images);
        signed.published.extend(published.map_err(|failure| failure.while_doing(format!("cannot sign {gun}")))?);
    }
    output::print(&signed, session.settings().format)
}

/// What each reference stands for, in order; several registries' answers are waited for at a time.
fn resolve_all(options: &Options, session: &Session) -> Result<Vec<Vec<Tag>>, Failure> {
    let mut registries = BTreeMap::new();
    for image in &options.images {
        if !registries.contains_key(image.registry()) {
            registries.insert(image.registry(), session.registry(image.registry())?);
        }
    }
    let resolved = options.images.iter().map(|image| {
        let registry = registries.get(image.registry());
        async move {
            let registry = registry.ok_or_else(|| Failure::usage(format!("{image} has no registry")))?;
            let tags = resolve(options, session, registry, image).await;
            tags.map_err(|failure| failure.while_doing(format!("cannot sign {}", image.familiar())))
        }
    });
    session.wait(iter(resolved).buffered(AT_A_TIME).try_collect())
}

/// What a reference stands for: one tag, or with `--all-platforms` several.
async fn resolve(
    options: &Options,
    session: &Session,
    registry: &Registry,
    image: &ImageReference,
) -> Result<Vec<Tag>, Failure> {
    let Some(tag) = image.tag() else {
        return Err(Failure::usage("no tag to sign it under").hint(format!("{}:TAG", image.familiar())));
    };
    let manifest = registry.manifest(image).await?;
    let found = &manifest.descriptor;
    session.note(Verbosity::Steps, &format!("{} is {}", image.familiar(), found.digest));
    if let Some(expected) = options.expect_digest.as_ref().filter(|expected| **expected != found.digest) {
        let message = format!("the registry has {}, expected {expected}", found.digest);
        return Err(Failure::new(Exit::Digest, message).hint("nothing was signed; look at what was pushed last"));
    }
    let mut tags = vec![Tag { name: tag.to_owned(), target: target(found)? }];
    if options.all_platforms {
        let platforms = manifest.platforms().map_err(|why| Failure::new(Exit::Network, why))?;
        for platform in platforms {
            let Some(name) = &platform.platform else { continue };
            // The index is written by whoever pushed it: it must not choose any tag there is.
            if !SYSTEMS.contains(&name.os.as_str()) {
                let message = format!("{} has a platform {name}, whose system is not known", image.familiar());
                return Err(Failure::new(Exit::Digest, message).hint("sign its manifest by its digest, if it is right"));
            }
            let name = format!("{tag}-{}", name.to_string().replace('/', "-"));
            image.with_tag(&name)?;
            if tags.iter().any(|tag| tag.name == name) {
                let message = format!("{} has several manifests for {name}", image.familiar());
                return Err(Failure::new(Exit::Digest, message).hint("sign each by its digest, under a tag of its own"));
            }
            tags.push(Tag { name, target: target(&platform.descriptor)? });
        }
    }
    Ok(tags)
}

fn target(found: &Descriptor) -> Result<Target, Failure> {
    let sha256 = (found.digest.algorithm() == "sha256").then(|| hex::decode(found.digest.hex()).ok()?.try_into().ok());
    let sha256: Option<[u8; 32]> = sha256.flatten();
    if sha256.is_none() {
        return Err(Failure::usage(format!("{}: only sha256 digests are signed", found.digest)));
    }
    Ok(Target { length: found.size, digests: Digests { sha256, ..Digests::default() }, custom: None })
}

fn publish(
    options: &Options,
    session: &Session,
    gun: &Gun,
    tags: &[Tag],
    images: &mut Vec<SignedImage>,
) -> Result<Option<Published>, Failure> {
    let publisher = session.publisher(gun)?;
    let collection = match session.wait(publisher.client().update(gun, Offline::Never)) {
        Err(UpdateError::NoTrustData { .. }) if options.init || begun(&publisher, gun)? => None,
        updated => Some(updated?),
    };
    if let Some(collection) = &collection {
        shown::warnings(session, collection);
    }
    let plan = |collection: &Collection| changes(options, &publisher, collection, tags);
    let first = |role: RoleName| tags.iter().map(move |tag| add(role.clone(), tag)).collect::<Vec<_>>();
    let planned = match &collection {
        Some(collection) => plan(collection)?,
        None => first(RoleName::Targets),
    };
    for tag in tags {
        let signs = |change: &Change| match change {
            Change::AddTarget { role, name, .. } if *name == tag.name => Some(role.to_string()),
            _ => None,
        };
        images.push(SignedImage {
            name: gun.to_string(),
            tag: tag.name.clone(),
            digest: tag
                .target
                .digests
                .sha256
                .map(|digest| format!("sha256:{}", hex::encode(digest)))
                .unwrap_or_default(),
            size: tag.target.length,
            roles: planned.iter().filter_map(signs).collect(),
        });
    }
    if session.settings().changes == Changes::Told {
        return Ok(None);
    }
    if options.staging.stage || options.staging.prepare.is_some() {
        if collection.is_none() {
            return Err(Failure::usage(format!("{gun} must be begun first")).hint(format!("trust init {gun}")));
        }
        let waiting = change::make(session, gun, &options.staging, &planned)?;
        for file in waiting.prepared() {
            session.note(Verbosity::Normal, &format!("for others to sign: {}", file.display()));
        }
        return Ok(None);
    }
    let publication = match &collection {
        Some(_) => session.wait(publisher.publish_with(gun, plan))?,
        None if begun(&publisher, gun)? => session.wait(publisher.publish(gun, &planned))?,
        None => session.wait(publisher.init(gun, &Init::default(), &planned))?,
    };
    let roles = shown::published(session, gun, &publication);
    if options.tuf {
        migrate::begin(session, gun, &publisher)?;
    }
    Ok(Some(Published { name: gun.to_string(), initialized: collection.is_none(), roles }))
}

/// Whether the collection was begun in the folder and never published, as `notary init` leaves it.
fn begun(publisher: &Publisher, gun: &Gun) -> Result<bool, Failure> {
    let cache = publisher.client().cache();
    Ok(cache.load(gun, &RoleName::Targets)?.is_some() && cache.load(gun, &RoleName::Timestamp)?.is_none())
}

fn changes(
    options: &Options,
    publisher: &Publisher,
    collection: &Collection,
    tags: &[Tag],
) -> Result<Vec<Change>, PublishError> {
    let mut changes = Vec::new();
    for tag in tags {
        if options.roles.is_empty() {
            changes.extend(publisher.sign_image(collection, &tag.name, &tag.target)?);
        } else {
            changes.extend(options.roles.iter().map(|role| add(role.clone(), tag)));
        }
    }
    Ok(changes)
}

fn add(role: RoleName, tag: &Tag) -> Change {
    Change::AddTarget { role, name: tag.name.clone(), target: tag.target.clone() }
}
