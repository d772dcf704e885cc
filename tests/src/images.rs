//! Images pushed to a registry by raw HTTP, without an engine.

use anyhow::{Context, Result};
use libtrust::names::ImageDigest;
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};

/// Media type of the manifest of one image.
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// Media type of an index of platforms.
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// What was pushed: digest and bytes.
pub struct Pushed {
    /// Digest of the manifest.
    pub digest: ImageDigest,
    /// The manifest.
    pub bytes: Vec<u8>,
}

/// Pushes by raw HTTP, with a token if there is one.
pub struct ImagePusher {
    client: Client,
    base: String,
    token: Option<String>,
}

impl ImagePusher {
    /// Pushes to `HOST/REPOSITORY`.
    pub fn new(host: &str, repository: &str, token: Option<String>) -> Result<Self> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        Ok(Self {
            client: Client::builder().no_proxy().build()?,
            base: format!("http://{host}/v2/{repository}"),
            token,
        })
    }

    async fn send(&self, request: RequestBuilder) -> Result<reqwest::Response> {
        let request = match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        Ok(request.send().await?.error_for_status()?)
    }

    async fn blob(&self, bytes: &[u8]) -> Result<ImageDigest> {
        let digest = ImageDigest::of(bytes);
        let started = self.send(self.client.post(format!("{}/blobs/uploads/", self.base))).await?;
        let place = started.headers().get("location").context("a place to upload to")?.to_str()?;
        let mut place = started.url().join(place)?;
        place.query_pairs_mut().append_pair("digest", digest.as_str());
        self.send(self.client.put(place).body(bytes.to_vec())).await?;
        Ok(digest)
    }

    /// Pushes a manifest under a tag.
    pub async fn put(&self, tag: &str, kind: &str, manifest: &Value) -> Result<Pushed> {
        let bytes = serde_json::to_vec(manifest)?;
        let request = self.client.put(format!("{}/manifests/{tag}", self.base)).header("content-type", kind);
        self.send(request.body(bytes.clone())).await?;
        Ok(Pushed { digest: ImageDigest::of(&bytes), bytes })
    }

    /// Pushes an image without layers; its digest depends on `config`.
    pub async fn image_of(&self, tag: &str, config: &[u8]) -> Result<Pushed> {
        let digest = self.blob(config).await?;
        let config = json!({ "mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest.as_str(), "size": config.len() });
        let manifest = json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [] });
        self.put(tag, MANIFEST, &manifest).await
    }

    /// Pushes the empty image under a tag.
    pub async fn image(&self, tag: &str) -> Result<Pushed> {
        self.image_of(tag, b"{}").await
    }
}

/// Pushes an image whose digest depends on `content`, for stories that do not wait themselves; gives the digest.
pub fn push(host: &str, repository: &str, tag: &str, content: &str) -> Result<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let pusher = ImagePusher::new(host, repository, None)?;
    let config = json!({ "comment": content }).to_string();
    Ok(runtime.block_on(pusher.image_of(tag, config.as_bytes()))?.digest.to_string())
}

/// Pushes an index of one image for each of these architectures; gives the digest of the index and of each image.
pub fn push_index(host: &str, repository: &str, tag: &str, architectures: &[&str]) -> Result<(String, Vec<String>)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let pusher = ImagePusher::new(host, repository, None)?;
    runtime.block_on(async {
        let (mut entries, mut digests) = (Vec::new(), Vec::new());
        for architecture in architectures {
            let pushed = pusher.image_of(&format!("{tag}-of-{architecture}"), architecture.as_bytes()).await?;
            let platform = json!({ "os": "linux", "architecture": architecture });
            let (digest, size) = (pushed.digest.as_str(), pushed.bytes.len());
            entries.push(json!({ "mediaType": MANIFEST, "digest": digest, "size": size, "platform": platform }));
            digests.push(pushed.digest.to_string());
        }
        let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": entries });
        Ok((pusher.put(tag, INDEX, &index).await?.digest.to_string(), digests))
    })
}
