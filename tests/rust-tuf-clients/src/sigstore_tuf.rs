//! sigstore-tuf's client, with its files where the protocol wants them.

use std::io::ErrorKind;
use std::path::PathBuf;

use anyhow::{Context, Result};
use jiff::Timestamp;
use sigstore_tuf::cache::MetadataStore;
use sigstore_tuf::client::{HttpRepository, Updater};
use sigstore_tuf::{Error, TrustedMetadataSet};

use crate::arguments::{Arguments, Verb};

/// Does what the arguments say.
pub async fn run(arguments: &Arguments) -> Result<()> {
    let shipped = arguments.metadata_dir.join("root.json");
    if let Verb::Init(root) = &arguments.verb {
        let bytes = std::fs::read(root).with_context(|| format!("cannot read {}", root.display()))?;
        TrustedMetadataSet::from_root(&bytes)?;
        return Ok(std::fs::write(shipped, bytes)?);
    }
    let root = std::fs::read(&shipped).context("no root is trusted yet")?;
    let repository = HttpRepository::new(arguments.metadata_url()?.as_str())?
        .with_targets_base(arguments.target_base_url()?.as_str())?;
    let mut updater = Updater::new(repository, &root)?.with_store(Folder(arguments.metadata_dir.clone()));
    let now = Timestamp::now();
    updater.refresh(now).await?;
    if let Verb::Download = arguments.verb {
        for name in &arguments.target_names {
            let file = updater.get_target_info(name, now).await?.with_context(|| format!("no target {name}"))?;
            let content = updater.download_target(&file, name).await?;
            std::fs::write(arguments.target_dir()?.join(name.replace('/', "%2F")), content)?;
        }
    }
    Ok(())
}

/// Metadata under unversioned names in one folder; nothing else is kept.
struct Folder(PathBuf);

impl MetadataStore for Folder {
    fn load(&self, name: &str) -> sigstore_tuf::Result<Option<Vec<u8>>> {
        match std::fs::read(self.0.join(name)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::transport_with_source(format!("cannot read {name}"), error)),
        }
    }

    fn store(&self, name: &str, bytes: &[u8]) -> sigstore_tuf::Result<()> {
        if name.contains('/') {
            return Ok(());
        }
        std::fs::write(self.0.join(name), bytes)
            .map_err(|error| Error::transport_with_source(format!("cannot write {name}"), error))
    }
}
