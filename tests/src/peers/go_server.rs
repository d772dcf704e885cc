//! Notary v1's own server, with or without its signer and a database.

use std::any::Any;
use std::path::{Path, PathBuf};

use anyhow::Result;
use serde_json::{Value, json};

use super::our_server::ready;
use super::postgres::Postgres;
use crate::ports;
use crate::process::{Process, Stop, peer};
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
    postgres.query("postgres", "CREATE DATABASE signer")?;
    postgres.query("server", include_str!("schema/server.sql"))?;
    postgres.query("signer", include_str!("schema/signer.sql"))?;
    let (signer, trust_service) = signer(folder, &postgres.url("signer"))?;
    let storage = json!({ "backend": "postgres", "db_url": postgres.url("server") });
    server(folder, &trust_service, &storage, vec![Box::new(signer), Box::new(postgres)])
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

/// Starts the Go signer and gives the server's `trust_service` section for it. Its authority is its own, in `signer/`.
fn signer(folder: &Path, db_url: &str) -> Result<(Process, Value)> {
    let port = ports::free()?;
    let own = folder.join("signer");
    std::fs::create_dir(&own)?;
    let authority = Authority::new(&own)?;
    authority.issue("signer")?;
    authority.issue("client")?;
    let config = write_config(
        &own,
        "signer.json",
        &json!({
            "server": {
                "grpc_addr": format!("127.0.0.1:{port}"),
                "tls_cert_file": "signer.crt",
                "tls_key_file": "signer.key",
                "client_ca_file": "ca.crt",
            },
            "storage": { "backend": "postgres", "db_url": db_url, "default_alias": "one" },
            "logging": { "level": "error" },
        }),
    )?;
    let mut command = peer("/usr/bin/notary-signer", Stop::Kill);
    command.arg("-config").arg(config).env("NOTARY_SIGNER_ONE", "signer-passphrase");
    let process = ready("go-notary-signer", folder, port, &mut command)?;
    let trust_service = json!({
        "type": "remote",
        "hostname": "127.0.0.1",
        "port": port.to_string(),
        "key_algorithm": "ecdsa",
        "tls_ca_file": "signer/ca.crt",
        "tls_client_cert": "signer/client.crt",
        "tls_client_key": "signer/client.key",
    });
    Ok((process, trust_service))
}

fn write_config(folder: &Path, name: &str, config: &Value) -> Result<PathBuf> {
    let path = folder.join(name);
    std::fs::write(&path, config.to_string())?;
    Ok(path)
}
