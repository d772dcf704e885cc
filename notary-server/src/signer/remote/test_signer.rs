//! A signer for tests: the signer's library behind gRPC and TLS, and the misbehaviours of real ones.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use libtrust::dialect::notary::key_id;
use libtrust::keys::PublicKey;
use libtrust::names::KeyId;
use notary_signer::keystore::MemoryKeyStore;
use notary_signer::policy::SignRequest;
use notary_signer::signer::{SignError, Signer as Keys, SignerLimits};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use signer_proto::health::health_check_response::ServingStatus;
use signer_proto::health::health_server::{Health, HealthServer};
use signer_proto::health::{HealthCheckRequest, HealthCheckResponse};
use signer_proto::proto;
use signer_proto::proto::key_management_server::{KeyManagement, KeyManagementServer};
use signer_proto::proto::signer_server::{Signer, SignerServer};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};
use tonic::{Request, Response, Status};

use super::{ClientFiles, RemoteOptions, SignerAddress, SignerTls};

/// A certificate authority with files in a folder of its own.
pub(super) struct Authority {
    pub(super) folder: tempfile::TempDir,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([]).unwrap();
        params.distinguished_name.push(DnType::CommonName, "test authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        std::fs::write(folder.path().join("ca.crt"), params.self_signed(&key).unwrap().pem()).unwrap();
        let authority = Self { folder, issuer: Issuer::new(params, key) };
        authority.issue("signer", "127.0.0.1");
        authority.issue("client", "server.example");
        authority
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn issue(&self, file: &str, name: &str) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        std::fs::write(self.path(&format!("{file}.crt")), certificate.pem()).unwrap();
        std::fs::write(self.path(&format!("{file}.key")), key.serialize_pem()).unwrap();
    }

    /// The server's side of the connection.
    pub(super) fn client(&self) -> SignerTls {
        let client = ClientFiles { certificate: self.path("client.crt"), key: self.path("client.key") };
        SignerTls { ca: Some(self.path("ca.crt")), client: Some(client) }
    }
}

/// What a signer does instead of its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Mood {
    #[default]
    Works,
    /// Takes calls and never answers.
    Hangs,
    /// Answers that it cannot serve now, also when asked for its health.
    CannotServe,
    /// Answers this often that it cannot serve now, then works.
    Recovers(u32),
    /// As Notary's signer when it cannot read its database.
    EmptyKeys,
    /// Hands out keys under a wrong id.
    WrongIds,
    /// Refuses with this code.
    Says(tonic::Code, &'static str),
}

#[derive(Clone)]
struct Service {
    keys: Arc<Keys>,
    mood: Arc<Mutex<Mood>>,
    seen: Arc<Mutex<Vec<proto::SignatureRequest>>>,
}

/// A running signer; gone when dropped.
pub(super) struct TestSigner {
    pub(super) address: SocketAddr,
    service: Service,
    /// Its own, so that ending it ends every connection too.
    runtime: Option<Runtime>,
}

impl TestSigner {
    pub(super) fn start(authority: &Authority) -> Self {
        let keys = Arc::new(Keys::new(Arc::new(MemoryKeyStore::new()), SignerLimits::default()));
        let service = Service { keys, mood: Arc::default(), seen: Arc::default() };
        let mut signer = Self { address: ([127, 0, 0, 1], 0).into(), service, runtime: None };
        signer.resume(authority);
        signer
    }

    /// Listens again after [`TestSigner::stop`], with the same keys, on the same port.
    pub(super) fn resume(&mut self, authority: &Authority) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let within = runtime.enter();
        let listener = bind(self.address);
        self.address = listener.local_addr().unwrap();
        let read = |name: &str| std::fs::read(authority.path(name)).unwrap();
        let tls = ServerTlsConfig::new()
            .identity(Identity::from_pem(read("signer.crt"), read("signer.key")))
            .client_ca_root(Certificate::from_pem(read("ca.crt")));
        let mut server = Server::builder().tls_config(tls).unwrap();
        let router = server
            .add_service(KeyManagementServer::new(self.service.clone()))
            .add_service(SignerServer::new(self.service.clone()))
            .add_service(HealthServer::new(self.service.clone()));
        let serving = router.serve_with_incoming(TcpIncoming::from(listener).with_nodelay(Some(true)));
        runtime.spawn(async move { serving.await.unwrap() });
        drop(within);
        self.runtime = Some(runtime);
    }

    /// Ends it as a kill would: connections break.
    pub(super) fn stop(&mut self) {
        self.runtime.take().unwrap().shutdown_background();
    }

    pub(super) fn mood(&self, mood: Mood) {
        *self.service.mood.lock().unwrap() = mood;
    }

    pub(super) fn seen(&self) -> Vec<proto::SignatureRequest> {
        self.service.seen.lock().unwrap().clone()
    }

    pub(super) fn at(&self) -> SignerAddress {
        SignerAddress::parse(&self.address.to_string(), None).unwrap()
    }
}

