//! The signer: arguments, configuration, wiring.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod args;
mod commands;
mod service;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use notary_service::config::environment;
use notary_service::database::schema::Order;
use notary_service::listen::{self, Drained, Listening, Stop, Tls};
use notary_service::logs::{AuditTrail, Logs, last_words};
use notary_service::{probe, supervisor};
use notary_signer::config::{Config, PREFIX};
use notary_signer::grpc::Face;
use notary_signer::health::Health;
use notary_signer::metrics::Metrics;
use notary_signer::open;
use notary_signer::ops::Ops;
use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use tokio::runtime::Runtime;

use args::{Arguments, Command, ConfigCommand, PassphraseCommand};

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
        println!("notary-signer {}", env!("CARGO_PKG_VERSION"));
        return Ok(());
    }
    if arguments.bootstrap {
        bail!("store does not support bootstrapping: it makes what it needs by itself; leave -bootstrap out");
    }
    // Several libraries could bring a provider; this is the one.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        bail!("a cryptography provider was installed before main");
    }
    if !arguments.debug {
        // No core files and no debuggers: memory holds private keys.
        set_dumpable_behavior(DumpableBehavior::NotDumpable).context("cannot keep keys out of core files")?;
    }
    let Some(file) = &arguments.config else { bail!("the signer needs a configuration file: --config FILE") };
    let mut config = Config::load(file, &environment(PREFIX))?;
    if let Some(command) = &arguments.command {
        return carry_out(command, config);
    }
    if let Some(listen) = &arguments.listen {
        config.listen_on(listen.clone(), file)?;
    }
    let logs = Logs::start_with(config.log_level, arguments.log_format(), AuditTrail::Whole)?;
    let runtime = threads()?;
    let result = runtime.block_on(serve(config, logs));
    // Whatever still runs was given its time.
    runtime.shutdown_background();
    result
}

/// Does one thing instead of serving.
fn carry_out(command: &Command, config: Config) -> anyhow::Result<()> {
    match command {
        Command::Config(ConfigCommand::Check) => check(&config),
        Command::Healthcheck => ask_for_health(&config),
        Command::Migrate { dry_run, leave_notary } => {
            let order = Order { dry_run: *dry_run, leave_notary: *leave_notary };
            threads()?.block_on(commands::migrate::run(&config, order))
        }
        Command::Passphrase(PassphraseCommand::Rotate(options)) => {
            threads()?.block_on(commands::rotate::run(config, options))
        }
        Command::Gc(options) => threads()?.block_on(commands::gc::run(&config, options)),
    }
}

fn threads() -> anyhow::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start threads")
}

/// Prints the configuration in force after reading everything it names.
fn check(config: &Config) -> anyhow::Result<()> {
    Tls::open(config.server.tls.clone())?;
    open::check(&config.storage)?;
    for warning in &config.warnings {
        eprintln!("warning: {warning}");
    }
    println!("{:#}", config.effective());
    Ok(())
}

/// Asks the running signer, as its configuration says it listens for operators.
fn ask_for_health(config: &Config) -> anyhow::Result<()> {
    let Some(address) = &config.server.ops_addr else {
        bail!("health is told over server.ops_addr: set it, for example to \"127.0.0.1:7898\"");
    };
    let health = threads()?.block_on(probe::ask(address, None, "/readyz"))?;
    println!("{}", health.unwrap_or_default());
    Ok(())
}

/// Serves until a signal, then drains.
async fn serve(config: Config, logs: Logs) -> anyhow::Result<()> {
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let mut stop = listen::stop_signals().context("cannot take over signals")?;
    let tls = Tls::open(config.server.tls.clone())?;
    let signer = service::signer(&config).await?;
    let health = Health::new();
    health.look(&signer).await;
    let metrics = Arc::new(Metrics::new(&signer, &health, tls.clone()));
    let ops = Arc::new(Ops::new(health.clone(), Arc::clone(&metrics), tls.clone()));
    let limits = service::call_limits(&config);
    let face = Face::new(Arc::clone(&signer), config.authorization.clone(), health.clone(), limits, metrics);

    let address = &config.server.grpc_addr;
    let listeners = address.bind().await.with_context(|| format!("cannot listen on {address}"))?;
    let for_operators = listen_for_operators(&config, &ops).await?;
    let listening = listen::serve(listeners, Some(tls.clone()), (&config.limits).into(), Arc::new(face));
    // Signals first: who reads the log line may send one.
    keep(tls, logs)?;
    tokio::spawn(health.keep_looking(Arc::clone(&signer)));
    tokio::spawn(service::keep_sweeping(Arc::clone(&signer)));
    for address in listening.addresses() {
        tracing::info!(%address, "listening");
    }
    ops.set_ready(true);
    supervisor::ready();
    tokio::spawn(supervisor::watchdog());
    stop.next().await;
    supervisor::stopping();
    ops.set_ready(false);
    drain(listening, stop).await?;
    drop(for_operators);
    signer.close().await;
    Ok(())
}

async fn listen_for_operators(config: &Config, ops: &Arc<Ops>) -> anyhow::Result<Option<Listening>> {
    let Some(address) = &config.server.ops_addr else { return Ok(None) };
    let listeners = address.bind().await.with_context(|| format!("cannot listen on {address} (server.ops_addr)"))?;
    let listening = listen::serve(listeners, None, (&config.limits).into(), Arc::clone(ops));
    for address in listening.addresses() {
        tracing::info!(%address, "listening for operators");
    }
    Ok(Some(listening))
}

/// What runs beside the calls: new TLS files, log levels.
fn keep(tls: Tls, logs: Logs) -> anyhow::Result<()> {
    tokio::spawn(logs.follow_signals().context("cannot take over signals")?);
    let reloaded = tls.clone();
    let reload = move || {
        supervisor::reloading();
        reloaded.reload_and_log();
        supervisor::ready();
    };
    tokio::spawn(listen::hangups(reload).context("cannot take over signals")?);
    tokio::spawn(async move { tls.follow().await });
    Ok(())
}

async fn drain(listening: Listening, mut stop: Stop) -> anyhow::Result<()> {
    tracing::info!("stopping: calls under way are finished");
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
