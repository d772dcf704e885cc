//! The real program, its certificates, and a real gRPC client.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, dead_code, reason = "tests")]

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use serde_json::{Value, json};
use signer_proto::health::health_client::HealthClient;
use signer_proto::proto::key_management_client::KeyManagementClient;
use signer_proto::proto::signer_client::SignerClient;
use signer_proto::proto::{CreateKeyRequest, KeyId, PublicKey, Signature, SignatureRequest};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection};
use tempfile::TempDir;
use tonic::Status;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Identity};

pub const GUN: &str = "example.org/app";
const PATIENCE: Duration = Duration::from_secs(20);

/// A folder with an authority, a certificate for the signer and some for clients.
pub struct Place {
    folder: TempDir,
    issuer: Issuer<'static, KeyPair>,
}

impl Place {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = KeyPair::generate().unwrap();
        let mut params = named("test authority", &[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        std::fs::write(folder.path().join("ca.crt"), params.self_signed(&key).unwrap().pem()).unwrap();
        let place = Self { folder, issuer: Issuer::new(params, key) };
        place.issue("signer");
        place.issue("server");
        place
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Makes `NAME.crt` and `NAME.key`.
    pub fn issue(&self, name: &str) {
        let key = KeyPair::generate().unwrap();
        let certificate = named(name, &["127.0.0.1", "localhost"]).signed_by(&key, &self.issuer).unwrap();
        std::fs::write(self.path(&format!("{name}.crt")), certificate.pem()).unwrap();
        std::fs::write(self.path(&format!("{name}.key")), key.serialize_pem()).unwrap();
    }

    /// A configuration over TLS with client certificates and an SQLite file, changed by `change`.
    pub fn config(&self, change: impl FnOnce(&mut Value)) -> PathBuf {
        let mut config = json!({
            "server": {
                "grpc_addr": "127.0.0.1:0",
                "tls_cert_file": "signer.crt",
                "tls_key_file": "signer.key",
                "client_ca_file": "ca.crt",
            },
            "storage": { "backend": "sqlite3", "db_url": "keys.db", "default_alias": "main", "iterations": 1000 },
            "logging": { "level": "info" },
        });
        change(&mut config);
        let path = self.path("signer.json");
        std::fs::write(&path, config.to_string()).unwrap();
        path
    }

    pub fn start(&self) -> Running {
        self.start_with(|_| {})
    }

    pub fn start_with(&self, change: impl FnOnce(&mut Value)) -> Running {
        Running::spawn(&self.config(change), &[("NOTARY_SIGNER_MAIN", "sekrit")])
    }

    /// A connection with the certificate of `name`; without one if it is empty.
    pub async fn connect(&self, signer: &Running, name: &str) -> Result<Channel, tonic::transport::Error> {
        let read = |file: String| std::fs::read_to_string(self.path(&file)).unwrap();
        let mut tls = ClientTlsConfig::new()
            .domain_name("localhost")
            .ca_certificate(Certificate::from_pem(read("ca.crt".to_owned())));
        if !name.is_empty() {
            tls = tls.identity(Identity::from_pem(read(format!("{name}.crt")), read(format!("{name}.key"))));
        }
        let url = format!("https://{}", signer.address());
        Channel::from_shared(url).unwrap().tls_config(tls).unwrap().connect().await
    }

    pub async fn client(&self, signer: &Running, name: &str) -> Client {
        let channel = self.connect(signer, name).await.unwrap();
        Client { channel }
    }

    /// The key database, behind the signer's back.
    pub async fn database(&self) -> SqliteConnection {
        SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(self.path("keys.db"))).await.unwrap()
    }

    pub async fn sql(&self, statements: &str) {
        let mut database = self.database().await;
        sqlx::raw_sql(AssertSqlSafe(statements)).execute(&mut database).await.unwrap();
        database.close().await.unwrap();
    }

    pub async fn text(&self, query: &str) -> String {
        let mut database = self.database().await;
        sqlx::query_scalar(AssertSqlSafe(query)).fetch_one(&mut database).await.unwrap()
    }
}

fn named(name: &str, alternatives: &[&str]) -> CertificateParams {
    let alternatives: Vec<String> = alternatives.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(alternatives).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// A signer that runs; killed when dropped.
pub struct Running {
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
}

impl Running {
    pub fn spawn(config: &Path, environment: &[(&str, &str)]) -> Self {
        let mut child = command(config, environment).spawn().unwrap();
        let (stderr, log) = (BufReader::new(child.stderr.take().unwrap()), Arc::<Mutex<Vec<String>>>::default());
        let lines = Arc::clone(&log);
        std::thread::spawn(move || {
            stderr.lines().map_while(Result::ok).for_each(|line| lines.lock().unwrap().push(line))
        });
        let mut running = Self { child, log };
        eventually(|| {
            assert!(running.child.try_wait().unwrap().is_none(), "{:?}", running.log());
            running.find("listening").is_some()
        });
        running
    }

    pub fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    /// The first line with this message, as JSON.
    pub fn find(&self, message: &str) -> Option<Value> {
        self.all(message).into_iter().next()
    }

    pub fn all(&self, message: &str) -> Vec<Value> {
        let lines = self.log();
        let objects = lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        objects.filter(|line| line["msg"] == message).collect()
    }

    pub fn address(&self) -> SocketAddr {
        self.find("listening").unwrap()["address"].as_str().unwrap().parse().unwrap()
    }

    pub fn ops_address(&self) -> SocketAddr {
        self.find("listening for operators").unwrap()["address"].as_str().unwrap().parse().unwrap()
    }

    /// An answer of the operators' port: status line to body.
    pub fn ops(&self, path: &str) -> String {
        use std::io::Write;
        let mut stream = std::net::TcpStream::connect(self.ops_address()).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, name: &str) {
        assert!(Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap().success());
    }

    pub fn wait(&mut self) -> ExitStatus {
        let mut status = None;
        eventually(|| {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn command(config: &Path, environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_notary-signer"));
    command.arg("-config").arg(config).env_clear().envs(environment.iter().copied());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Waits for a condition; panics when it takes too long.
#[track_caller]
pub fn eventually(mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < PATIENCE, "it did not happen");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[derive(Clone)]
pub struct Client {
    pub channel: Channel,
}

impl Client {
    pub async fn create(&self, gun: &str, role: &str, algorithm: &str) -> Result<PublicKey, Status> {
        let request = CreateKeyRequest { algorithm: algorithm.into(), gun: gun.into(), role: role.into() };
        Ok(KeyManagementClient::new(self.channel.clone()).create_key(request).await?.into_inner())
    }

    /// The id of a new timestamp key.
    pub async fn new_key(&self) -> String {
        id_of(&self.create(GUN, "timestamp", "ecdsa").await.unwrap())
    }

    /// As Notary's server: neither GUN nor role.
    pub async fn sign(&self, id: &str, content: &[u8]) -> Result<Signature, Status> {
        let request = SignatureRequest { key_id: Some(key_id(id)), content: content.to_vec(), ..Default::default() };
        self.sign_request(request).await
    }

    pub async fn sign_request(&self, request: SignatureRequest) -> Result<Signature, Status> {
        let mut client = SignerClient::new(self.channel.clone()).max_encoding_message_size(64 << 20);
        Ok(client.sign(request).await?.into_inner())
    }

    pub async fn info(&self, id: &str) -> Result<signer_proto::proto::GetKeyInfoResponse, Status> {
        Ok(KeyManagementClient::new(self.channel.clone()).get_key_info(key_id(id)).await?.into_inner())
    }

    pub async fn delete(&self, id: &str) -> Result<(), Status> {
        KeyManagementClient::new(self.channel.clone()).delete_key(key_id(id)).await.map(|_| ())
    }

    /// 1 is serving, 2 is not.
    pub async fn health(&self, service: &str) -> Result<i32, Status> {
        let request = signer_proto::health::HealthCheckRequest { service: service.into() };
        Ok(HealthClient::new(self.channel.clone()).check(request).await?.into_inner().status)
    }
}

pub const TIMESTAMP: &[u8] = br#"{"_type":"Timestamp","version":1}"#;

pub fn key_id(id: &str) -> KeyId {
    KeyId { id: id.to_owned() }
}

pub fn id_of(key: &PublicKey) -> String {
    key.key_info.as_ref().unwrap().key_id.as_ref().unwrap().id.clone()
}

/// Each list names clients; who manages keys may delete them too.
pub fn authorize(config: &mut Value, signing: &[&str], key_management: &[&str]) {
    config["authorization"] =
        json!({ "signing": signing, "key_management": key_management, "key_deletion": key_management });
}
