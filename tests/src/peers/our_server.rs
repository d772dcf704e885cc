//! Our `notary-server`: embedded, or with a configuration file.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::signer::Signer;
use crate::ports;
use crate::process::{Process, Stop, peer};
use crate::tls::Authority;
use crate::trust_server::TrustServer;

/// A debug build makes its first keys slowly; a release build is there in a moment.
pub(crate) const START_LIMIT: Duration = Duration::from_secs(20);

/// The binary under test: `NOTARY_SERVER_BIN`, else the workspace's release build.
pub fn binary() -> Result<PathBuf> {
    let path = match std::env::var_os("NOTARY_SERVER_BIN") {
        Some(path) => PathBuf::from(path),
        None => match std::env::var_os("CARGO_TARGET_DIR") {
            Some(target) => PathBuf::from(target).join("release/notary-server"),
            None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/release/notary-server"),
        },
    };
    if !path.exists() {
        bail!("{} is missing: cargo build --release --bin notary-server", path.display());
    }
    Ok(path.canonicalize()?)
}

/// A command for our server whose home is `folder`, so that it finds nothing of the user's.
pub fn command(folder: &Path) -> Result<Command> {
    let mut command = peer(binary()?, Stop::Kill);
    command.env("HOME", folder);
    Ok(command)
}

/// Starts the embedded server: its own certificate, database and keys in `FOLDER/data`.
pub fn embedded(folder: &Path) -> Result<TrustServer> {
    let port = ports::free()?;
    let (folder, data) = (folder.to_owned(), folder.join("data"));
    TrustServer::launched(port, data.join("tls/ca.crt"), vec![], move || {
        let mut command = command(&folder)?;
        command.arg("--data-dir").arg(&data).args(["--listen", &format!("127.0.0.1:{port}")]);
        ready("notary-server", &folder, port, &mut command)
    })
}

/// Starts the server with a configuration file, as the Go server is started, on a port of our choice.
pub fn with_config(folder: &Path, config: &Path, ca: PathBuf) -> Result<TrustServer> {
    let port = ports::free()?;
    let (folder, config) = (folder.to_owned(), config.to_owned());
    TrustServer::launched(port, ca, vec![], move || {
        let mut command = command(&folder)?;
        command.arg("-config").arg(&config).env("NOTARY_SERVER_SERVER_HTTP_ADDR", format!("127.0.0.1:{port}"));
        ready("notary-server", &folder, port, &mut command)
    })
}

/// Starts the server with a signer elsewhere, collections in a file; `more` is added to its `trust_service`.
pub fn with_signer(folder: &Path, signer: &Signer, more: &[(&str, Value)]) -> Result<TrustServer> {
    let mut trust_service = signer.trust_service();
    for (key, value) in more {
        trust_service[*key] = value.clone();
    }
    configured(folder, &trust_service, &json!({ "backend": "sqlite3", "db_url": "trust.db" }))
}

/// Starts a server with these sections in its configuration, all it has in `folder`.
pub fn configured(folder: &Path, trust_service: &Value, storage: &Value) -> Result<TrustServer> {
    let file = write_config(folder, trust_service, storage, &[])?;
    with_config(folder, &file, folder.join("ca.crt"))
}

/// Starts the server with a signer elsewhere, collections where `storage` says; `more` is added to its configuration.
pub fn with_signer_and_storage(
    folder: &Path,
    signer: &Signer,
    storage: &Value,
    more: &[(&str, Value)],
) -> Result<TrustServer> {
    let file = write_config(folder, &signer.trust_service(), storage, more)?;
    with_config(folder, &file, folder.join("ca.crt"))
}

/// Writes `FOLDER/server.json`, and the certificates it names unless they are there.
pub fn write_config(folder: &Path, trust_service: &Value, storage: &Value, more: &[(&str, Value)]) -> Result<PathBuf> {
    if !folder.join("ca.crt").exists() {
        Authority::new(folder)?.issue("server")?;
    }
    let mut config = json!({
        // The port comes from the environment.
        "server": { "http_addr": "127.0.0.1:0", "tls_cert_file": "server.crt", "tls_key_file": "server.key" },
        "trust_service": trust_service,
        "storage": storage,
        "logging": { "level": "info" },
    });
    for (key, value) in more {
        config[*key] = value.clone();
    }
    let file = folder.join("server.json");
    std::fs::write(&file, config.to_string())?;
    Ok(file)
}

pub(crate) fn ready(name: &str, folder: &Path, port: u16, command: &mut Command) -> Result<Process> {
    let mut process = Process::start(name, folder, Stop::Kill, command)?;
    process.wait_until(START_LIMIT, || ports::answers(port))?;
    Ok(process)
}
