//! Image references in other people's files: found without changing the file, replaced in place. Nothing else of the text
//! moves: comments, order, indentation and line ends stay.
//!
//! What cannot be understood is an error that names the line. A reference that is overlooked would stay unverified.

pub mod dockerfile;
pub mod yaml;

use std::ops::Range;
use std::path::Path;

use libtrust::names::ImageReference;

use crate::exit::Exit;
use crate::failure::Failure;

/// An image that a file names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// Its line, from one.
    pub line: usize,
    /// Where it stands, in bytes.
    pub place: Range<usize>,
    /// What it stands for, variables filled in.
    pub image: ImageReference,
    /// The same as its author writes it.
    pub written: String,
    /// What stands around it in the file: a quote, or nothing.
    pub quote: &'static str,
}

impl Reference {
    fn parse(line: usize, place: Range<usize>, written: String, quote: &'static str) -> Result<Self, Unclear> {
        let image = written.parse().map_err(|error| Unclear::new(line, format!("{written:?}: {error}")))?;
        Ok(Self { line, place, image, written, quote })
    }

    /// The reference as its author writes it, pinned to a digest.
    #[must_use]
    pub fn pinned(&self, digest: &str) -> String {
        let name = self.written.split('@').next().unwrap_or_default();
        format!("{name}@{digest}")
    }
}

/// A line that may name an image and cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct Unclear {
    /// The line, from one.
    pub line: usize,
    /// What is in the way.
    pub why: String,
}

impl Unclear {
    fn new(line: usize, why: impl Into<String>) -> Self {
        Self { line, why: why.into() }
    }
}

impl From<Unclear> for Failure {
    fn from(error: Unclear) -> Self {
        Self::caused(Exit::Failure, &error).hint("nothing was changed; write the image's name there as it is")
    }
}

/// What was found in a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Images, in the order in which they stand there.
    pub references: Vec<Reference>,
    /// What a reader should know: other files that are drawn in, images that are built.
    pub remarks: Vec<String>,
}

/// The kinds of file that are understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// A Dockerfile or Containerfile.
    Dockerfile,
    /// A compose file, or Kubernetes manifests: YAML, told apart by what is in it.
    Yaml,
}

impl Kind {
    /// The kind a file's name tells.
    #[must_use]
    pub fn of(path: &Path) -> Self {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("yml" | "yaml" | "json") => Self::Yaml,
            _ => Self::Dockerfile,
        }
    }
}

/// Finds the images in a text. `arguments` are build arguments, which Dockerfiles may name images with.
///
/// # Errors
/// The first line that cannot be understood.
pub fn find(kind: Kind, text: &str, arguments: &[(String, String)]) -> Result<Found, Unclear> {
    match kind {
        Kind::Dockerfile => dockerfile::find(text, arguments),
        Kind::Yaml => yaml::find(text),
    }
}

/// The text with each reference replaced; `replacements` are in the order of the references.
#[must_use]
pub fn replace(text: &str, references: &[Reference], replacements: &[String]) -> String {
    let mut result = String::with_capacity(text.len() + references.len() * 80);
    let mut end = 0;
    for (reference, replacement) in references.iter().zip(replacements) {
        result.push_str(text.get(end..reference.place.start).unwrap_or_default());
        result.push_str(reference.quote);
        result.push_str(replacement);
        result.push_str(reference.quote);
        end = reference.place.end;
    }
    result.push_str(text.get(end..).unwrap_or_default());
    result
}
