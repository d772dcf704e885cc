//! The library's way to a trust server: it reads, publishes, asks for keys and deletes, at ours and at Notary's own, with
//! and without tokens, and tells why something did not work.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, ensure};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use libtrust::client::{
    Anonymous, Credentials, DockerConfig, HttpOptions, HttpTransport, RemoteFile, TlsOptions, Transport as _,
    TransportError,
};
use libtrust::keys::PublicKey;
use libtrust::names::{Gun, RoleName};
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};
use stories::peers::token_issuer::{Rights, TokenIssuer, User};
use stories::signing::{Collection, Part};
use stories::trust_server::TrustServer;

const USERS: [User; 3] = [
    User { name: "alice", password: "alice's password", rights: Rights::All },
    User { name: "carol", password: "carol's password", rights: Rights::Push },
    User { name: "bob", password: "bob's password", rights: Rights::Pull },
];

fn open(server: &TrustServer, credentials: impl Credentials + 'static) -> Result<HttpTransport> {
    let tls = TlsOptions { ca_file: Some(server.ca().to_owned()), ..TlsOptions::default() };
    let options = HttpOptions { tls, ..HttpOptions::default() };
    Ok(HttpTransport::new(server.url().parse()?, &options, Arc::new(credentials))?)
}

/// What `docker login` would have left for the registry of the images.
fn login(folder: &Path, user: &User) -> Result<DockerConfig> {
    let folder = folder.join(user.name);
    std::fs::create_dir_all(&folder)?;
    let auth = BASE64_STANDARD.encode(format!("{}:{}", user.name, user.password));
    std::fs::write(folder.join("config.json"), json!({"auths": {"reg.example": {"auth": auth}}}).to_string())?;
    Ok(DockerConfig::load_file(&folder)?)
}

fn files(parts: Vec<Part>) -> Result<Vec<(RoleName, Vec<u8>)>> {
    parts.into_iter().map(|(role, bytes)| Ok((role.parse()?, bytes))).collect()
}

fn key_object(key: &PublicKey) -> Value {
    let public = BASE64_STANDARD.encode(&key.public);
    json!({ "keytype": key.key_type.as_str(), "keyval": { "private": null, "public": public } })
}

/// Asks for the server's keys and publishes the first files of a collection.
async fn create(transport: &HttpTransport, gun: &Gun) -> Result<Collection> {
    let timestamp = transport.server_key(gun, &RoleName::Timestamp).await?;
    let snapshot = transport.server_key(gun, &RoleName::Snapshot).await?;
    let collection = Collection::new(gun.as_str(), &key_object(&timestamp), Some(&key_object(&snapshot)))?;
    transport.publish(gun, &files(collection.first_upload()?)?).await?;
    Ok(collection)
}

async fn root(transport: &HttpTransport, gun: &Gun) -> Result<Vec<u8>, TransportError> {
    transport.fetch(gun, &RemoteFile::Current(RoleName::Root), 1 << 20).await
}

#[tokio::test]
async fn a_collection_is_published_read_changed_and_deleted() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = TrustServer::start(folder.path())?;
    let transport = open(&server, Anonymous)?;
    let gun: Gun = "reg.example/team/app".parse()?;
    ensure!(matches!(root(&transport, &gun).await, Err(TransportError::NotFound { .. })));

    let collection = create(&transport, &gun).await?;
    let current = root(&transport, &gun).await?;
    let sum = digest(&SHA256, &current).as_ref().try_into()?;
    ensure!(transport.fetch(&gun, &RemoteFile::ByDigest(RoleName::Root, sum), 1 << 20).await? == current);
    let first = RemoteFile::ByVersion(RoleName::Root, 1_u64.try_into()?);
    ensure!(transport.fetch(&gun, &first, 1 << 20).await? == current);
    let limit = current.len() as u64;
    ensure!(transport.fetch(&gun, &first, limit).await? == current);
    ensure!(matches!(transport.fetch(&gun, &first, limit - 1).await, Err(TransportError::TooLarge { .. })));

    transport.publish(&gun, &files(collection.upload(2)?)?).await?;
    let again = transport.publish(&gun, &files(collection.upload(2)?)?).await;
    ensure!(matches!(again, Err(TransportError::Conflict { .. })), "{again:?}");

    let stranger = create(&transport, &"reg.example/team/other".parse()?).await?;
    match transport.publish(&gun, &files(stranger.upload(3)?)?).await {
        Err(TransportError::Rejected { kind: Some(kind), status: 400, .. }) => {
            ensure!(kind == "ErrBadTargets", "{kind}")
        }
        other => anyhow::bail!("{other:?}"),
    }

    let before = transport.server_key(&gun, &RoleName::Timestamp).await?;
    ensure!(transport.new_server_key(&gun, &RoleName::Timestamp).await? != before);
    transport.delete(&gun).await?;
    ensure!(matches!(root(&transport, &gun).await, Err(TransportError::NotFound { .. })));
    Ok(())
}

