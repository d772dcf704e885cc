//! A person who publishes and reads with our library.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow};
use chrono::{DateTime, Utc};
use libtrust::client::{
    Anonymous, Changelists, Client, Collection, FileCache, FileKeyStore, FixedPassphrase, HttpOptions, HttpTransport,
    Init, KeyUse, NewKeys, Offline, PartialFile, Publication, Publisher, Rotation, SystemClock, TlsOptions,
};
use libtrust::edit::Change;
use libtrust::keys::{KeyAlgorithm, PublicKey, SigningKey};
use libtrust::metadata::{Digests, Target};
use libtrust::names::{Gun, RoleName};
use libtrust::policy::{NameRules, TrustPolicy};

use crate::trust_server::TrustServer;

/// A trust folder, a server, and what our library makes of them. Every call opens the folder anew, as a program that is
/// started again does.
pub struct Person {
    folder: PathBuf,
    server: String,
    ca: PathBuf,
    at: Option<DateTime<Utc>>,
    runtime: tokio::runtime::Runtime,
}

impl Person {
    /// Uses the trust folder at `folder` with this server.
    pub fn new(folder: impl Into<PathBuf>, server: &TrustServer) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { folder: folder.into(), server: server.url(), ca: server.ca().to_owned(), at: None, runtime })
    }

    /// The same person at another time: what they sign expires that much earlier or later.
    #[must_use]
    pub fn at(self, time: DateTime<Utc>) -> Self {
        Self { at: Some(time), ..self }
    }

    /// The trust folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn publisher(&self) -> Result<Publisher> {
        let tls = TlsOptions { ca_file: Some(self.ca.clone()), ..TlsOptions::default() };
        let options = HttpOptions { tls, ..HttpOptions::default() };
        let address = self.server.parse().map_err(|e| anyhow!("{e}"))?;
        let transport = HttpTransport::new(address, &options, Arc::new(Anonymous))?;
        let client = Client::new(Arc::new(transport), Arc::new(FileCache::new(&self.folder)));
        let client = client.with_policy(TrustPolicy::trust_on_first_use());
        let client = match self.at {
            Some(time) => client.with_clock(time),
            None => client,
        };
        let passphrases = Arc::new(FixedPassphrase::new("passphrase-of-all"));
        Ok(Publisher::new(client, Arc::new(FileKeyStore::new(&self.folder, passphrases))))
    }

    /// Begins a collection.
    pub fn init(&self, gun: &str, init: &Init) -> Result<Publication> {
        Ok(self.runtime.block_on(self.publisher()?.init(&gun.parse()?, init, &[]))?)
    }

    /// Publishes changes.
    pub fn publish(&self, gun: &str, changes: &[Change]) -> Result<Publication> {
        Ok(self.runtime.block_on(self.publisher()?.publish(&gun.parse()?, changes))?)
    }

    /// Signs `content` under a tag, in the roles the keys here can sign.
    pub fn sign(&self, gun: &str, tag: &str, content: &str) -> Result<Publication> {
        let publisher = self.publisher()?;
        let gun: Gun = gun.parse()?;
        let target = target(content);
        let plan = |collection: &Collection| publisher.sign_image(collection, tag, &target);
        Ok(self.runtime.block_on(publisher.publish_with(&gun, plan))?)
    }

    /// A certificate for this collection of the root key here, which is made if there is none.
    pub fn root_certificate(&self, gun: &str) -> Result<PublicKey> {
        let publisher = self.publisher()?;
        let root = publisher.keys().list()?.into_iter().find(|entry| entry.key_use.role == "root");
        let id = match root {
            Some(entry) => entry.id,
            None => {
                let key = SigningKey::generate(KeyAlgorithm::Ecdsa, &ring::rand::SystemRandom::new())?;
                publisher.keys().add(key, KeyUse { role: "root".to_owned(), gun: None })?.id
            }
        };
        Ok(publisher.root_certificate(&gun.parse()?, &id)?)
    }

    /// Keeps a private key, for a signer of this name.
    pub fn keep(&self, key: SigningKey, name: &str) -> Result<()> {
        self.publisher()?.keys().add(key, KeyUse { role: name.to_owned(), gun: None })?;
        Ok(())
    }

    /// Makes the files that changes lead to, signed as far as the keys here go.
    pub fn prepare(&self, gun: &str, changes: &[Change]) -> Result<Vec<PartialFile>> {
        Ok(self.runtime.block_on(self.publisher()?.prepare(&gun.parse()?, changes))?)
    }

    /// Signs a file on its way with the keys here; gives how many did.
    pub fn sign_partial(&self, file: &mut PartialFile) -> Result<usize> {
        Ok(file.sign(self.publisher()?.keys())?.len())
    }

    /// Publishes files that have all their signatures.
    pub fn publish_partials(&self, gun: &str, files: &[PartialFile]) -> Result<Publication> {
        Ok(self.runtime.block_on(self.publisher()?.publish_partials(&gun.parse()?, files))?)
    }

    /// Publishes what is staged in the folder.
    pub fn publish_staged(&self, gun: &str) -> Result<Publication> {
        let (lists, name) = (Changelists::new(&self.folder), gun.parse()?);
        let staged = lists.staged(&name)?;
        let changes: Vec<Change> = staged.iter().map(|staged| staged.change.clone()).collect();
        let publication = self.publish(gun, &changes)?;
        lists.remove(&name, &staged)?;
        Ok(publication)
    }

    /// Stages a change in the folder.
    pub fn stage(&self, gun: &str, change: &Change) -> Result<()> {
        Ok(Changelists::new(&self.folder).stage(&gun.parse()?, change, &SystemClock)?)
    }

    /// Gives a role other keys.
    pub fn rotate(&self, gun: &str, role: &RoleName, keys: &NewKeys) -> Result<Rotation> {
        Ok(self.runtime.block_on(self.publisher()?.rotate(&gun.parse()?, role, keys, None))?)
    }

    /// What is trusted now.
    pub fn update(&self, gun: &str) -> Result<Collection> {
        Ok(self.runtime.block_on(self.publisher()?.client().update(&gun.parse()?, Offline::Never))?)
    }

    /// The SHA-256 trusted under a tag, in hex.
    pub fn digest(&self, gun: &str, tag: &str) -> Result<String> {
        let image = self.update(gun)?.image(tag, &NameRules::default());
        Ok(hex::encode(image.with_context(|| format!("{gun}:{tag}"))?.digest))
    }
}

/// A target over some content, as `notary add` makes it of a file.
pub fn target(content: &str) -> Target {
    Target { length: content.len() as u64, digests: Digests::of(content.as_bytes()), custom: None }
}
