//! Notary v1's own server, with or without its signer and a database.

use std::any::Any;
use std::path::{Path, PathBuf};

use anyhow::Result;
use serde_json::{Value, json};

use super::go_signer;
use super::our_server::ready;
use super::postgres::Postgres;
use super::signer::{Signer, SignerKind};
use crate::ports;
use crate::process::{Stop, peer};
use crate::tls::Authority;
use crate::trust_server::TrustServer;

/// The Go server over TLS, everything in memory.
pub fn in_memory(folder: &Path) -> Result<TrustServer> {
    server(folder, &json!({ "type": "local" }), &json!({ "backend": "memory" }), vec![])
}

/// The Go server and its signer over TLS, both on one PostgreSQL.
pub fn with_signer_and_postgres(folder: &Path) -> Result<TrustServer> {
    let postgres = Postgres::start(folder)?;
    postgres.query("postgres", "CREATE DATABASE server")?;
    postgres.query("server", include_str!("schema/server.sql"))?;
    let signer = Signer::start_durable(SignerKind::Go, folder, || go_signer::database(&postgres))?;
    let trust_service = signer.trust_service();
    let storage = json!({ "backend": "postgres", "db_url": postgres.url("server") });
    server(folder, &trust_service, &storage, vec![Box::new(signer), Box::new(postgres)])
}

/// The Go server over TLS with a signer elsewhere, collections in memory.
pub fn with_signer(folder: &Path, signer: &Signer) -> Result<TrustServer> {
    server(folder, &signer.trust_service(), &json!({ "backend": "memory" }), vec![])
}

/// The Go server over TLS with a signer elsewhere, collections where `storage` says.
pub fn with_signer_and_storage(folder: &Path, signer: &Signer, storage: &Value) -> Result<TrustServer> {
    server(folder, &signer.trust_service(), storage, vec![])
}

/// The Go server with a configuration file, on a port of our choice.
pub fn with_config(folder: &Path, config: &Path, ca: PathBuf) -> Result<TrustServer> {
    launch(folder, config, ca, ports::free()?, vec![])
}

fn server(
    folder: &Path,
    trust_service: &Value,
    storage: &Value,
    companions: Vec<Box<dyn Any + Send + Sync>>,
) -> Result<TrustServer> {
    let port = ports::free()?;
    let authority = Authority::new(folder)?;
    authority.issue("server")?;
    let config = write_config(
        folder,
        "server.json",
        &json!({
            "server": {
                "http_addr": format!("127.0.0.1:{port}"),
                "tls_cert_file": "server.crt",
                "tls_key_file": "server.key",
            },
            "trust_service": trust_service,
            "storage": storage,
            "logging": { "level": "error" },
        }),
    )?;
    launch(folder, &config, authority.certificate(), port, companions)
}

fn launch(
    folder: &Path,
    config: &Path,
    ca: PathBuf,
    port: u16,
    companions: Vec<Box<dyn Any + Send + Sync>>,
) -> Result<TrustServer> {
    let (folder, config) = (folder.to_owned(), config.to_owned());
    TrustServer::launched(port, ca, companions, move || {
        let mut command = peer("/usr/bin/notary-server", Stop::Kill);
        command.arg("-config").arg(&config).env("NOTARY_SERVER_SERVER_HTTP_ADDR", format!("127.0.0.1:{port}"));
        ready("go-notary-server", &folder, port, &mut command)
    })
}

fn write_config(folder: &Path, name: &str, config: &Value) -> Result<PathBuf> {
    let path = folder.join(name);
    std::fs::write(&path, config.to_string())?;
    Ok(path)
}