#[tokio::test]
async fn names_with_unusual_characters_arrive_as_they_are() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = TrustServer::start(folder.path())?;
    let transport = open(&server, Anonymous)?;
    for name in ["reg.example:5000/a", "reg.example/with space/é", "reg.example/100%25/a?b#c+d&e=f", "just_one"] {
        let gun: Gun = name.parse()?;
        create(&transport, &gun).await?;
        // The root's certificate carries the name, so a server that read another one would have refused it.
        ensure!(root(&transport, &gun).await.is_ok(), "{name}");
    }
    Ok(())
}

#[tokio::test]
async fn with_tokens_everybody_gets_what_their_login_allows() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let issuer = TokenIssuer::start(folder.path(), &USERS)?;
    let config = json!({
        "server": { "http_addr": "127.0.0.1:4443", "tls_cert_file": "server.crt", "tls_key_file": "server.key" },
        "trust_service": { "type": "local" },
        "storage": { "backend": "memory" },
        "auth": { "type": "token", "options": {
            "realm": issuer.realm(), "service": "trust", "issuer": TokenIssuer::NAME, "rootcertbundle": issuer.bundle(),
        } },
    });
    let file = folder.path().join("auth.json");
    std::fs::write(&file, config.to_string())?;
    let server = TrustServer::start_with_config(folder.path(), &file)?;
    let gun: Gun = "reg.example/team/app".parse()?;
    let [alice, carol, bob] = &USERS;

    let alice = open(&server, login(folder.path(), alice)?)?;
    let collection = create(&alice, &gun).await?;
    ensure!(root(&alice, &gun).await.is_ok());

    let bob = open(&server, login(folder.path(), bob)?)?;
    ensure!(root(&bob, &gun).await.is_ok());
    let refused = bob.publish(&gun, &files(collection.upload(2)?)?).await;
    ensure!(
        matches!(refused, Err(TransportError::Unauthorized { action: "publish to", ref cause, .. }) if cause.contains("reg.example")),
        "{refused:?}"
    );

    let carol = open(&server, login(folder.path(), carol)?)?;
    carol.publish(&gun, &files(collection.upload(2)?)?).await?;
    ensure!(matches!(carol.delete(&gun).await, Err(TransportError::Unauthorized { action: "delete", .. })));

    let nobody = open(&server, Anonymous)?;
    let refused = root(&nobody, &gun).await;
    ensure!(
        matches!(refused, Err(TransportError::Unauthorized { ref cause, .. }) if cause.contains("log in to reg.example")),
        "{refused:?}"
    );
    let mallory = login(folder.path(), &User { name: "alice", password: "guessed", rights: Rights::All })?;
    let refused = root(&open(&server, mallory)?, &gun).await;
    ensure!(
        matches!(refused, Err(TransportError::Unauthorized { ref cause, .. }) if cause.contains("incorrect username")),
        "{refused:?}"
    );

    alice.delete(&gun).await?;
    ensure!(matches!(root(&bob, &gun).await, Err(TransportError::NotFound { .. })));
    Ok(())
}
