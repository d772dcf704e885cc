//! Collections that are being published: opened on a server, then signed update by update.

use anyhow::{Context, Result};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use bytes::Bytes;
use chrono::{DateTime, SubsecRound as _, Utc};
use libtrust::keys::{KeyAlgorithm, KeyType, PublicKey};
use libtrust::metadata::{Digests, Target};
use libtrust::names::RoleName;
use libtrust::testing::{Key, Publisher, file, version};
use ring::digest::{SHA256, digest};
use serde_json::Value;

use crate::client::Connection;

const BOUNDARY: &str = "trust-bench-7MA4YWxkTrZu0gW";

/// The content type of every upload.
pub const UPLOAD: &str = "multipart/form-data; boundary=trust-bench-7MA4YWxkTrZu0gW";

/// Who holds the snapshot key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SnapshotHolder {
    Client,
    Server,
}

/// The shape of a collection.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    pub tags: usize,
    pub snapshot: SnapshotHolder,
    /// Delegated roles; all of them are in every update.
    pub delegations: usize,
}

/// A file of an upload: its role and its bytes.
pub type File = (RoleName, Vec<u8>);

/// A collection whose first version is published.
pub struct Collection {
    publisher: Publisher,
    delegate: Key,
    delegated: Vec<RoleName>,
    root: Vec<u8>,
    shape: Shape,
    version: u64,
}

impl Collection {
    /// Makes the keys, asks the server for its own and publishes version 1.
    pub async fn open(connection: &mut Connection, gun: &str, shape: Shape) -> Result<Self> {
        let timestamp = server_key(connection, gun, "timestamp").await?;
        let snapshot = match shape.snapshot {
            SnapshotHolder::Client => None,
            SnapshotHolder::Server => Some(server_key(connection, gun, "snapshot").await?),
        };
        // Whole seconds: the Go server only finds again what is spelled exactly as it would spell it.
        let now: DateTime<Utc> = Utc::now().trunc_subsecs(0);
        let mut publisher = Publisher::new(gun, now, &timestamp, snapshot.as_ref());
        publisher.tag(shape.tags, 0);
        let delegate = Key::new(KeyAlgorithm::Ecdsa);
        let mut delegated = Vec::new();
        for number in 0..shape.delegations {
            let name = format!("targets/d{number:03}");
            publisher.delegate(&name, &[&delegate]);
            delegated.push(name.parse()?);
        }
        let root = publisher.root_file();
        let mut collection = Self { publisher, delegate, delegated, root, shape, version: 0 };
        let mut files = vec![(RoleName::Root, collection.root.clone())];
        files.extend(collection.next_files());
        connection.post(&collection.path(), UPLOAD, upload(&files)).await?;
        Ok(collection)
    }

    /// Where it is published, with a slash at its end.
    pub fn path(&self) -> String {
        format!("/v2/{}/_trust/tuf/", self.publisher.gun)
    }

    /// The signed files of the next update: one tag moved.
    pub fn next_files(&mut self) -> Vec<File> {
        self.version += 1;
        let gun = self.publisher.gun.to_string();
        let moved = |what: &str| Target {
            length: 528,
            digests: Digests { sha512: None, ..Digests::of(format!("{gun}/{what}/{}", self.version).as_bytes()) },
            custom: None,
        };
        self.publisher.targets.version = version(self.version);
        self.publisher.targets.targets.insert("tag-000000".to_owned(), moved("targets"));
        let mut files = vec![(RoleName::Targets, self.publisher.targets_file())];
        for role in &self.delegated {
            let mut targets = self.publisher.empty_targets(self.version);
            targets.targets.insert("tag-000000".to_owned(), moved(&role.to_string()));
            files.push((role.clone(), file(&targets, &[&self.delegate])));
        }
        if self.shape.snapshot == SnapshotHolder::Client {
            let named: Vec<(&RoleName, &[u8])> = std::iter::once((&RoleName::Root, self.root.as_slice()))
                .chain(files.iter().map(|(role, bytes)| (role, bytes.as_slice())))
                .collect();
            let snapshot = self.publisher.snapshot_file(self.version, &named);
            files.push((RoleName::Snapshot, snapshot));
        }
        files
    }
}

/// The body of an upload of these files.
pub fn upload(files: &[File]) -> Bytes {
    let mut body = Vec::with_capacity(files.iter().map(|(_, bytes)| bytes.len() + 256).sum());
    for (role, bytes) in files {
        let head = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"files\"; filename=\"{role}\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    body.into()
}

/// The hexadecimal SHA-256 by which a file is asked for.
pub fn checksum(bytes: &[u8]) -> String {
    hex::encode(digest(&SHA256, bytes))
}

/// The checksum by which a timestamp or snapshot names the file of `role`.
pub fn named_checksum(metadata: &[u8], role: &str) -> Result<String> {
    let value: Value = serde_json::from_slice(metadata)?;
    let sum = value.pointer(&format!("/signed/meta/{role}/hashes/sha256")).and_then(Value::as_str);
    Ok(hex::encode(BASE64_STANDARD.decode(sum.with_context(|| format!("no checksum of {role}"))?)?))
}

async fn server_key(connection: &mut Connection, gun: &str, role: &str) -> Result<PublicKey> {
    let body = connection.get(&format!("/v2/{gun}/_trust/tuf/{role}.key")).await?;
    let key: Value = serde_json::from_slice(&body)?;
    let text = |pointer: &str| key.pointer(pointer).and_then(Value::as_str).context("not a key");
    let public = BASE64_STANDARD.decode(text("/keyval/public")?)?;
    Ok(PublicKey::new(KeyType::from(text("/keytype")?), public))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_upload_names_each_file_by_its_role() {
        let files = [(RoleName::Root, b"{}".to_vec()), ("targets/a".parse().unwrap(), b"[]".to_vec())];
        let body = String::from_utf8(upload(&files).to_vec()).unwrap();
        assert!(body.contains("name=\"files\"; filename=\"root\"") && body.contains("filename=\"targets/a\""));
        assert!(UPLOAD.ends_with(BOUNDARY) && body.ends_with(&format!("--{BOUNDARY}--\r\n")));
    }
}
