//! tough's client. Its library is given the root that the program was shipped with, always the same; what it learns since is in
//! its data store, a folder in the metadata folder.

use anyhow::{Context, Result};
use tough::{IntoVec, RepositoryLoader, TargetName};

use crate::arguments::{Arguments, Verb};

/// Does what the arguments say.
pub async fn run(arguments: &Arguments) -> Result<()> {
    let shipped = arguments.metadata_dir.join("root.json");
    if let Verb::Init(root) = &arguments.verb {
        std::fs::copy(root, &shipped).with_context(|| format!("cannot copy {}", root.display()))?;
        return Ok(());
    }
    let root = std::fs::read(&shipped).context("no root is trusted yet")?;
    let data = arguments.metadata_dir.join("tough");
    std::fs::create_dir_all(&data)?;
    let metadata = arguments.metadata_url()?.clone();
    let repository =
        RepositoryLoader::new(&root, metadata, arguments.target_base_url()?.clone()).datastore(data).load().await?;
    if let Verb::Download = arguments.verb {
        for name in &arguments.target_names {
            let target = TargetName::new(name)?;
            let stream = repository.read_target(&target).await?.with_context(|| format!("no target {name}"))?;
            let content = stream.into_vec().await?;
            std::fs::write(arguments.target_dir()?.join(name.replace('/', "%2F")), content)?;
        }
    }
    Ok(())
}
