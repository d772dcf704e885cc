//! What the program does instead of serving: a file per command.

pub mod check;
pub mod collections;
pub mod gc;
pub mod migrate;

use std::sync::Arc;

use anyhow::{Context as _, bail};
use notary_server::config::{Config, PREFIX, Settings};
use notary_server::embedded::DataFolder;
use notary_server::telemetry::Metrics;
use notary_service::config::environment;
use notary_service::logs::Logs;

use crate::DEFAULT_LISTEN;
use crate::args::Arguments;
use crate::stores::{self, Stores};

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Output {
    /// For people.
    Text,
    /// An object a line.
    Json,
}

/// An open configuration, and the data folder that stands for one.
struct Opened {
    config: Config,
    metrics: Arc<Metrics>,
    _folder: Option<DataFolder>,
}

/// Finds the configuration as the server does, but makes no data folder.
fn open(arguments: &Arguments) -> anyhow::Result<Opened> {
    let metrics = Arc::new(Metrics::new());
    if let Some(file) = &arguments.config {
        let config = Config::load(file, &environment(PREFIX))?;
        Logs::start(config.settings.log_level, arguments.log_format())?;
        return Ok(Opened { config, metrics, _folder: None });
    }
    let settings = Settings::from_environment(&environment(PREFIX))?;
    Logs::start(settings.log_level, arguments.log_format())?;
    let path = arguments.data_dir.clone().map_or_else(DataFolder::default_path, Ok)?;
    if !path.is_dir() {
        bail!("{} is no data folder; name one with --data-dir, or a configuration with --config", path.display());
    }
    let listen = DEFAULT_LISTEN.into();
    let folder = DataFolder::open(&path, &listen, std::time::SystemTime::now())
        .with_context(|| format!("cannot work on {} while a server does", path.display()))?;
    Ok(Opened { config: folder.config(listen, settings), metrics, _folder: Some(folder) })
}

impl Opened {
    async fn storage(&self) -> anyhow::Result<Stores> {
        stores::open(&self.config.storage, &self.metrics).await
    }
}