impl Drop for TestSigner {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Who listened there before may take a moment to end.
fn bind(address: SocketAddr) -> TcpListener {
    let start = std::time::Instant::now();
    loop {
        match std::net::TcpListener::bind(address) {
            Ok(listener) => {
                listener.set_nonblocking(true).unwrap();
                return TcpListener::from_std(listener).unwrap();
            }
            Err(error) => assert!(start.elapsed() < Duration::from_secs(5), "{error}"),
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

pub(super) fn options(authority: &Authority, signers: &[SignerAddress]) -> RemoteOptions {
    RemoteOptions { signers: signers.to_vec(), tls: authority.client(), timeout: Duration::from_secs(5) }
}

impl Service {
    async fn moody(&self) -> Result<(), Status> {
        let mood = *self.mood.lock().unwrap();
        match mood {
            Mood::Hangs => std::future::pending().await,
            Mood::CannotServe => Err(Status::unavailable("the database is away")),
            Mood::Recovers(0) | Mood::Works | Mood::EmptyKeys | Mood::WrongIds => Ok(()),
            Mood::Recovers(left) => {
                *self.mood.lock().unwrap() = Mood::Recovers(left - 1);
                Err(Status::unavailable("not yet"))
            }
            Mood::Says(code, text) => Err(Status::new(code, text)),
        }
    }

    fn spoil(&self, key: &mut proto::KeyInfo, public: &mut Vec<u8>) {
        let mood = *self.mood.lock().unwrap();
        if mood == Mood::EmptyKeys {
            (*key, *public) = (proto::KeyInfo::default(), Vec::new());
        }
        if mood == Mood::WrongIds {
            key.key_id = Some(proto::KeyId { id: "0".repeat(64) });
        }
    }
}

fn info(key: &PublicKey) -> proto::KeyInfo {
    proto::KeyInfo {
        key_id: Some(proto::KeyId { id: key_id(key).to_string() }),
        algorithm: Some(proto::Algorithm { algorithm: key.key_type.to_string() }),
    }
}

fn status(error: &SignError) -> Status {
    match error {
        SignError::UnknownKey(_) => Status::not_found(error.to_string()),
        SignError::Refused(_) => Status::invalid_argument(error.to_string()),
        _ => Status::unavailable(error.to_string()),
    }
}

fn name<T: std::str::FromStr>(text: &str) -> Result<T, Status> {
    text.parse().map_err(|_| Status::invalid_argument(format!("{text:?} is no name")))
}

#[tonic::async_trait]
impl KeyManagement for Service {
    async fn create_key(
        &self,
        request: Request<proto::CreateKeyRequest>,
    ) -> Result<Response<proto::PublicKey>, Status> {
        self.moody().await?;
        let proto::CreateKeyRequest { algorithm, gun, role } = request.into_inner();
        let key = self.keys.create_key(&name(&gun)?, &name(&role)?, name(&algorithm)?).await;
        let key = key.map_err(|error| status(&error))?;
        let (mut info, mut public_key) = (info(&key), key.public);
        self.spoil(&mut info, &mut public_key);
        Ok(Response::new(proto::PublicKey { key_info: Some(info), public_key }))
    }

    async fn delete_key(&self, _: Request<proto::KeyId>) -> Result<Response<proto::Void>, Status> {
        Err(Status::unimplemented("not asked for by the server"))
    }

    async fn get_key_info(
        &self,
        request: Request<proto::KeyId>,
    ) -> Result<Response<proto::GetKeyInfoResponse>, Status> {
        self.moody().await?;
        let id: KeyId = name(&request.into_inner().id)?;
        let key = self.keys.public_key(&id).await.map_err(|error| status(&error))?;
        let key = key.ok_or_else(|| Status::not_found(format!("key {id} not found")))?;
        let (mut info, mut public_key) = (info(&key), key.public);
        self.spoil(&mut info, &mut public_key);
        Ok(Response::new(proto::GetKeyInfoResponse { key_info: Some(info), public_key, role: String::new() }))
    }
}

#[tonic::async_trait]
impl Signer for Service {
    async fn sign(&self, request: Request<proto::SignatureRequest>) -> Result<Response<proto::Signature>, Status> {
        let request = request.into_inner();
        self.seen.lock().unwrap().push(request.clone());
        self.moody().await?;
        let id: KeyId = name(&request.key_id.unwrap_or_default().id)?;
        let (gun, role) = (name(&request.gun)?, name(&request.role)?);
        let asked = SignRequest { key_id: &id, gun: Some(&gun), role: Some(&role), message: &request.content };
        let signature = self.keys.sign(asked).await.map_err(|error| status(&error))?;
        let key = self.keys.public_key(&id).await.unwrap().unwrap();
        let algorithm = if key.key_type.as_str() == "ecdsa" { "ecdsa" } else { "eddsa" };
        Ok(Response::new(proto::Signature {
            key_info: Some(info(&key)),
            algorithm: Some(proto::Algorithm { algorithm: algorithm.to_owned() }),
            content: signature.bytes,
        }))
    }
}

#[tonic::async_trait]
impl Health for Service {
    async fn check(&self, _: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        let mood = *self.mood.lock().unwrap();
        let status = match mood {
            Mood::Hangs => std::future::pending().await,
            Mood::CannotServe => ServingStatus::NotServing,
            _ => ServingStatus::Serving,
        };
        Ok(Response::new(HealthCheckResponse { status: status.into() }))
    }
}

/// Writes `name` in place of what is there.
pub(super) fn overwrite(file: &Path, with: &Path) {
    std::fs::copy(with, file).unwrap();
}
