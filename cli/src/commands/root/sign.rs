//! `trust root sign` and `trust root show`.

use std::path::{Path, PathBuf};

use clap::Args;
use libtrust::client::PartialFile;

use super::partial::{self, Partial, Partials};
use crate::commands::key::write;
use crate::commands::{Context, ask};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;
use crate::session::Session;
use crate::settings::Changes;
use crate::terminal::Wording;

/// Options of `trust root sign`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  trust root sign root.json
  trust root sign --to root-bob.json root.json")]
pub struct Options {
    /// Files
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// A new file to write to, instead of the same
    #[arg(long, value_name = "FILE")]
    pub to: Option<PathBuf>,
}

/// Options of `trust root show`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  trust root show root.json")]
pub struct ShowOptions {
    /// Files
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

/// Runs `trust root sign`. No network is needed.
///
/// # Errors
/// If one is no such file, no key that it wants is here, or the answer is no. Files before it are signed.
pub fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let session = Session::new(context.settings()?, Wording::Trust)?;
    if options.to.is_some() && options.files.len() > 1 {
        return Err(Failure::usage("--to names one file, and several are to be signed"));
    }
    let mut signed = Partials { files: Vec::new() };
    for file in &options.files {
        signed.files.push(one(options, &session, file)?);
    }
    output::print(&signed, session.settings().format)
}

fn one(options: &Options, session: &Session, file: &Path) -> Result<Partial, Failure> {
    options.to.as_deref().map_or(Ok(()), write::must_be_absent)?;
    let mut partial = partial::read(file)?;
    ask::sure(session, &question(file, &partial)?)?;
    let signed = partial.sign(&*session.key_store()?)?;
    if signed.is_empty() {
        let message = format!("no key that {} {} wants is here", partial.gun(), partial.role());
        return Err(Failure::new(Exit::Key, message)
            .hint("the keys it wants are shown by: trust root show; those that are here by: trust key list"));
    }
    if session.settings().changes == Changes::Made {
        let text = partial.to_text();
        match &options.to {
            Some(new) => write::new(new, text.as_bytes())?,
            None => write::replace(file, text.as_bytes())?,
        }
    }
    let mut shown = Partial::of(options.to.as_deref().unwrap_or(file), &partial)?;
    shown.signed_now = signed.iter().map(ToString::to_string).collect();
    Ok(shown)
}

/// Nobody should sign what they have not seen.
fn question(file: &Path, partial: &PartialFile) -> Result<String, Failure> {
    let mut text = Vec::new();
    Partial::of(file, partial)?.write(&mut text)?;
    Ok(format!("{}Sign this?", String::from_utf8_lossy(&text)))
}

/// Runs `trust root show`.
///
/// # Errors
/// If a file is no such file.
pub fn show(options: &ShowOptions, context: &Context) -> Result<(), Failure> {
    let shown = options.files.iter().map(|file| Partial::of(file, &partial::read(file)?));
    output::print(&Partials { files: shown.collect::<Result<_, _>>()? }, context.options.output)
}
