//! `trust verify`: what is trusted, who says so, and whether the registry has the same.

use std::io::{self, Write};

use chrono::{DateTime, Utc};
use clap::Args;
use libtrust::client::{Offline, RegistryError, TrustedImage};
use libtrust::names::{ImageDigest, ImageReference};
use serde::Serialize;

use super::Context;
use super::shown::{self, confirmation};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{self, Document, escape};
use crate::session::Session;
use crate::terminal::Wording;

/// Options of `trust verify`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  trust verify registry.example/team/app:1.4
  trust verify --offline registry.example/team/app:1.4
  trust verify --digest sha256:... registry.example/team/app:1.4")]
pub struct Options {
    /// Images: NAME:TAG, or NAME@DIGEST for any released tag of that digest
    #[arg(required = true, value_name = "IMAGE")]
    pub images: Vec<ImageReference>,
    /// Ask nobody: judge by what was trusted before
    #[arg(long)]
    pub offline: bool,
    /// Make do with what was trusted before if the server is away, and say so
    #[arg(long, conflicts_with = "offline")]
    pub allow_offline: bool,
    /// Do not ask the registry what it serves
    #[arg(long)]
    pub no_registry: bool,
    /// The digest that is expected, instead of what the registry serves
    #[arg(long, value_name = "DIGEST")]
    pub digest: Option<ImageDigest>,
}

/// What is trusted under each name.
#[derive(Serialize)]
struct Verified {
    images: Vec<Image>,
}

#[derive(Serialize)]
struct Image {
    name: String,
    tag: String,
    digest: String,
    size: u64,
    role: String,
    signers: Vec<shown::Signer>,
    keys: Vec<String>,
    root_trust: &'static str,
    confirmed_by: String,
    confirmed: Option<DateTime<Utc>>,
    expires: DateTime<Utc>,
    first_to_expire: String,
    versions: Vec<shown::FileVersion>,
    /// Whether the registry serves the same; absent if it was not asked.
    in_registry: Option<bool>,
}

impl Document for Verified {
    fn text(&self, to: &mut dyn Write) -> io::Result<()> {
        for image in &self.images {
            writeln!(to, "{}:{}@{}", escape::line(&image.name), escape::line(&image.tag), image.digest)?;
            let signers: Vec<&str> = image.signers.iter().map(|signer| signer.name.as_str()).collect();
            let by = if signers.is_empty() { "the repository key".to_owned() } else { signers.join(", ") };
            writeln!(
                to,
                "  signed by {}, good until {} ({})",
                escape::line(&by),
                image.expires.format("%F"),
                image.first_to_expire
            )?;
        }
        Ok(())
    }
}

/// Runs it.
///
/// # Errors
/// The first image that is not trusted, or that the registry serves differently.
pub fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let session = Session::new(context.settings()?, Wording::Trust)?;
    let images = options.images.iter().map(|image| {
        one(options, &session, image)
            .map_err(|failure| failure.while_doing(format!("{} is not verified", image.familiar())))
    });
    let images = images.collect::<Result<Vec<_>, _>>()?;
    output::print(&Verified { images }, session.settings().format)
}

fn one(options: &Options, session: &Session, image: &ImageReference) -> Result<Image, Failure> {
    let gun = image.gun();
    let client = session.client(gun)?;
    let offline = match (options.offline, options.allow_offline) {
        (true, _) => Offline::Always,
        (_, true) => Offline::WhenUnreachable,
        _ => Offline::Never,
    };
    let collection = session.wait(client.update(gun, offline))?;
    shown::warnings(session, &collection);
    let rules = client.policy().rules(gun);
    let trusted = match (image.digest(), image.tag()) {
        (Some(digest), None) => {
            if let Some(expected) = options.digest.as_ref().filter(|expected| *expected != digest) {
                return Err(Failure::usage(format!("{digest} is asked for, {expected} expected")));
            }
            let digest = sha256(digest)?;
            let images = collection.images_of(&digest, rules)?;
            images.into_iter().next().ok_or_else(|| Failure::new(Exit::NoTrustData, "no tag has that digest"))?
        }
        (digest, tag) => {
            let trusted = collection.image(tag.unwrap_or("latest"), rules)?;
            for expected in [digest, options.digest.as_ref()].into_iter().flatten() {
                same(&trusted, &sha256(expected)?, "expected")?;
            }
            trusted
        }
    };
    let ask_registry = !options.offline && !options.no_registry && image.digest().is_none() && options.digest.is_none();
    let in_registry = if ask_registry { Some(served(session, image, &trusted)?) } else { None };
    let (confirmed_by, confirmed) = confirmation(&collection);
    Ok(Image {
        name: gun.to_string(),
        digest: trusted.digest_text(),
        size: trusted.size,
        role: trusted.role.to_string(),
        signers: trusted.signers.iter().map(shown::Signer::of).collect(),
        keys: trusted.keys.iter().map(ToString::to_string).collect(),
        root_trust: shown::root_trust(collection.root_trust()),
        confirmed_by,
        confirmed,
        expires: trusted.expires.1,
        first_to_expire: trusted.expires.0.to_string(),
        versions: trusted.versions.iter().map(|(role, version)| shown::FileVersion::of(role, *version)).collect(),
        tag: trusted.tag,
        in_registry,
    })
}

/// Whether the registry serves what is trusted. A registry that has no such tag serves nothing wrong.
fn served(session: &Session, image: &ImageReference, trusted: &TrustedImage) -> Result<bool, Failure> {
    let registry = session.registry(image.registry())?;
    let image = image.with_tag(&trusted.tag)?;
    // The manifest itself: what a header says of it may be another.
    match session.wait(registry.manifest(&image)) {
        Ok(found) => {
            same(trusted, &sha256(&found.descriptor.digest)?, "the registry serves")?;
            Ok(true)
        }
        Err(RegistryError::NotFound { .. }) => {
            session.warn(&format!("the registry has no {}", image.familiar()));
            Ok(false)
        }
        Err(error) => Err(Failure::from(error).hint("to verify without the registry: --no-registry")),
    }
}

fn same(trusted: &TrustedImage, found: &[u8; 32], who: &str) -> Result<(), Failure> {
    if trusted.digest == *found {
        return Ok(());
    }
    let message = format!("{} is signed, {who} sha256:{}", trusted.digest_text(), hex::encode(found));
    Err(Failure::new(Exit::Digest, message).hint("pull by the signed digest, or have the new image signed: trust sign"))
}

fn sha256(digest: &ImageDigest) -> Result<[u8; 32], Failure> {
    let bytes = (digest.algorithm() == "sha256").then(|| hex::decode(digest.hex()).ok()?.try_into().ok()).flatten();
    bytes.ok_or_else(|| Failure::usage(format!("{digest}: only sha256 digests are signed")))
}
