//! `trust verify`: the digest that is signed under a tag, and whether the registry serves it.

use std::io::{self, Write};

use chrono::SecondsFormat;
use clap::Args;
use libtrust::client::{Offline, TrustedImage};
use libtrust::names::{ImageDigest, ImageReference};
use serde::Serialize;

use super::Context;
use super::session::{Session, wait_for};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{self, Document, escape};

/// What a reference without tag and digest means.
const DEFAULT_TAG: &str = "latest";

/// Options of `trust verify`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  trust verify registry.example/team/app:v1
  docker pull $(trust verify -q registry.example/team/app:v1)
  trust verify --no-registry registry.example/team/app@sha256:...")]
pub struct Options {
    /// Images; without tag, `latest`. With a digest it must be the one that is signed
    #[arg(value_name = "IMAGE", required = true)]
    pub images: Vec<String>,
    /// Do not ask the registry what it serves
    #[arg(long)]
    pub no_registry: bool,
    /// Ask no server at all: judge by what was trusted when one was last asked
    #[arg(long)]
    pub offline: bool,
}

/// The images that are trusted.
#[derive(Debug, Serialize)]
struct Verification {
    images: Vec<Verified>,
    #[serde(skip)]
    quiet: bool,
}

#[derive(Debug, Serialize)]
struct Verified {
    /// As it was typed.
    name: String,
    /// Registry, repository and digest: what to pull.
    reference: String,
    tag: String,
    digest: String,
    size: u64,
    role: String,
    signers: Vec<String>,
    keys: Vec<String>,
    versions: Vec<Version>,
    /// The first of the files this depends on to expire.
    expires: Expiry,
    /// Whether the registry was asked and serves this digest.
    registry_agrees: Option<bool>,
}

#[derive(Debug, Serialize)]
struct Version {
    role: String,
    version: u64,
}

#[derive(Debug, Serialize)]
struct Expiry {
    role: String,
    at: String,
}

/// Verifies each image; the first that is not what was signed ends it.
///
/// # Errors
/// Why an image is not trusted, by exit code.
pub fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let session = Session::new(context)?;
    let images = wait_for(async {
        let mut images = Vec::new();
        for name in &options.images {
            images.push(verify(name, options, &session).await?);
        }
        Ok(images)
    })?;
    output::print(&Verification { images, quiet: context.options.quiet }, context.options.output)
}

async fn verify(name: &str, options: &Options, session: &Session) -> Result<Verified, Failure> {
    let image: ImageReference = name.parse()?;
    let offline = if options.offline { Offline::Always } else { Offline::Never };
    let collection = session.collection(&image, offline).await?;
    let rules = session.rules(&image);
    let wanted = image.digest().map(|digest| sha256(name, digest)).transpose()?;
    let trusted = match (image.tag(), wanted) {
        (None, Some(digest)) => {
            let mut all = collection.images_of(&digest, rules)?;
            all.pop().ok_or_else(|| Failure::new(Exit::Digest, format!("{name} is not signed")))?
        }
        (tag, _) => collection.image(tag.unwrap_or(DEFAULT_TAG), rules)?,
    };
    if wanted.is_some_and(|wanted| wanted != trusted.digest) {
        return Err(other(
            name,
            &trusted,
            "the reference names",
            &image.digest().map(ToString::to_string).unwrap_or_default(),
        ));
    }
    let mut verified = Verified::new(name, &image, &trusted)?;
    if !options.no_registry && !options.offline {
        let tagged = match image.digest() {
            Some(_) => image.clone(),
            None => image.with_tag(&trusted.tag)?,
        };
        let served = session.registry(&image)?.resolve(&tagged).await?;
        if served.digest.as_str() != trusted.digest_text() {
            return Err(other(name, &trusted, "the registry serves", served.digest.as_str()));
        }
        verified.registry_agrees = Some(true);
    }
    Ok(verified)
}

fn other(name: &str, trusted: &TrustedImage, who: &str, found: &str) -> Failure {
    let signed = trusted.digest_text();
    Failure::new(Exit::Digest, format!("{name} is not what was signed: {who} {found}, signed is {signed}"))
        .hint(format!("use what was signed: {}@{signed}", trusted.gun))
}

fn sha256(name: &str, digest: &ImageDigest) -> Result<[u8; 32], Failure> {
    let bytes = (digest.algorithm() == "sha256").then(|| hex::decode(digest.hex()).ok()).flatten();
    let bytes: Option<[u8; 32]> = bytes.and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or_else(|| Failure::usage(format!("{name}: signatures are over sha256 digests")))
}

impl Verified {
    fn new(name: &str, image: &ImageReference, trusted: &TrustedImage) -> Result<Self, Failure> {
        let digest = trusted.digest_text();
        Ok(Self {
            name: name.to_owned(),
            reference: format!("{}@{digest}", image.gun()),
            tag: trusted.tag.clone(),
            digest,
            size: trusted.size,
            role: trusted.role.to_string(),
            signers: trusted.signers.iter().map(|signer| signer.name.clone()).collect(),
            keys: trusted.keys.iter().map(ToString::to_string).collect(),
            versions: trusted
                .versions
                .iter()
                .map(|(role, version)| Version { role: role.to_string(), version: version.get() })
                .collect(),
            expires: Expiry {
                role: trusted.expires.0.to_string(),
                at: trusted.expires.1.to_rfc3339_opts(SecondsFormat::Secs, true),
            },
            registry_agrees: None,
        })
    }
}

impl Document for Verification {
    /// With `--quiet`, a reference a line that can be pulled.
    fn text(&self, to: &mut dyn Write) -> io::Result<()> {
        for image in &self.images {
            if self.quiet {
                writeln!(to, "{}", escape::line(&image.reference))?;
                continue;
            }
            let signers = match image.signers.as_slice() {
                [] => "the repository key".to_owned(),
                names => names.join(", "),
            };
            let name = escape::line(&image.name);
            writeln!(to, "{name} is {}\n  signed by {}", image.digest, escape::line(&signers))?;
            writeln!(to, "  until {}, when {} expires", image.expires.at, escape::line(&image.expires.role))?;
            writeln!(
                to,
                "  the registry {}",
                if image.registry_agrees.is_some() { "serves it" } else { "was not asked" }
            )?;
        }
        Ok(())
    }
}
