//! The trust server: arguments, configuration, wiring.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod args;
mod commands;
mod service;
mod stores;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::{Context, bail};
use notary_server::auth::TokenAuth;
use notary_server::config::{Config, PREFIX, Settings, TlsFiles};
use notary_server::embedded::{DataFolder, Greeting, provision};
use notary_server::routes::Api;
use notary_server::routes::ops::Ops;
use notary_server::telemetry::{Metrics, Observed};
use notary_service::config::environment;
use notary_service::listen::{self, Drained, ListenAddress, Listening, Stop, Tls};
use notary_service::logs::{Logs, last_words};
use notary_service::{probe, supervisor};

use args::{Arguments, Command, ConfigCommand};
use service::Service;

fn main() -> ExitCode {
    let arguments = Arguments::read();
    let format = arguments.log_format();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            last_words(format, &format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<()> {
    if arguments.version {
        println!("notary-server {}", env!("CARGO_PKG_VERSION"));
        return Ok(());
    }
    if arguments.bootstrap {
        bail!("store does not support bootstrapping: it makes what it needs by itself; leave -bootstrap out");
    }
    // Several libraries could bring a provider; this is the one.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        bail!("a cryptography provider was installed before main");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start threads")?;
    let result = match &arguments.command {
        None => runtime.block_on(start(arguments)),
        Some(Command::Config(ConfigCommand::Check)) => check(arguments),
        Some(Command::Healthcheck) => runtime.block_on(ask_for_health(arguments)),
        Some(Command::Provision { out, names, export_ca }) => make_secrets(out, names, export_ca.as_deref()),
        Some(Command::Migrate { dry_run, leave_notary }) => {
            runtime.block_on(commands::migrate::run(arguments.config.as_deref(), *dry_run, *leave_notary))
        }
        Some(Command::Gc(options)) => runtime.block_on(commands::gc::run(arguments, options)),
        Some(Command::Collections) => runtime.block_on(commands::collections::run(arguments)),
        Some(Command::Check(options)) => runtime.block_on(commands::check::run(arguments, options)),
    };
    // Whatever still runs was given its time.
    runtime.shutdown_background();
    result
}

/// Prints the configuration in force after reading everything it names.
fn check(arguments: &Arguments) -> anyhow::Result<()> {
    let Some(file) = &arguments.config else { bail!("config check needs a file: --config FILE") };
    let config = Config::load(file, &environment(PREFIX))?;
    tls(&config)?;
    service::check_files(&config)?;
    for warning in &config.settings.warnings {
        eprintln!("warning: {warning}");
    }
    println!("{:#}", config.effective());
    Ok(())
}

/// Asks the running server, as its configuration says it listens.
async fn ask_for_health(arguments: &Arguments) -> anyhow::Result<()> {
    let (listen, tls) = match &arguments.config {
        Some(file) => {
            let config = Config::load(file, &environment(PREFIX))?;
            (config.server.http_addr, config.server.tls)
        }
        None => (ListenAddress::from(DEFAULT_LISTEN), Some(embedded_tls())),
    };
    let listen = arguments.listen.clone().unwrap_or(listen);
    match probe::ask(&listen, tls.as_ref(), "/_notary_server/health").await? {
        Some(health) => println!("{health}"),
        None => println!("listening; health is not told without a client certificate"),
    }
    Ok(())
}

/// Without client certificates nothing is read from these files.
fn embedded_tls() -> TlsFiles {
    TlsFiles { certificate: PathBuf::new(), key: PathBuf::new(), client_ca: None }
}

fn make_secrets(out: &Path, names: &[String], export_ca: Option<&Path>) -> anyhow::Result<()> {
    let authority = provision(out, names, SystemTime::now())?;
    if let Some(file) = export_ca {
        std::fs::copy(&authority, file).with_context(|| format!("cannot write {}", file.display()))?;
    }
    println!("{}", export_ca.unwrap_or(&authority).display());
    Ok(())
}

/// Finds the configuration, or the data folder that stands for one, and serves.
async fn start(arguments: &Arguments) -> anyhow::Result<()> {
    if let Some(file) = &arguments.config {
        let mut config = Config::load(file, &environment(PREFIX))?;
        if let Some(listen) = &arguments.listen {
            config.server.http_addr = listen.clone();
        }
        let logs = Logs::start(config.settings.log_level, arguments.log_format())?;
        warn_about(&config, arguments);
        return serve(config, None, logs).await;
    }
    let settings = Settings::from_environment(&environment(PREFIX))?;
    let logs = Logs::start(settings.log_level, arguments.log_format())?;
    let listen = arguments.listen.clone().unwrap_or_else(|| ListenAddress::from(DEFAULT_LISTEN));
    let path = arguments.data_dir.clone().map_or_else(DataFolder::default_path, Ok)?;
    let folder = DataFolder::open(&path, &listen, SystemTime::now())?;
    let config = folder.config(listen, settings);
    warn_about(&config, arguments);
    serve(config, Some(folder), logs).await
}

const DEFAULT_LISTEN: std::net::SocketAddr =
    std::net::SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 4443);

/// Serves until a signal, then drains.
async fn serve(config: Config, folder: Option<DataFolder>, logs: Logs) -> anyhow::Result<()> {
    let mut stop = listen::stop_signals().context("cannot take over signals")?;
    let tls = tls(&config)?;
    let mut metrics = Metrics::new();
    if let Some(tls) = &tls {
        metrics.watch_certificate(tls.clone());
    }
    let metrics = Arc::new(metrics);
    let service = Service::open(&config, &metrics).await?;
    let mut checks = service.checks();
    checks.extend(tls.clone().map(service::certificate_check));
    let ops = Arc::new(Ops::new(checks, metrics.clone()));
    let application = Arc::new(Observed::new(Arc::new(Api::new(service.app.clone(), ops.clone()))));

    let address = &config.server.http_addr;
    let listeners = address.bind().await.with_context(|| format!("cannot listen on {address}"))?;
    let limits = listen::Limits::from(&config.settings.limits);
    let listening = listen::serve(listeners, tls.clone(), limits, application);
    ops.set_ready(true);
    let authority = folder.as_ref().map(DataFolder::authority_certificate);
    // Signals first: who reads the announcement may send one.
    keep(folder, tls, service.auth.clone(), logs)?;
    service.keep_auth_fresh();
    service.keep_renewing(config.settings.renewal.interval, &metrics);
    announce(&config, authority.as_deref(), &listening)?;
    supervisor::ready();
    tokio::spawn(supervisor::watchdog());
    stop.next().await;
    supervisor::stopping();
    ops.set_ready(false);
    drain(listening, stop).await?;
    service.close().await;
    Ok(())
}

/// What runs beside the requests: reloads, renewals, log levels.
fn keep(folder: Option<DataFolder>, tls: Option<Tls>, auth: Option<Arc<TokenAuth>>, logs: Logs) -> anyhow::Result<()> {
    tokio::spawn(logs.follow_signals().context("cannot take over signals")?);
    let reloaded = tls.clone();
    let reload = move || {
        supervisor::reloading();
        if let Some(auth) = &auth {
            auth.reload();
        }
        if let Some(tls) = &reloaded {
            tls.reload_and_log();
        }
        supervisor::ready();
    };
    tokio::spawn(listen::hangups(reload).context("cannot take over signals")?);
    let Some(tls) = tls else { return Ok(()) };
    if let Some(folder) = folder {
        let tls = tls.clone();
        tokio::spawn(async move { folder.keep_certificate_fresh(&tls).await });
    }
    tokio::spawn(async move { tls.follow().await });
    Ok(())
}

async fn drain(listening: Listening, mut stop: Stop) -> anyhow::Result<()> {
    tracing::info!("stopping: requests under way are finished");
    tokio::select! {
        drained = listening.drain() => {
            if let Drained::Cut { connections } = drained {
                tracing::warn!(connections, "stopped before every connection had ended");
            }
            Ok(())
        }
        () = stop.next() => bail!("stopped at once by a second signal"),
    }
}

/// The three lines to paste for the embedded server; a log line otherwise.
fn announce(config: &Config, authority: Option<&Path>, listening: &Listening) -> anyhow::Result<()> {
    let Some(bound) = listening.addresses().first() else { bail!("no address to listen on") };
    for address in listening.addresses() {
        tracing::info!(%address, tls = config.server.tls.is_some(), "listening");
    }
    if let Some(authority) = authority {
        let mut out = std::io::stdout().lock();
        // Nobody reading is no reason not to serve.
        let _ =
            write!(out, "{}", Greeting::new(authority, &config.server.http_addr, *bound)).and_then(|()| out.flush());
    }
    Ok(())
}

fn tls(config: &Config) -> anyhow::Result<Option<Tls>> {
    Ok(config.server.tls.clone().map(Tls::open).transpose()?)
}

fn warn_about(config: &Config, arguments: &Arguments) {
    for warning in &config.settings.warnings {
        tracing::warn!("{warning}");
    }
    if arguments.debug {
        tracing::warn!("-debug does nothing: this server has no debug port; see logging.level and /metrics");
    }
    if config.server.tls.is_none() {
        tracing::warn!("plain HTTP: clients only use it behind something that speaks TLS");
    }
}
