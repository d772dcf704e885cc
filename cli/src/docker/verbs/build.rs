//! `docker trust build`: as `docker build`, from exactly the images that were signed.
//!
//! The Dockerfile goes to Docker on standard input, every image in it by its verified digest; `-f` points there.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Args;

use super::{Call, warn};
use crate::commands::pins::Pins;
use crate::commands::reading::Reading;
use crate::failure::Failure;
use crate::files;
use crate::references::{self, Kind};

/// The largest Dockerfile, in bytes. Nobody writes such a file by hand; a larger one would only take memory.
const MAX_FILE: u64 = 16 << 20;

/// The build argument that replaces the image that reads the Dockerfile.
const FRONTEND: &str = "BUILDKIT_SYNTAX";

/// Options of `docker trust build`. Those that change nothing about which images are used go to Docker as they are.
#[derive(Debug, Args)]
pub struct Options {
    /// Name of the Dockerfile (default: PATH/Dockerfile)
    #[arg(short, long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Name and optionally a tag
    #[arg(short, long, value_name = "NAME:TAG")]
    pub tag: Vec<String>,
    /// Set build-time variables
    #[arg(long, value_name = "NAME=VALUE")]
    pub build_arg: Vec<String>,
    /// Set the target build stage to build
    #[arg(long, value_name = "STAGE")]
    pub target: Option<String>,
    /// Set platform if server is multi-platform capable
    #[arg(long, value_name = "OS/ARCH")]
    pub platform: Option<String>,
    /// Set metadata for an image
    #[arg(long, value_name = "NAME=VALUE")]
    pub label: Vec<String>,
    /// Secret to expose to the build
    #[arg(long, value_name = "SECRET")]
    pub secret: Vec<String>,
    /// SSH agent socket or keys to expose to the build
    #[arg(long, value_name = "SSH")]
    pub ssh: Vec<String>,
    /// Output destination
    #[arg(short, long, value_name = "DESTINATION")]
    pub output: Vec<String>,
    /// Set type of progress output
    #[arg(long, value_name = "TYPE")]
    pub progress: Option<String>,
    /// Set the networking mode for the RUN instructions during build
    #[arg(long, value_name = "MODE")]
    pub network: Option<String>,
    /// Write the image ID to the file
    #[arg(long, value_name = "FILE")]
    pub iidfile: Option<String>,
    /// Do not use cache when building the image
    #[arg(long)]
    pub no_cache: bool,
    /// Suppress the build output and print image ID on success
    #[arg(short, long)]
    pub quiet: bool,
    /// The folder to build from
    #[arg(value_name = "PATH")]
    pub path: PathBuf,
}

/// Verifies every image that the Dockerfile names and builds with them. Gives the code that Docker ends with.
///
/// # Errors
/// If an image is not trusted now, a line cannot be understood, or there is no Docker.
pub fn run(options: &Options, call: &Call) -> Result<u8, Failure> {
    if !options.path.is_dir() {
        return Err(Failure::usage(format!(
            "{} is no folder: what is built must be here to be read",
            options.path.display()
        )));
    }
    let file = options.file.clone().unwrap_or_else(|| options.path.join("Dockerfile"));
    let mut ignore = file.clone().into_os_string();
    ignore.push(".dockerignore");
    if Path::new(&ignore).exists() {
        let message = format!("{} would not be read", Path::new(&ignore).display());
        return Err(Failure::usage(message).hint(format!("name it {}/.dockerignore", options.path.display())));
    }
    let text = pinned_text(&file, options, call)
        .map_err(|failure| failure.while_doing(format!("cannot build from {}", file.display())))?;
    let ended = call.engine.run(&arguments(options), Some(&text))?;
    Ok(ended.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX))
}

fn pinned_text(file: &Path, options: &Options, call: &Call) -> Result<String, Failure> {
    let text = String::from_utf8(files::read(file, MAX_FILE)?);
    let text = text.map_err(|_| Failure::usage("it is not UTF-8"))?;
    let given = options.build_arg.iter().map(|argument| {
        let (name, value) = argument.split_once('=').ok_or_else(|| {
            Failure::usage(format!("--build-arg {argument}: give its value, so that images named with it are known"))
        })?;
        if name == FRONTEND {
            return Err(Failure::usage(format!("--build-arg {FRONTEND}: nobody would verify that image"))
                .hint("name it in the Dockerfile: # syntax=IMAGE"));
        }
        Ok((name.to_owned(), value.to_owned()))
    });
    let given = given.collect::<Result<Vec<_>, Failure>>()?;
    let found = references::find(Kind::Dockerfile, &text, &given)?;
    found.remarks.iter().for_each(|remark| warn(remark));
    let session = call.session()?;
    let mut pins = Pins::new(&session, Reading::default());
    let replacements = found.references.iter().map(|reference| {
        let found = pins.trusted(&reference.image);
        let found = found.map_err(|failure| failure.while_doing(format!("line {}", reference.line)))?;
        Ok(format!("{}@{}", reference.image.gun(), found.digest_text()))
    });
    let replacements = replacements.collect::<Result<Vec<_>, Failure>>()?;
    Ok(references::replace(&text, &found.references, &replacements))
}

fn arguments(options: &Options) -> Vec<OsString> {
    let mut words: Vec<OsString> = vec!["build".into(), "--file".into(), "-".into()];
    for (name, values) in [
        ("--tag", &options.tag),
        ("--build-arg", &options.build_arg),
        ("--label", &options.label),
        ("--secret", &options.secret),
        ("--ssh", &options.ssh),
        ("--output", &options.output),
    ] {
        values.iter().for_each(|value| words.extend([name.into(), value.into()]));
    }
    for (name, value) in [
        ("--target", &options.target),
        ("--platform", &options.platform),
        ("--progress", &options.progress),
        ("--network", &options.network),
        ("--iidfile", &options.iidfile),
    ] {
        value.iter().for_each(|value| words.extend([name.into(), value.into()]));
    }
    for (name, given) in [("--no-cache", options.no_cache), ("--quiet", options.quiet)] {
        words.extend(given.then(|| name.into()));
    }
    words.extend(["--".into(), options.path.clone().into_os_string()]);
    words
}
