//! What `refresh` and `download` read with. They need no home folder, no login and no certificates before a server shows
//! one: a process for each step must start at once.

use std::path::PathBuf;
use std::sync::Arc;

use libtrust::client::tuf::{FolderSource, FolderStore, HttpSource, RepositoryClient, RepositoryLimits, Source};
use libtrust::client::{HttpOptions, TlsOptions};

use super::client_options::{ClientOptions, needed};
use crate::commands::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::settings::GlobalOptions;

/// A client of one repository, and what it remembers in.
pub struct Reader {
    /// The client.
    pub client: RepositoryClient,
    /// Where the repository is.
    pub source: Arc<dyn Source>,
    /// What is trusted.
    pub store: Arc<FolderStore>,
}

impl Reader {
    /// Prepares to read what the options name.
    ///
    /// # Errors
    /// If one is missing or is no address, or certificates cannot be used.
    pub fn new(options: &ClientOptions, context: &Context) -> Result<Self, Failure> {
        let metadata = needed(options.metadata_url.as_ref(), "--metadata-url")?;
        let source = source(&metadata, options.target_base_url.as_deref(), &context.options)?;
        let store = Arc::new(FolderStore::new(needed(options.metadata_dir.as_ref(), "--metadata-dir")?));
        let client = RepositoryClient::new(Arc::clone(&source), store.clone(), RepositoryLimits::default());
        Ok(Self { client, source, store })
    }
}

/// A repository at an address or in a folder.
///
/// # Errors
/// If it is no address, or certificates cannot be used.
pub fn source(metadata: &str, targets: Option<&str>, options: &GlobalOptions) -> Result<Arc<dyn Source>, Failure> {
    if let Some(folder) = folder(metadata) {
        let targets = match targets.map(|targets| (targets, self::folder(targets))) {
            Some((_, Some(folder))) => Some(folder),
            Some((url, None)) => {
                return Err(Failure::usage(format!("metadata in a folder and targets at {url} do not go together")));
            }
            None => None,
        };
        return Ok(Arc::new(FolderSource::new(folder, targets)));
    }
    let targets = targets.map(|url| url.parse().map_err(|error| named("--target-base-url", error))).transpose()?;
    let metadata = metadata.parse().map_err(|error| named("--metadata-url", error))?;
    Ok(Arc::new(HttpSource::new(metadata, targets, &http(options))?))
}

fn named(option: &str, error: libtrust::client::tuf::InvalidBaseUrl) -> Failure {
    Failure::from(error).while_doing(format!("{option} cannot be used"))
}

/// The folder that an address names, if it names one.
pub fn folder(address: &str) -> Option<PathBuf> {
    match address.split_once("://") {
        Some(("file", path)) => Some(PathBuf::from(path)),
        Some(_) => None,
        None => Some(PathBuf::from(address)),
    }
}

/// How repositories are spoken to.
pub fn http(options: &GlobalOptions) -> HttpOptions {
    let tls = TlsOptions {
        ca_file: options.tlscacert.clone(),
        client_certificate: options.tlscert.clone().zip(options.tlskey.clone()),
        ..TlsOptions::default()
    };
    let mut http = HttpOptions { tls, ..HttpOptions::default() };
    if let Some(timeout) = options.timeout {
        http.connect_time = http.connect_time.min(timeout);
        http.idle_time = http.idle_time.min(timeout);
        http.request_time = timeout;
    }
    http
}

/// Waits for what waits for the network.
///
/// # Errors
/// If the system gives no runtime.
pub fn wait<T>(future: impl Future<Output = T>) -> Result<T, Failure> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(future))
}

/// Clients that are driven by other programs end with 0 or 1.
#[must_use]
pub fn plain_exit(failure: Failure) -> Failure {
    failure.ending(Exit::Failure)
}
