//! What verbs work with: a client, a publisher, a registry, each made of the settings when it is asked for.

use std::fs;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use libtrust::client::{
    Anonymous, Cache, Client, Credential, Credentials, CredentialsRequest, DockerConfig, EnvironmentNames, FileCache,
    FileKeyStore, HttpOptions, HttpTransport, KeyStore, KeyStores, Mirrors, PassphraseChain, PassphraseDescriptor,
    PassphraseEnvironment, PassphraseFile, Passphrases, Publisher, Registry, ServerAddress, TlsOptions, Transport,
};
use libtrust::names::Gun;
use libtrust::policy::TrustPolicy;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{escape, notice};
use crate::settings::{FirstUse, PassphraseSource, Settings, Verbosity};
use crate::terminal::{AskingPassphrases, Shown, Terminal, Wording};
use crate::token;

/// The policy's name in the trust folder, where it is read if none is named.
const POLICY: &str = "policy.json";

/// One run of a command.
pub struct Session {
    settings: Settings,
    wording: Wording,
    credentials: Arc<dyn Credentials>,
    policy: Option<TrustPolicy>,
    runtime: tokio::runtime::Runtime,
}

impl Session {
    /// Begins with these settings; people are asked in the given words. Credentials are those of Docker.
    ///
    /// # Errors
    /// If Docker's configuration cannot be read, or the system gives no runtime.
    pub fn new(settings: Settings, wording: Wording) -> Result<Self, Failure> {
        let credentials = DockerConfig::load(&settings.docker_config);
        let credentials = credentials.map_err(|e| Failure::caused(Exit::Auth, &e))?;
        Self::with_credentials(settings, wording, Arc::new(credentials))
    }

