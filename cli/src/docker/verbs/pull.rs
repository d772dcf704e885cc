//! `docker trust pull`: what was signed, and nothing else, under the tag it was signed for.

use std::ffi::OsString;

use clap::Args;
use libtrust::names::ImageReference;

use super::{Call, say, warn};
use crate::commands::pins::Pins;
use crate::commands::reading::Reading;
use crate::failure::Failure;

/// Options of `docker trust pull`.
#[derive(Debug, Args)]
pub struct Options {
    /// Set platform if the server is multi-platform capable
    #[arg(long, value_name = "OS/ARCH")]
    pub platform: Option<String>,
    /// Suppress verbose output
    #[arg(short, long)]
    pub quiet: bool,
    /// The image
    #[arg(value_name = "IMAGE[:TAG]")]
    pub image: String,
}

/// Verifies, pulls by digest, and tags.
///
/// # Errors
/// If the image is not trusted now, or Docker fails.
pub fn run(options: &Options, call: &Call) -> Result<(), Failure> {
    let image: ImageReference = options.image.parse()?;
    let session = call.session()?;
    if image.tag().is_none() && image.digest().is_none() && !options.quiet {
        say("Using default tag: latest")?;
    }
    // A pull needs the network anyway, so a server must confirm what it is to bring.
    let found = Pins::new(&session, Reading::default()).trusted(&image)?;
    let name = image.gun();
    let by_digest = format!("{name}@{}", found.digest_text());
    let tagged = format!("{name}:{}", found.tag);
    if !options.quiet {
        say(&format!("Pull (1 of 1): {tagged}@{}", found.digest_text()))?;
    }
    let mut arguments: Vec<OsString> = vec!["pull".into()];
    arguments.extend(options.quiet.then(|| "--quiet".into()));
    if let Some(platform) = &options.platform {
        arguments.extend(["--platform".into(), platform.into()]);
    }
    arguments.push((&by_digest).into());
    call.engine.must(&arguments)?;
    if image.digest().is_some() {
        return Ok(());
    }
    if !options.quiet {
        warn(&format!("Tagging {by_digest} as {tagged}"));
    }
    call.engine.must(&["tag".into(), by_digest.into(), (&tagged).into()])?;
    say(&tagged)
}
