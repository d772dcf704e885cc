//! What verbs that look at collections need: a client for an image's server, with the caches, logins, certificates and
//! policy of the settings.

use std::sync::Arc;

use libtrust::client::{
    Client, Collection, Confirmation, Credentials, DockerConfig, EnvironmentNames, FileCache, FileKeyStore,
    HttpOptions, HttpTransport, Offline, PassphraseChain, PassphraseEnvironment, Publisher, Registry, RootTrust,
    ServerAddress, TlsOptions,
};
use libtrust::names::{Gun, ImageReference};
use libtrust::policy::{NameRules, TrustPolicy};

use super::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::notice;
use crate::settings::{FirstUse, Settings, Verbosity};
use crate::terminal::{AskingPassphrases, Shown, Terminal, Wording};

/// More than any policy has, in bytes; the reader has its own, lower limit.
const MAX_POLICY: u64 = 4 << 20;

/// Settings, and what is opened with them.
pub struct Session {
    settings: Settings,
    policy: TrustPolicy,
    http: HttpOptions,
    credentials: Arc<dyn Credentials>,
}

impl Session {
    /// Reads settings, policy and Docker's configuration. Connects to nothing.
    ///
    /// # Errors
    /// What cannot be read or followed.
    pub fn new(context: &Context) -> Result<Self, Failure> {
        let settings = context.settings()?;
        let policy = policy(&settings)?;
        let mut http = HttpOptions {
            tls: TlsOptions {
                ca_file: settings.tls.ca.clone(),
                host_folders: vec![settings.docker_config.join("tls")],
                client_certificate: settings.tls.client.clone(),
            },
            ..HttpOptions::default()
        };
        if let Some(timeout) = settings.timeout {
            http.connect_time = http.connect_time.min(timeout);
            http.idle_time = http.idle_time.min(timeout);
            http.request_time = timeout;
        }
        let credentials = Arc::new(DockerConfig::load(&settings.docker_config)?);
        Ok(Self { settings, policy, http, credentials })
    }

    /// The rules for an image's name.
    #[must_use]
    pub fn rules(&self, image: &ImageReference) -> &NameRules {
        self.policy.rules(image.gun())
    }

    /// A client for the trust server of an image.
    ///
    /// # Errors
    /// If its address or certificates cannot be used.
    pub fn client(&self, image: &ImageReference) -> Result<Client, Failure> {
        self.client_of(image.gun())
    }

    /// A client for the trust server of a collection, which need not be an image's.
    ///
    /// # Errors
    /// As [`Session::client`].
    pub fn client_of(&self, gun: &Gun) -> Result<Client, Failure> {
        let registry = gun.registry().unwrap_or_else(|| gun.as_str());
        let address: ServerAddress = self.settings.server_of(registry)?.as_str().parse()?;
        let transport = HttpTransport::new(address, &self.http, Arc::clone(&self.credentials))?;
        let cache = FileCache::new(&self.settings.trust_dir);
        Ok(Client::new(Arc::new(transport), Arc::new(cache)).with_policy(self.policy.clone()))
    }

    /// The settings.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Somebody who changes the collection of an image with the keys that are here.
    ///
    /// # Errors
    /// As [`Session::client`].
    pub fn publisher(&self, image: &ImageReference) -> Result<Publisher, Failure> {
        Ok(Publisher::new(self.client(image)?, Arc::new(keys(&self.settings))))
    }

    /// The image's registry. The certificates named on the command line are for trust servers, not for it.
    ///
    /// # Errors
    /// If it is no host, or its certificates cannot be used.
    pub fn registry(&self, image: &ImageReference) -> Result<Registry, Failure> {
        let tls = TlsOptions { ca_file: None, client_certificate: None, ..self.http.tls.clone() };
        let http = HttpOptions { tls, ..self.http.clone() };
        Ok(Registry::new(image.registry(), &http, Arc::clone(&self.credentials))?)
    }

    /// Brings the collection of an image up to date, and says on standard error what its reader should know.
    ///
    /// # Errors
    /// Why it is not trusted, or no server could be asked.
    pub async fn collection(&self, image: &ImageReference, offline: Offline) -> Result<Collection, Failure> {
        let collection = self.client(image)?.update(image.gun(), offline).await?;
        if self.settings.verbosity >= Verbosity::Normal {
            self.say(&collection);
        }
        Ok(collection)
    }

    fn say(&self, collection: &Collection) {
        if collection.root_trust() == RootTrust::FirstUse {
            let gun = collection.gun();
            notice::warning(&format!(
                "{gun} is seen for the first time: its root key is trusted because the server shows it"
            ));
        }
        self.say_doubts(collection);
    }

    /// Says what does not count, and that nobody confirmed the rest, if so.
    pub fn say_doubts(&self, collection: &Collection) {
        let gun = collection.gun();
        if let Confirmation::Cache { cause: Some(cause), .. } = collection.confirmation() {
            notice::warning(&format!("{gun} is as it was when a server last confirmed it: {cause}"));
        }
        for aside in collection.set_aside() {
            notice::warning(&format!("{} of {gun} does not count now: {}", aside.role, aside.cause));
        }
    }
}

/// The private keys of the trust folder. Passphrases come from the environment, else from whoever is at the terminal.
#[must_use]
pub fn keys(settings: &Settings) -> FileKeyStore {
    let asking = AskingPassphrases::new(Terminal::new(Shown::OnStderr, settings.may_ask), Wording::Trust);
    let passphrases = PassphraseChain::new()
        .then(PassphraseEnvironment::new(EnvironmentNames::Docker))
        .then(PassphraseEnvironment::new(EnvironmentNames::Notary))
        .then_ask(asking);
    FileKeyStore::new(&settings.trust_dir, Arc::new(passphrases))
}

/// Runs what waits for servers. The runtime is started here and nowhere before.
///
/// # Errors
/// What the work says, or that there is no runtime.
pub fn wait_for<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::caused(Exit::Failure, &error).while_doing("cannot start"))?;
    let done = runtime.block_on(work);
    // A look-up of a name may still be under way; nobody waits for it.
    runtime.shutdown_background();
    done
}

fn policy(settings: &Settings) -> Result<TrustPolicy, Failure> {
    let policy = match &settings.policy {
        None => TrustPolicy::trust_on_first_use(),
        Some(file) => {
            let unreadable = |error: std::io::Error| {
                Failure::caused(Exit::Policy, &error).while_doing(format!("cannot read the policy {}", file.display()))
            };
            let folder = file.parent().unwrap_or(file);
            let text = bounded(file).map_err(unreadable)?;
            return TrustPolicy::parse(&text, |name| bounded(&folder.join(name)))
                .map_err(|error| Failure::from(error).while_doing(format!("cannot follow {}", file.display())))
                .map(
                    |policy| if settings.first_use == FirstUse::Refused { policy.without_first_use() } else { policy },
                );
        }
    };
    Ok(match settings.first_use {
        FirstUse::Trusted => policy,
        FirstUse::Refused | FirstUse::RefusedUnattended => policy.without_first_use(),
    })
}

fn bounded(file: &std::path::Path) -> std::io::Result<Vec<u8>> {
    use std::io::Read;
    let mut text = Vec::new();
    std::fs::File::open(file)?.take(MAX_POLICY).read_to_end(&mut text)?;
    Ok(text)
}
