//! What a server shows of a collection at one moment.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use ring::digest::{SHA256, digest};
use serde_json::Value;

use super::upstream::Upstream;
use crate::signing::Part;

/// Files by collection and name: current ones, those by digest, roots by version.
#[derive(Clone, Debug, Default)]
pub struct State {
    files: BTreeMap<(String, String), Vec<u8>>,
}

impl State {
    /// A state that no server ever had: these files, by role, under every name clients ask for.
    pub fn of_files(gun: &str, files: &[Part]) -> Result<Self> {
        let mut state = Self::default();
        for (role, bytes) in files {
            state.add(gun, role, bytes)?;
        }
        Ok(state)
    }

    /// This state with another file for a role, under every name clients ask for.
    pub fn with_file(mut self, gun: &str, role: &str, bytes: &[u8]) -> Result<Self> {
        self.files.retain(|(of, name), _| of != gun || role_of(name) != role);
        self.add(gun, role, bytes)?;
        Ok(self)
    }

    /// A file, as it is named in a request.
    pub fn file(&self, gun: &str, name: &str) -> Option<&[u8]> {
        self.files.get(&(gun.to_owned(), name.to_owned())).map(Vec::as_slice)
    }

    /// Follows the links from the timestamp.
    pub(super) fn seen_at(upstream: &Upstream, gun: &str) -> Result<Self> {
        let mut state = Self::default();
        let read = |name: &str| {
            let answer = upstream.get(gun, name)?;
            ensure!(answer.status == 200, "{name} of {gun}: {}", answer.status);
            Ok(answer.body)
        };
        let timestamp = read("timestamp.json")?;
        state.add(gun, "timestamp", &timestamp)?;
        let snapshot = read(&named(&timestamp, "snapshot")?)?;
        state.add(gun, "snapshot", &snapshot)?;
        let listed: Value = serde_json::from_slice(&snapshot)?;
        for role in listed["signed"]["meta"].as_object().context("a snapshot's files")?.keys() {
            state.add(gun, role, &read(&named(&snapshot, role)?)?)?;
        }
        let newest: Value = serde_json::from_slice(state.file(gun, "root.json").context("a root")?)?;
        for version in 1..newest["signed"]["version"].as_u64().context("a version")? {
            let name = format!("{version}.root.json");
            state.files.insert((gun.to_owned(), name.clone()), read(&name)?);
        }
        Ok(state)
    }

    fn add(&mut self, gun: &str, role: &str, bytes: &[u8]) -> Result<()> {
        let mut names = vec![format!("{role}.json"), format!("{role}.{}.json", hex::encode(digest(&SHA256, bytes)))];
        if role == "root" {
            let root: Value = serde_json::from_slice(bytes)?;
            names.push(format!("{}.root.json", root["signed"]["version"]));
        }
        for name in names {
            self.files.insert((gun.to_owned(), name), bytes.to_vec());
        }
        Ok(())
    }
}

/// The role a file is of: `targets/releases` for `targets/releases.HEX.json`, `root` for `2.root.json`.
pub(super) fn role_of(file: &str) -> String {
    let name = file.strip_suffix(".json").unwrap_or(file);
    let is_digest = |part: &str| part.len() == 64 && part.bytes().all(|b| b.is_ascii_hexdigit());
    match name.rsplit_once('.') {
        Some((role, part)) if is_digest(part) => role.to_owned(),
        Some((version, role)) if version.bytes().all(|b| b.is_ascii_digit()) => role.to_owned(),
        _ => name.to_owned(),
    }
}

/// The name under which one file names another.
fn named(file: &[u8], role: &str) -> Result<String> {
    let file: Value = serde_json::from_slice(file)?;
    let hash = file["signed"]["meta"][role]["hashes"]["sha256"].as_str().context("no digest")?;
    Ok(format!("{role}.{}.json", hex::encode(BASE64_STANDARD.decode(hash)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_s_name_tells_its_role() {
        let hex = "ab".repeat(32);
        for (file, role) in [
            ("root.json", "root"),
            ("12.root.json", "root"),
            (&format!("targets.{hex}.json"), "targets"),
            (&format!("targets/releases.{hex}.json"), "targets/releases"),
            ("targets/v1.2.json", "targets/v1.2"),
        ] {
            assert_eq!(role_of(file), role, "{file}");
        }
    }

    #[test]
    fn a_state_has_files_under_every_name() {
        let root = br#"{"signed":{"version":3}}"#.to_vec();
        let state = State::of_files("a/b", &[("root".to_owned(), root.clone())]).unwrap();
        let digest = hex::encode(digest(&SHA256, &root));
        for name in ["root.json".to_owned(), "3.root.json".to_owned(), format!("root.{digest}.json")] {
            assert_eq!(state.file("a/b", &name), Some(root.as_slice()), "{name}");
        }
        let other = state.with_file("a/b", "root", br#"{"signed":{"version":4}}"#).unwrap();
        assert_eq!(other.file("a/b", "3.root.json"), None);
        assert_eq!(other.file("a/c", "root.json"), None);
    }
}
