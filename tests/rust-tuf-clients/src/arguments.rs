//! The command line that all clients share.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use url::Url;

/// What a client is to do.
pub enum Verb {
    /// Trust this root.
    Init(PathBuf),
    /// Bring the top-level metadata up to date.
    Refresh,
    /// The same, and get the targets.
    Download,
}

/// A parsed command line.
pub struct Arguments {
    pub verb: Verb,
    pub metadata_dir: PathBuf,
    metadata_url: Option<Url>,
    pub target_names: Vec<String>,
    target_dir: Option<PathBuf>,
    target_base_url: Option<Url>,
}

impl Arguments {
    /// Reads options and words in any order.
    pub fn parse(mut words: impl Iterator<Item = String>) -> Result<Self> {
        let (mut metadata_dir, mut metadata_url, mut target_dir, mut target_base_url) = (None, None, None, None);
        let (mut target_names, mut plain) = (Vec::new(), Vec::new());
        while let Some(word) = words.next() {
            let mut value = || words.next().with_context(|| format!("{word} needs a value"));
            match word.as_str() {
                "--metadata-dir" => metadata_dir = Some(PathBuf::from(value()?)),
                "--metadata-url" => metadata_url = Some(base(&value()?)?),
                "--target-name" => target_names.push(value()?),
                "--target-dir" => target_dir = Some(PathBuf::from(value()?)),
                "--target-base-url" => target_base_url = Some(base(&value()?)?),
                _ if word.starts_with('-') => bail!("no option is called {word}"),
                _ => plain.push(word),
            }
        }
        let verb = match plain.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["init", root] => Verb::Init(PathBuf::from(root)),
            ["refresh"] => Verb::Refresh,
            ["download"] => Verb::Download,
            _ => bail!("say init ROOT, refresh or download"),
        };
        let metadata_dir = metadata_dir.context("--metadata-dir is missing")?;
        Ok(Self { verb, metadata_dir, metadata_url, target_names, target_dir, target_base_url })
    }

    pub fn metadata_url(&self) -> Result<&Url> {
        self.metadata_url.as_ref().context("--metadata-url is missing")
    }

    pub fn target_dir(&self) -> Result<&PathBuf> {
        self.target_dir.as_ref().context("--target-dir is missing")
    }

    /// Where targets are; refreshing does not need to be told.
    pub fn target_base_url(&self) -> Result<&Url> {
        match (&self.target_base_url, &self.verb) {
            (Some(url), _) => Ok(url),
            (None, Verb::Download) => bail!("--target-base-url is missing"),
            (None, _) => self.metadata_url(),
        }
    }
}

/// A base URL, with the slash at its end that joining wants.
fn base(text: &str) -> Result<Url> {
    let slash = if text.ends_with('/') { "" } else { "/" };
    Url::parse(&format!("{text}{slash}")).with_context(|| format!("not a URL: {text}"))
}
