//! `trust list`: the signed tags of an image.

use std::io::{self, Write};

use clap::Args;
use libtrust::names::ImageReference;
use serde::Serialize;

use super::Context;
use super::reading::Reading;
use super::tags::{self, Tag};
use crate::failure::Failure;
use crate::output::{self, Document};
use crate::session::Session;
use crate::terminal::Wording;

/// Options of `trust list`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  trust list registry.example/team/app
  trust list --offline registry.example/team/app")]
pub struct Options {
    /// The image, with or without a tag
    #[arg(value_name = "IMAGE")]
    pub image: ImageReference,
    /// Whether a server must confirm it.
    #[command(flatten)]
    pub reading: Reading,
}

#[derive(Serialize)]
struct Listed {
    name: String,
    tags: Vec<Tag>,
}

impl Document for Listed {
    fn text(&self, to: &mut dyn Write) -> io::Result<()> {
        tags::write(&self.tags, to)
    }
}

/// Runs it.
///
/// # Errors
/// If the collection is not trusted.
pub fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let session = Session::new(context.settings()?, Wording::Trust)?;
    let gun = options.image.gun();
    let (client, collection) = options.reading.collection(&session, gun)?;
    let mut tags = tags::of(&collection, client.policy().rules(gun));
    tags.retain(|tag| options.image.tag().is_none_or(|wanted| wanted == tag.tag));
    output::print(&Listed { name: gun.to_string(), tags }, session.settings().format)
}
