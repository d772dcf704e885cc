//! The signer: arguments, configuration, wiring.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod args;
mod service;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use notary_service::config::environment;
use notary_service::listen::{self, Certificate, Drained, Listening, Stop};
use notary_service::logs::{Logs, last_words};
use notary_signer::config::{Config, PREFIX};
use notary_signer::grpc::Face;
use notary_signer::health::Health;
use notary_signer::metrics::Metrics;
use notary_signer::ops::Ops;
use rustls::ServerConfig;

use args::{Arguments, Command, ConfigCommand};

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
    let Some(file) = &arguments.config else { bail!("the signer needs a configuration file: --config FILE") };
    let environment = environment(PREFIX);
    let mut config = Config::load(file, &environment)?;
    if let Some(Command::Config(ConfigCommand::Check)) = arguments.command {
        tls(&config)?;
        service::check_files(&config, &environment)?;
        for warning in &config.warnings {
            eprintln!("warning: {warning}");
        }
        println!("{:#}", config.effective());
        return Ok(());
    }
    if let Some(listen) = &arguments.listen {
        config.server.grpc_addr = listen.clone();
    }
    let logs = Logs::start(config.log_level, arguments.log_format())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start threads")?;
    let result = runtime.block_on(serve(config, logs));
    // Whatever still runs was given its time.
    runtime.shutdown_background();
    result
}

/// Serves until a signal, then drains.
async fn serve(config: Config, logs: Logs) -> anyhow::Result<()> {
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let mut stop = listen::stop_signals().context("cannot take over signals")?;
    let (certificate, settings) = tls(&config)?;
    let signer = service::open(&config, &environment(PREFIX)).await?;
    let health = Health::new();
    health.look(&signer).await;
    let metrics = Arc::new(Metrics::new(&signer, &health));
    let ops = Arc::new(Ops::new(health.clone(), Arc::clone(&metrics)));
    let limits = service::call_limits(&config);
    let face = Face::new(Arc::clone(&signer), config.authorization.clone(), health.clone(), limits, metrics);

    let address = &config.server.grpc_addr;
    let listeners = address.bind().await.with_context(|| format!("cannot listen on {address}"))?;
    let ops_listening = listen_for_operators(&config, &ops).await?;
    let listening = listen::serve(listeners, Some(settings), (&config.limits).into(), Arc::new(face));
    tokio::spawn(health.keep_looking(Arc::clone(&signer)));
    tokio::spawn(service::keep_sweeping(Arc::clone(&signer)));
    tokio::spawn(logs.follow_signals().context("cannot take over signals")?);
    reload_on_hangup(&config, certificate)?;
    for address in listening.addresses() {
        tracing::info!(%address, "listening");
    }
    ops.set_ready(true);
    stop.next().await;
    ops.set_ready(false);
    drain(listening, stop).await?;
    drop(ops_listening);
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

fn reload_on_hangup(config: &Config, certificate: Certificate) -> anyhow::Result<()> {
    let files = config.server.tls.clone();
    let reload = move || match certificate.replace(&files.certificate, &files.key) {
        Ok(()) => tracing::info!("the certificate was read again"),
        Err(error) => tracing::error!(%error, "the certificate in force stays"),
    };
    tokio::spawn(listen::hangups(reload).context("cannot take over signals")?);
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

fn tls(config: &Config) -> anyhow::Result<(Certificate, ServerConfig)> {
    let files = &config.server.tls;
    let certificate = Certificate::from_files(&files.certificate, &files.key)?;
    let mut settings = listen::tls_settings(&certificate, files.client_ca.as_deref())?;
    // gRPC is HTTP/2 and nothing else.
    settings.alpn_protocols = vec![b"h2".to_vec()];
    Ok((certificate, settings))
}
