//! `trust sign`: signs what tags mean at their registry. No image is pulled and no engine is asked.

use std::collections::BTreeMap;
use std::io::{self, Write};

use clap::Args;
use libtrust::client::Publisher;
use libtrust::metadata::{Digests, Target};
use libtrust::names::{Gun, ImageDigest, ImageReference};
use serde::Serialize;

use super::Context;
use super::session::{Session, wait_for};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{self, Document, escape};
use crate::settings::Changes;

/// Options of `trust sign`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
The collection must be there: made by `docker trust`, `notary init` or another publisher. All tags of one image are
published at once.

Examples:
  trust sign registry.example/team/app:v1
  trust sign registry.example/team/app:v1 registry.example/team/app:latest
  trust sign registry.example/team/app:v1 --expect-digest sha256:...")]
pub struct Options {
    /// Images, each with its tag
    #[arg(value_name = "IMAGE:TAG", required = true)]
    pub images: Vec<String>,
    /// Sign only if the registry serves this digest
    #[arg(long, value_name = "DIGEST")]
    pub expect_digest: Option<String>,
}

/// What was signed, or would be.
#[derive(Debug, Serialize)]
struct Signing {
    signed: Vec<Signed>,
    /// False if this only says what would be done.
    published: bool,
}

#[derive(Debug, Serialize)]
struct Signed {
    name: String,
    digest: String,
    size: u64,
}

/// Resolves all images first, then publishes collection by collection.
///
/// # Errors
/// Why an image could not be resolved, or its signature not be published.
pub fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let session = Session::new(context)?;
    let published = session.settings().changes == Changes::Made;
    let signed = wait_for(async {
        let mut signed = Vec::new();
        let mut collections: BTreeMap<Gun, Vec<(ImageReference, Target)>> = BTreeMap::new();
        for name in &options.images {
            let image: ImageReference = name.parse()?;
            if image.tag().is_none() {
                return Err(Failure::usage(format!("{name} has no tag to sign")).hint(format!("name one: {name}:TAG")));
            }
            let served = session.registry(&image)?.resolve(&image).await?;
            if let Some(expected) =
                options.expect_digest.as_deref().filter(|expected| *expected != served.digest.as_str())
            {
                let message =
                    format!("{name} is {} at its registry, not {expected}; nothing was signed", served.digest);
                return Err(Failure::new(Exit::Digest, message));
            }
            signed.push(Signed { name: name.clone(), digest: served.digest.to_string(), size: served.size });
            let target = target(name, &served.digest, served.size)?;
            collections.entry(image.gun().clone()).or_default().push((image, target));
        }
        for (gun, images) in &collections {
            publish(&session, gun, images, published).await?;
        }
        Ok(signed)
    })?;
    output::print(&Signing { signed, published }, context.options.output)
}

async fn publish(
    session: &Session,
    gun: &Gun,
    images: &[(ImageReference, Target)],
    publish: bool,
) -> Result<(), Failure> {
    let Some((image, _)) = images.first() else { return Ok(()) };
    let publisher: Publisher = session.publisher(image)?;
    let changes = |collection: &_| {
        let mut changes = Vec::new();
        for (image, target) in images {
            changes.extend(publisher.sign_image(collection, image.tag().unwrap_or_default(), target)?);
        }
        Ok(changes)
    };
    let doing = |failure: Failure| failure.while_doing(format!("cannot sign in {gun}"));
    if publish {
        publisher.publish_with(gun, changes).await.map_err(Failure::from).map_err(doing)?;
    } else {
        let collection = publisher.client().update(gun, libtrust::client::Offline::Never).await?;
        changes(&collection).map_err(Failure::from).map_err(doing)?;
    }
    Ok(())
}

fn target(name: &str, digest: &ImageDigest, length: u64) -> Result<Target, Failure> {
    let sha256 = (digest.algorithm() == "sha256").then(|| hex::decode(digest.hex()).ok()?.try_into().ok()).flatten();
    match sha256 {
        Some(sha256) => {
            Ok(Target { length, digests: Digests { sha256: Some(sha256), ..Digests::default() }, custom: None })
        }
        None => Err(Failure::usage(format!("{name} is {digest}: only sha256 digests are signed"))),
    }
}

impl Document for Signing {
    fn text(&self, to: &mut dyn Write) -> io::Result<()> {
        let done = if self.published { "signed" } else { "would sign" };
        self.signed
            .iter()
            .try_for_each(|signed| writeln!(to, "{done} {} as {}", escape::line(&signed.name), signed.digest))
    }
}
