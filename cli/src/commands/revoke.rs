//! `trust revoke`: takes signatures back, from every role that holds one.

use std::collections::BTreeMap;
use std::io::{self, Write};

use clap::Args;
use libtrust::client::{Offline, Publisher};
use libtrust::edit::Change;
use libtrust::names::{Gun, ImageReference};
use serde::Serialize;

use super::Context;
use super::session::open;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{self, Document, escape};
use crate::session::Session;
use crate::settings::Changes;

/// Options of `trust revoke`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
A tag is taken out of every role that lists it, so that nobody finds it trusted any more: this needs a key of each of them.
Whoever trusted it before learns of it with their next update.

Examples:
  trust revoke registry.example/team/app:v1
  trust revoke registry.example/team/app:v1 --dry-run")]
pub struct Options {
    /// Images, each with its tag
    #[arg(value_name = "IMAGE:TAG", required = true)]
    pub images: Vec<String>,
}

/// What was revoked, or would be.
#[derive(Debug, Serialize)]
struct Revocation {
    revoked: Vec<Revoked>,
    /// False if this only says what would be done.
    published: bool,
}

#[derive(Debug, Serialize)]
struct Revoked {
    name: String,
    /// The roles it is taken out of.
    roles: Vec<String>,
}

/// Revokes all tags of an image at once.
///
/// # Errors
/// If a tag is not signed, or the change could not be published.
pub fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let session = open(context)?;
    let published = session.settings().changes == Changes::Made;
    let revoked = session.wait(async {
        let mut collections: BTreeMap<Gun, Vec<ImageReference>> = BTreeMap::new();
        for name in &options.images {
            let image: ImageReference = name.parse()?;
            if image.tag().is_none() || image.digest().is_some() {
                return Err(Failure::usage(format!("{name}: name a tag, and no digest: {}:TAG", image.gun())));
            }
            collections.entry(image.gun().clone()).or_default().push(image);
        }
        let mut revoked = Vec::new();
        for (gun, images) in &collections {
            revoked.extend(revoke(&session, gun, images, published).await?);
        }
        Ok::<_, Failure>(revoked)
    })?;
    output::print(&Revocation { revoked, published }, context.options.output)
}

async fn revoke(
    session: &Session,
    gun: &Gun,
    images: &[ImageReference],
    publish: bool,
) -> Result<Vec<Revoked>, Failure> {
    let Some(image) = images.first() else { return Ok(Vec::new()) };
    let publisher = session.publisher(image.gun())?;
    let collection = publisher.client().update(gun, Offline::Never).await?;
    let mut revoked = Vec::new();
    for image in images {
        let changes = Publisher::revoke_image(&collection, image.tag().unwrap_or_default());
        let roles: Vec<String> = changes.iter().filter_map(role).collect();
        if roles.is_empty() {
            let failure = Failure::new(Exit::NoTrustData, format!("{image} is not signed; nothing was revoked"));
            return Err(failure.hint(format!("see what is: trust inspect {gun}")));
        }
        revoked.push(Revoked { name: image.to_string(), roles });
    }
    if publish {
        let changes = |collection: &_| {
            let tags = images.iter().filter_map(|image| image.tag());
            Ok(tags.flat_map(|tag| Publisher::revoke_image(collection, tag)).collect())
        };
        let published = publisher.publish_with(gun, changes).await.map_err(Failure::from);
        published.map_err(|failure| failure.while_doing(format!("cannot revoke in {gun}")))?;
    }
    Ok(revoked)
}

fn role(change: &Change) -> Option<String> {
    match change {
        Change::RemoveTarget { role, .. } => Some(role.to_string()),
        _ => None,
    }
}

impl Document for Revocation {
    fn text(&self, to: &mut dyn Write) -> io::Result<()> {
        let done = if self.published { "revoked" } else { "would revoke" };
        for image in &self.revoked {
            let roles = image.roles.join(", ");
            writeln!(to, "{done} {}, signed in {}", escape::line(&image.name), escape::line(&roles))?;
        }
        Ok(())
    }
}
