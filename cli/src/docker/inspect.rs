//! What `docker trust inspect` prints, as JSON and with `--pretty`, byte for byte.

use std::fmt::Write as _;
use std::io;

use serde::Serialize;
use serde_json::ser::{PrettyFormatter, Serializer};

use super::natural;
use crate::output::escape;

/// What Docker names a signature by somebody who is no named signer but holds the repository's own key.
pub const REPO_ADMIN: &str = "Repo Admin";

/// What is signed under a name, and by whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
#[serde(rename_all = "PascalCase")]
pub struct Inspected {
    /// The image as it was typed.
    pub name: String,
    /// Released tags.
    pub signed_tags: Vec<SignedTag>,
    /// Who may sign.
    pub signers: Vec<KeyHolder>,
    /// The keys above the signers.
    pub administrative_keys: Vec<KeyHolder>,
}

/// A released tag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
#[serde(rename_all = "PascalCase")]
pub struct SignedTag {
    /// The tag.
    pub signed_tag: String,
    /// SHA-256 of the manifest, in hex.
    pub digest: String,
    /// Who signed this digest, or [`REPO_ADMIN`] alone.
    pub signers: Vec<String>,
}

/// Somebody, and the keys they have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
#[serde(rename_all = "PascalCase")]
pub struct KeyHolder {
    /// A signer's name, `Root` or `Repository`.
    pub name: String,
    /// The keys.
    pub keys: Vec<Key>,
}

/// A key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub struct Key {
    /// Its id.
    #[serde(rename = "ID")]
    pub id: String,
}

/// Brings tags and signers into Docker's order: tags as people read them, signers backwards, Root first. Keys stay as the
/// metadata lists them.
pub fn sort(inspected: &mut Inspected) {
    inspected.signed_tags.sort_by(|a, b| natural::compare(&a.signed_tag, &b.signed_tag));
    inspected.signed_tags.iter_mut().for_each(|tag| tag.signers.sort());
    inspected.signers.sort_by(|a, b| b.name.cmp(&a.name));
    inspected.administrative_keys.sort_by(|a, b| b.name.cmp(&a.name));
}

/// The JSON of all images asked for that could be inspected.
///
/// # Errors
/// None in practice; those of the serializer.
pub fn json(all: &[Inspected]) -> io::Result<String> {
    let mut bytes = Vec::new();
    all.serialize(&mut Serializer::with_formatter(&mut bytes, PrettyFormatter::with_indent(b"    ")))?;
    bytes.push(b'\n');
    String::from_utf8(bytes).map_err(io::Error::other)
}

/// The pages of `--pretty`.
#[must_use]
pub fn pretty(all: &[Inspected]) -> String {
    all.iter().map(page).collect::<Vec<_>>().join("\n\n")
}

fn page(inspected: &Inspected) -> String {
    let mut text = String::new();
    let name = escape::line(&inspected.name);
    if inspected.signed_tags.is_empty() {
        let _ = writeln!(text, "\nNo signatures for {name}\n");
    } else {
        let _ = writeln!(text, "\nSignatures for {name}\n");
        let rows = inspected.signed_tags.iter().map(|tag| {
            let signers = tag.signers.join(", ");
            let signers = if signers == REPO_ADMIN { format!("({REPO_ADMIN})") } else { signers };
            vec![tag.signed_tag.clone(), tag.digest.clone(), signers]
        });
        text += &table(&["SIGNED TAG", "DIGEST", "SIGNERS"], rows);
    }
    if !inspected.signers.is_empty() {
        let _ = writeln!(text, "\nList of signers and their keys for {name}\n");
        let mut signers: Vec<_> = inspected.signers.iter().collect();
        signers.sort_by(|a, b| a.name.cmp(&b.name));
        let rows = signers.iter().map(|signer| vec![signer.name.clone(), ids(signer, 12)]);
        text += &table(&["SIGNER", "KEYS"], rows);
    }
    let _ = writeln!(text, "\nAdministrative keys for {name}\n");
    for kind in ["Repository", "Root"] {
        if let Some(holder) = inspected.administrative_keys.iter().find(|holder| holder.name == kind) {
            let _ = writeln!(text, "  {kind} Key:\t{}", ids(holder, usize::MAX));
        }
    }
    text
}

fn ids(holder: &KeyHolder, characters: usize) -> String {
    let mut ids: Vec<&str> = holder.keys.iter().map(|key| key.id.get(..characters).unwrap_or(&key.id)).collect();
    ids.sort_unstable();
    ids.join(", ")
}

/// Columns three wider than their longest cell, ten at least; nothing after the last.
fn table(headings: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut lines: Vec<Vec<String>> = vec![headings.iter().map(|&heading| heading.to_owned()).collect()];
    lines.extend(rows.map(|row| row.iter().map(|cell| escape::line(cell).into_owned()).collect()));
    let mut text = String::new();
    for row in &lines {
        let last = row.len().saturating_sub(1);
        for (column, cell) in row.iter().enumerate() {
            let widest = lines.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
            let width = if column == last { 0 } else { (widest.unwrap_or(0) + 3).max(10) };
            let _ = write!(text, "{cell:width$}");
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Docker printed for the same images, as JSON and with `--pretty`.
    macro_rules! spoken {
        ($($case:literal),*) => {
            [$((
                $case,
                include_str!(concat!("../../../fixtures/spoken/docker-28.2.2/", $case, ".out")),
                include_str!(concat!("../../../fixtures/spoken/docker-28.2.2/", $case, "-pretty.out")),
            )),*]
        };
    }

    #[test]
    fn json_and_pages_are_docker_s_byte_for_byte() {
        let cases = spoken![
            "inspect",
            "inspect-tag",
            "inspect-tag-unsigned",
            "inspect-no-signers",
            "inspect-two",
            "inspect-revoked"
        ];
        for (case, real_json, real_pages) in cases {
            let mut all: Vec<Inspected> = serde_json::from_str(real_json).unwrap();
            assert_eq!(json(&all).unwrap(), real_json, "{case}");
            assert_eq!(pretty(&all), real_pages, "{case}");

            for inspected in &mut all {
                inspected.signed_tags.reverse();
                inspected.signers.reverse();
                inspected.administrative_keys.reverse();
                sort(inspected);
            }
            assert_eq!(json(&all).unwrap(), real_json, "{case}");
        }
    }

    #[test]
    fn nothing_that_could_be_inspected_is_an_empty_list() {
        assert_eq!(json(&[]).unwrap(), include_str!("../../../fixtures/spoken/docker-28.2.2/inspect-unknown.out"));
    }
}
