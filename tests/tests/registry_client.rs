//! The library asks a real registry which manifest a tag means: without TLS on loopback as Docker does, with and without
//! tokens, for single images and for indexes.

use std::sync::Arc;

use anyhow::{Result, ensure};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use libtrust::client::{Anonymous, Credentials, DockerConfig, HttpOptions, Registry, RegistryError};
use libtrust::names::ImageReference;
use reqwest::Client;
use serde_json::{Value, json};
use stories::images::{INDEX, ImagePusher, MANIFEST};
use stories::peers::registry::Registry as RegistryPeer;
use stories::peers::token_issuer::{Rights, TokenIssuer, User};

fn open(host: &str, credentials: impl Credentials + 'static) -> Result<Registry> {
    Ok(Registry::new(host, &HttpOptions::default(), Arc::new(credentials))?)
}

#[tokio::test]
async fn tags_digests_and_indexes_are_resolved() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let peer = RegistryPeer::start(folder.path())?;
    let push = ImagePusher::new(&peer.host(), "team/app", None)?;
    let pushed = push.image("v1").await?;
    let platform = json!({ "os": "linux", "architecture": "arm64", "variant": "v8" });
    let entry = json!({
        "mediaType": MANIFEST, "digest": pushed.digest.as_str(), "size": pushed.bytes.len(), "platform": platform,
    });
    let index =
        push.put("multi", INDEX, &json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [entry] })).await?;

    let registry = open(&peer.host(), Anonymous)?;
    let image: ImageReference = format!("{}:v1", peer.repository("team/app")).parse()?;
    let found = registry.resolve(&image).await?;
    ensure!(found.digest == pushed.digest && found.size == pushed.bytes.len() as u64 && found.media_type == MANIFEST);
    ensure!(!found.is_index() && registry.platforms(&image).await?.is_empty());
    let manifest = registry.manifest(&image.with_digest(pushed.digest.clone())).await?;
    ensure!(manifest.bytes == pushed.bytes && manifest.descriptor == found);

    let multi = image.with_tag("multi")?;
    let found = registry.resolve(&multi).await?;
    ensure!(found.digest == index.digest && found.is_index());
    let platforms = registry.platforms(&multi).await?;
    ensure!(platforms.len() == 1 && platforms[0].descriptor.digest == pushed.digest);
    ensure!(platforms[0].platform.as_ref().is_some_and(|platform| platform.to_string() == "linux/arm64/v8"));

    let missing = registry.resolve(&image.with_tag("v2")?).await;
    ensure!(matches!(missing, Err(RegistryError::NotFound { .. })), "{missing:?}");
    Ok(())
}

#[tokio::test]
async fn a_login_is_shown_to_a_registry_that_wants_one() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let user = User { name: "bob", password: "bob's password", rights: Rights::Push };
    let issuer = TokenIssuer::start(folder.path(), std::slice::from_ref(&user))?;
    let peer = RegistryPeer::start_with_tokens(folder.path(), &issuer)?;
    let client = Client::builder();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let asked = client.no_proxy().build()?;
    let asked = asked
        .get(format!("{}?service=registry&scope=repository:team/app:push,pull", issuer.realm()))
        .basic_auth(user.name, Some(user.password));
    let token: Value = serde_json::from_slice(&asked.send().await?.bytes().await?)?;
    let push = ImagePusher::new(&peer.host(), "team/app", token["token"].as_str().map(str::to_owned))?;
    let pushed = push.image("v1").await?;

    let image: ImageReference = format!("{}:v1", peer.repository("team/app")).parse()?;
    let auth = BASE64_STANDARD.encode(format!("{}:{}", user.name, user.password));
    let auths = json!({ "auths": { peer.host(): { "auth": auth } } });
    std::fs::write(folder.path().join("config.json"), auths.to_string())?;
    let registry = open(&peer.host(), DockerConfig::load_file(folder.path())?)?;
    ensure!(registry.resolve(&image).await?.digest == pushed.digest);
    ensure!(registry.manifest(&image).await?.bytes == pushed.bytes);

    let refused = open(&peer.host(), Anonymous)?.resolve(&image).await;
    ensure!(
        matches!(refused, Err(RegistryError::Unauthorized { ref cause, .. }) if cause.contains("docker login")),
        "{refused:?}"
    );
    Ok(())
}