    /// As [`Session::new`], with credentials of the caller's.
    ///
    /// # Errors
    /// If the system gives no runtime.
    pub fn with_credentials(
        settings: Settings,
        wording: Wording,
        credentials: Arc<dyn Credentials>,
    ) -> Result<Self, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { settings, wording, credentials, policy: None, runtime })
    }

    /// With rules that come from elsewhere than the trust folder. A policy that was named on the command line counts
    /// more.
    #[must_use]
    pub fn with_policy(self, policy: TrustPolicy) -> Self {
        Self { policy: Some(policy), ..self }
    }

    /// The settings.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Waits for something that waits for the network.
    pub fn wait<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    /// Says something that is neither the answer nor an error, unless nobody wants to hear it.
    pub fn note(&self, level: Verbosity, text: &str) {
        if self.settings.verbosity >= level {
            // Nowhere is left to say it if standard error is gone.
            let _ = std::io::Write::write_fmt(&mut anstream::stderr(), format_args!("{}\n", escape::lines(text)));
        }
    }

    /// Warns.
    pub fn warn(&self, text: &str) {
        if self.settings.verbosity >= Verbosity::Normal {
            notice::warning(text);
        }
    }

    /// The trust policy: the file that was named, else the one in the trust folder, else none, and then first use is
    /// trusted only where a person can notice.
    ///
    /// # Errors
    /// If the file cannot be read, or says something that cannot be followed.
    pub fn policy(&self) -> Result<TrustPolicy, Failure> {
        if let (Some(policy), None) = (&self.policy, &self.settings.policy) {
            return Ok(policy.clone());
        }
        let (named, path) = (&self.settings.policy, self.policy_path());
        let policy = match fs::read(&path) {
            Ok(text) => Some(parse_policy(&path, &text)?),
            Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => {
                return Err(
                    Failure::caused(Exit::Policy, &error).while_doing(format!("cannot read {}", path.display()))
                );
            }
        };
        Ok(match (policy, self.settings.first_use) {
            (policy, FirstUse::Refused) => policy.unwrap_or_default().without_first_use(),
            (None, FirstUse::RefusedUnattended) => TrustPolicy::default().without_first_use(),
            (policy, _) => policy.unwrap_or_default(),
        })
    }

    /// A client for a collection, whose registry decides which server is asked unless one is named.
    ///
    /// # Errors
    /// If settings, policy or certificates cannot be used.
    pub fn client(&self, gun: &Gun) -> Result<Client, Failure> {
        self.client_with(gun, Arc::new(self.cache()))
    }

    /// As [`Session::client`], one that remembers elsewhere.
    ///
    /// # Errors
    /// As [`Session::client`].
    pub fn client_with(&self, gun: &Gun, cache: Arc<dyn Cache>) -> Result<Client, Failure> {
        let policy = self.policy()?;
        let registry = gun.registry().unwrap_or_else(|| gun.as_str().split('/').next().unwrap_or_default());
        let server = self.transport(self.settings.server_of(registry)?.as_str())?;
        let mirrors = policy.rules(gun).mirrors.iter().map(|url| self.transport_with(url, Arc::new(Anonymous)));
        let mirrors = mirrors.collect::<Result<Vec<_>, _>>()?;
        let transport = if mirrors.is_empty() { server } else { Arc::new(Mirrors::new(server, mirrors)) };
        Ok(Client::new(transport, cache).with_policy(policy))
    }

    /// A client under the policy that reads from somewhere else than the collection's server, or remembers elsewhere.
    ///
    /// # Errors
    /// If the policy cannot be used.
    pub fn client_over(&self, transport: Arc<dyn Transport>, cache: Arc<dyn Cache>) -> Result<Client, Failure> {
        Ok(Client::new(transport, cache).with_policy(self.policy()?))
    }

    /// What was trusted before, in the trust folder.
    #[must_use]
    pub fn cache(&self) -> FileCache {
        FileCache::new(&self.settings.trust_dir)
    }

    /// Where the policy is, whether there is one or not.
    #[must_use]
    pub fn policy_path(&self) -> PathBuf {
        self.settings.policy.clone().unwrap_or_else(|| self.settings.trust_dir.join(POLICY))
    }

    /// A client that can also sign.
    ///
    /// # Errors
    /// As [`Session::client`].
    pub fn publisher(&self, gun: &Gun) -> Result<Publisher, Failure> {
        Ok(Publisher::new(self.client(gun)?, self.key_store()?))
    }

    /// Every private key that is here: those of the token, if one is named, and those in the trust folder.
    ///
    /// # Errors
    /// If the token's library cannot be used.
    pub fn key_store(&self) -> Result<Arc<dyn KeyStore>, Failure> {
        Ok(match &self.settings.token {
            Some(token) => {
                let pin = self.secret(token.pin_file.as_deref());
                Arc::new(KeyStores::new().then(token::open(token, pin)?).then(self.keys()))
            }
            None => Arc::new(self.keys()),
        })
    }

    /// A secret that is no stored key's passphrase: in a file, else asked for. The variables for stored keys are not looked
    /// at, as they hold another one.
    #[must_use]
    pub fn secret(&self, file: Option<&Path>) -> Arc<dyn Passphrases> {
        match file {
            Some(file) => Arc::new(PassphraseFile::new(file)),
            None => Arc::new(AskingPassphrases::new(Terminal::new(self.shown(), self.settings.may_ask), self.wording)),
        }
    }

    const fn shown(&self) -> Shown {
        match self.wording {
            Wording::Notary | Wording::Docker => Shown::OnStdout,
            Wording::Trust => Shown::OnStderr,
        }
    }

    /// The private keys in the trust folder.
    #[must_use]
    pub fn keys(&self) -> FileKeyStore {
        let names = match self.wording {
            Wording::Notary => EnvironmentNames::Notary,
            Wording::Docker | Wording::Trust => EnvironmentNames::Docker,
        };
        let mut passphrases = PassphraseChain::new().then(PassphraseEnvironment::new(names));
        if self.wording == Wording::Trust {
            passphrases = passphrases.then(PassphraseEnvironment::new(EnvironmentNames::Notary));
        }
        passphrases = match &self.settings.passphrases {
            PassphraseSource::Nowhere => passphrases,
            PassphraseSource::File(path) => passphrases.then(PassphraseFile::new(path)),
            PassphraseSource::Descriptor(number) => passphrases.then(PassphraseDescriptor::new(*number)),
        };
        let terminal = Terminal::new(self.shown(), self.settings.may_ask);
        let passphrases = passphrases.then_ask(AskingPassphrases::new(terminal, self.wording));
        FileKeyStore::new(&self.settings.trust_dir, Arc::new(passphrases))
    }

    /// The user's name at a registry, if they logged in with one.
    ///
    /// # Errors
    /// If credentials cannot be read.
    pub async fn user(&self, registry: &str) -> Result<Option<String>, Failure> {
        let request = CredentialsRequest { server: registry, registry };
        let found = self.credentials.credential(request).await;
        Ok(match found.map_err(|error| Failure::caused(Exit::Auth, &error))? {
            Some(Credential::Password { user, .. }) if !user.is_empty() => Some(user),
            _ => None,
        })
    }

    /// A registry, by its host as image names have it.
    ///
    /// # Errors
    /// If certificates cannot be used.
    pub fn registry(&self, host: &str) -> Result<Registry, Failure> {
        // Docker keeps certificates of registries in other places than those of trust servers.
        let folders = vec![self.settings.docker_config.join("certs.d"), PathBuf::from("/etc/docker/certs.d")];
        let options = self.http(TlsOptions { host_folders: folders, ..TlsOptions::default() });
        Registry::new(host, &options, Arc::clone(&self.credentials)).map_err(|e| Failure::caused(Exit::Failure, &e))
    }

    /// A trust server, by its address.
    ///
    /// # Errors
    /// If it is no address, or certificates cannot be used.
    pub fn transport(&self, url: &str) -> Result<Arc<dyn Transport>, Failure> {
        self.transport_with(url, Arc::clone(&self.credentials))
    }

    /// As [`Session::transport`], for looking at the server itself.
    ///
    /// # Errors
    /// As [`Session::transport`].
    pub fn http_transport(&self, url: &str) -> Result<HttpTransport, Failure> {
        self.http_transport_with(url, Arc::clone(&self.credentials))
    }

    /// A login is for the registry and its trust server. Mirrors never see it.
    fn transport_with(&self, url: &str, credentials: Arc<dyn Credentials>) -> Result<Arc<dyn Transport>, Failure> {
        Ok(Arc::new(self.http_transport_with(url, credentials)?))
    }

    fn http_transport_with(&self, url: &str, credentials: Arc<dyn Credentials>) -> Result<HttpTransport, Failure> {
        let address: ServerAddress = url.parse().map_err(|e| Failure::caused(Exit::Usage, &e))?;
        let tls = TlsOptions {
            ca_file: self.settings.tls.ca.clone(),
            host_folders: vec![self.settings.docker_config.join("tls")],
            client_certificate: self.settings.tls.client.clone(),
        };
        let transport = HttpTransport::new(address, &self.http(tls), credentials);
        transport.map_err(|e| Failure::caused(Exit::Failure, &e))
    }

    fn http(&self, tls: TlsOptions) -> HttpOptions {
        let mut options = HttpOptions { tls, ..HttpOptions::default() };
        if let Some(timeout) = self.settings.timeout {
            options.connect_time = options.connect_time.min(timeout);
            options.idle_time = options.idle_time.min(timeout);
            options.request_time = timeout;
        }
        options
    }
}

fn parse_policy(path: &Path, text: &[u8]) -> Result<TrustPolicy, Failure> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let policy = TrustPolicy::parse(text, |file| fs::read(folder.join(file)));
    policy.map_err(|error| Failure::caused(Exit::Policy, &error).while_doing(format!("policy {}", path.display())))
}
