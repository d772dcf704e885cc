//! `trust resolve`: images by their verified digests, on the command line and in files. Fails closed: if one image is not
//! trusted, nothing is printed or written.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use libtrust::names::ImageReference;
use serde::Serialize;

use super::Context;
use super::pins::Pins;
use super::reading::Reading;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files;
use crate::output::{self, Document, Format, escape};
use crate::references::{self, Kind, Reference};
use crate::session::Session;
use crate::settings::{Changes, Verbosity};
use crate::terminal::Wording;

/// Largest file read, in bytes. Nobody writes such a file by hand; a larger one would only take memory.
const MAX_FILE: u64 = 16 << 20;

/// Options of `trust resolve`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  trust resolve registry.example/team/app:1.4
  trust resolve -f Dockerfile > Dockerfile.pinned
  trust resolve -f compose.yaml -f deploy.yaml --write
  trust resolve -f Dockerfile --except docker/dockerfile:1 --write")]
pub struct Options {
    /// Images
    #[arg(value_name = "IMAGE", required_unless_present = "files", conflicts_with = "files")]
    pub images: Vec<ImageReference>,
    /// A Dockerfile, compose file or Kubernetes manifest; `-` is standard input
    #[arg(short = 'f', long = "file", value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Change the files, instead of printing the text
    #[arg(long, requires = "files")]
    pub write: bool,
    /// What kind of file it is, if its name does not tell
    #[arg(long, value_enum, requires = "files")]
    pub kind: Option<Kind>,
    /// A build argument, for `FROM` lines with variables
    #[arg(long, value_name = "NAME=VALUE", requires = "files", value_parser = argument)]
    pub build_arg: Vec<(String, String)>,
    /// An image to leave as it is, unverified
    #[arg(long, value_name = "IMAGE")]
    pub except: Vec<ImageReference>,
    /// Whether a server must confirm it.
    #[command(flatten)]
    pub reading: Reading,
}

fn argument(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

#[derive(Serialize)]
struct Resolved {
    dry_run: bool,
    images: Vec<Pinned>,
    files: Vec<PinnedFile>,
}

#[derive(Serialize)]
struct Pinned {
    image: String,
    pinned: String,
    digest: String,
    /// The line of the file that names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
}

#[derive(Serialize)]
struct PinnedFile {
    file: PathBuf,
    images: Vec<Pinned>,
    written: bool,
    /// The new text, unless it was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

impl Document for Resolved {
    fn text(&self, to: &mut dyn Write) -> io::Result<()> {
        self.images.iter().try_for_each(|image| writeln!(to, "{}", image.pinned))?;
        for file in &self.files {
            match &file.text {
                // The text as it is: it is for a file or a builder.
                Some(text) if !self.dry_run => to.write_all(text.as_bytes())?,
                _ => {
                    for image in &file.images {
                        let place = escape::line(&file.file.display().to_string()).into_owned();
                        writeln!(to, "{place}:{}: {}", image.line.unwrap_or_default(), image.pinned)?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// Runs it.
///
/// # Errors
/// The first image that is not trusted, or line that cannot be understood; no file has changed then.
pub fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let session = Session::new(context.settings()?, Wording::Trust)?;
    let settings = session.settings();
    let dry_run = settings.changes == Changes::Told;
    if options.files.len() > 1 && !options.write && settings.format == Format::Table && !dry_run {
        return Err(Failure::usage("the texts of several files would run into each other").hint("--write"));
    }
    let mut pins = Pins::new(&session, options.reading);
    let mut resolved = Resolved { dry_run, images: Vec::new(), files: Vec::new() };
    for image in &options.images {
        let reference =
            Reference { line: 0, place: 0..0, image: image.clone(), written: image.familiar().to_string(), quote: "" };
        resolved.images.push(pin(&reference, options, &mut pins)?);
    }
    let mut texts = Vec::new();
    for path in &options.files {
        let (file, text) = file(path, options, &session, &mut pins)
            .map_err(|failure| failure.while_doing(format!("cannot resolve {}", path.display())))?;
        resolved.files.push(file);
        texts.push(text);
    }
    for (file, text) in resolved.files.iter_mut().zip(texts) {
        if options.write && !dry_run {
            files::replace(&file.file, text.as_bytes())?;
            file.written = true;
        } else if !options.write {
            file.text = Some(text);
        }
    }
    output::print(&resolved, settings.format)
}

fn file(
    path: &Path,
    options: &Options,
    session: &Session,
    pins: &mut Pins<'_>,
) -> Result<(PinnedFile, String), Failure> {
    let is_stdin = path == Path::new("-");
    if is_stdin && options.write {
        return Err(Failure::usage("standard input cannot be written"));
    }
    let kind = options.kind.unwrap_or_else(|| Kind::of(path));
    let text = read(path, is_stdin)?;
    let found = references::find(kind, &text, &options.build_arg)?;
    for remark in &found.remarks {
        session.warn(remark);
    }
    if found.references.is_empty() {
        session.note(Verbosity::Normal, &format!("{} names no image", path.display()));
    }
    let images = found.references.iter().map(|reference| {
        let pinned = pin(reference, options, pins);
        pinned.map_err(|failure| failure.while_doing(format!("line {}", reference.line)))
    });
    let images = images.collect::<Result<Vec<_>, _>>()?;
    let replacements: Vec<String> = images.iter().map(|image| image.pinned.clone()).collect();
    let text = references::replace(&text, &found.references, &replacements);
    Ok((PinnedFile { file: path.to_owned(), images, written: false, text: None }, text))
}

fn pin(reference: &Reference, options: &Options, pins: &mut Pins<'_>) -> Result<Pinned, Failure> {
    let line = (reference.line > 0).then_some(reference.line);
    let image = reference.written.clone();
    if options.except.contains(&reference.image) {
        return Ok(Pinned { pinned: image.clone(), image, digest: String::new(), line });
    }
    let digest = pins.trusted(&reference.image)?.digest_text();
    Ok(Pinned { image, pinned: reference.pinned(&digest), digest, line })
}

fn read(path: &Path, is_stdin: bool) -> Result<String, Failure> {
    let bytes =
        if is_stdin { files::read_bounded(&mut io::stdin().lock(), MAX_FILE)? } else { files::read(path, MAX_FILE)? };
    String::from_utf8(bytes).map_err(|_| Failure::new(Exit::Failure, "it is not UTF-8"))
}
