//! Signed tags, as `trust list` and `trust inspect` show them.

use std::io::{self, Write};

use libtrust::client::Collection;
use libtrust::policy::NameRules;
use serde::Serialize;

use super::shown::Signer;
use crate::output::Table;

/// A released tag.
#[derive(Debug, Serialize)]
pub struct Tag {
    /// The tag.
    pub tag: String,
    /// What it stands for: `sha256:HEX`.
    pub digest: String,
    /// Size of the manifest in bytes.
    pub size: u64,
    /// The role that releases it.
    pub role: String,
    /// Who signed it besides.
    pub signers: Vec<Signer>,
    /// Why it is not trusted although it is released: the policy's words.
    pub refused: Option<String>,
}

/// Every released tag of a collection, by name.
pub fn of(collection: &Collection, rules: &NameRules) -> Vec<Tag> {
    let anyone = NameRules::default();
    let tags = collection.released().map(|found| {
        let image = collection.image(found.name, &anyone).ok();
        let refused = collection.image(found.name, rules).err().map(|error| error.to_string());
        Tag {
            tag: found.name.to_owned(),
            digest: image.as_ref().map(|image| image.digest_text()).unwrap_or_default(),
            size: found.target.length,
            role: found.role().to_string(),
            signers: image.iter().flat_map(|image| &image.signers).map(Signer::of).collect(),
            refused,
        }
    });
    tags.collect()
}

/// Writes tags as a table; one that the policy refuses is marked.
///
/// # Errors
/// Those of the writer.
pub fn write(tags: &[Tag], to: &mut dyn Write) -> io::Result<()> {
    let mut table = Table::new(["TAG", "DIGEST", "SIZE", "SIGNERS"]);
    for tag in tags {
        let names: Vec<&str> = tag.signers.iter().map(|signer| signer.name.as_str()).collect();
        let by = if names.is_empty() { "(repository key)".to_owned() } else { names.join(", ") };
        let by = if tag.refused.is_some() { format!("{by} - not enough for the policy") } else { by };
        table.row([tag.tag.clone(), tag.digest.clone(), tag.size.to_string(), by]);
    }
    table.write(to)
}
