//! Raw HTTP to a trust server, for what no client program does: prepared uploads, reads by version.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::multipart::{Form, Part as FormPart};
use reqwest::{Certificate, Client, StatusCode};
use ring::digest::{SHA256, digest};
use serde_json::Value;

use crate::signing::{Collection, Part, SnapshotHolder};
use crate::trust_server::TrustServer;

/// A connection pool to one server. Clones share it.
#[derive(Clone, Debug)]
pub struct Wire {
    client: Client,
    base: String,
}

/// A collection's current files as the server links them, each checked against the hash that names it.
#[derive(Debug)]
pub struct CurrentFiles {
    /// Version of the timestamp.
    pub timestamp: u64,
    /// Version of the snapshot it names.
    pub snapshot: u64,
    /// Version of the targets that names.
    pub targets: u64,
}

impl Wire {
    /// Connects to a server, trusting its authority alone.
    pub fn new(server: &TrustServer) -> Result<Self> {
        // A second story in the same process finds it installed.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let ca = Certificate::from_pem(&std::fs::read(server.ca())?)?;
        let client = Client::builder().tls_certs_only([ca]).timeout(Duration::from_secs(20)).no_proxy().build()?;
        Ok(Self { client, base: server.url() })
    }

    /// GET of a path below the server's address; status and body.
    pub async fn get(&self, path: &str) -> Result<(StatusCode, Vec<u8>)> {
        let answer = self.client.get(format!("{}{path}", self.base)).send().await?;
        Ok((answer.status(), answer.bytes().await?.to_vec()))
    }

    /// DELETE of a path below the server's address; status.
    pub async fn delete(&self, path: &str) -> Result<StatusCode> {
        Ok(self.client.delete(format!("{}{path}", self.base)).send().await?.status())
    }

    /// A file of a collection, `None` if there is none.
    pub async fn file(&self, gun: &str, name: &str) -> Result<Option<Vec<u8>>> {
        let (status, body) = self.get(&format!("/v2/{gun}/_trust/tuf/{name}")).await?;
        if status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        ensure!(status == StatusCode::OK, "{name} of {gun}: {status} {}", String::from_utf8_lossy(&body));
        Ok(Some(body))
    }

    /// Uploads the parts; status and body.
    pub async fn publish(&self, gun: &str, parts: &[Part]) -> Result<(StatusCode, String)> {
        let mut form = Form::new();
        for (role, bytes) in parts {
            let part = FormPart::bytes(bytes.clone()).file_name(role.clone()).mime_str("application/octet-stream")?;
            form = form.part("files", part);
        }
        let answer = self.client.post(format!("{}/v2/{gun}/_trust/tuf/", self.base)).multipart(form).send().await?;
        Ok((answer.status(), answer.text().await?))
    }

    /// Asks for the server's keys and makes a collection with them; publishes its first files.
    pub async fn create(&self, gun: &str, holder: SnapshotHolder) -> Result<Collection> {
        let timestamp = self.key(gun, "timestamp").await?;
        let snapshot = match holder {
            SnapshotHolder::Client => None,
            SnapshotHolder::Server => Some(self.key(gun, "snapshot").await?),
        };
        let collection = Collection::new(gun, &timestamp, snapshot.as_ref())?;
        let (status, body) = self.publish(gun, &collection.first_upload()?).await?;
        ensure!(status == StatusCode::OK, "first publish of {gun}: {status} {body}");
        Ok(collection)
    }

    /// Follows the links of a collection: timestamp, snapshot by hash, root and targets by hash. Fails if one is
    /// missing or is not what was named.
    pub async fn current(&self, gun: &str) -> Result<CurrentFiles> {
        let timestamp = self.json(gun, "timestamp.json", None).await?;
        let snapshot = self.named(gun, "snapshot", &timestamp).await?;
        self.named(gun, "root", &snapshot).await?;
        let targets = self.named(gun, "targets", &snapshot).await?;
        Ok(CurrentFiles { timestamp: version(&timestamp)?, snapshot: version(&snapshot)?, targets: version(&targets)? })
    }

    async fn named(&self, gun: &str, role: &str, parent: &Value) -> Result<Value> {
        let hash = parent["signed"]["meta"][role]["hashes"]["sha256"].as_str().context("no hash")?;
        let hash = STANDARD.decode(hash)?;
        self.json(gun, &format!("{role}.{}.json", hex::encode(&hash)), Some(&hash)).await
    }

    async fn json(&self, gun: &str, name: &str, hash: Option<&[u8]>) -> Result<Value> {
        let bytes = self.file(gun, name).await?.with_context(|| format!("{gun} has no {name}"))?;
        ensure!(hash.is_none_or(|hash| digest(&SHA256, &bytes).as_ref() == hash), "{name} of {gun} is another file");
        Ok(serde_json::from_slice(&bytes)?)
    }

    /// The server's key for a role of a collection.
    pub async fn key(&self, gun: &str, role: &str) -> Result<Value> {
        let bytes = self.file(gun, &format!("{role}.key")).await?.with_context(|| format!("no {role} key"))?;
        Ok(serde_json::from_slice(&bytes)?)
    }
}

fn version(file: &Value) -> Result<u64> {
    file["signed"]["version"].as_u64().context("no version")
}
