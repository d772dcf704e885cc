//! Measures our server beside the Go server it replaces and beside the limits of the machine, and prints one table.
//!
//! Same client, same machine, same run: only the ratios mean anything elsewhere. See `--help` and `tests/bench/run`.
#![forbid(unsafe_code)]

mod client;
mod collection;
mod peers;
mod process;
mod publish;
mod report;
mod rows;
mod stats;
mod tls;
mod wrk;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow, bail};
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

use peers::{Nginx, Postgres, Recipe, Slot, Tools};
use report::Report;
use rows::{Group, Plan, Stage};
use tls::Certificate;

/// Our server beside the Go server beside the limits of this machine, in one table.
#[derive(Parser)]
struct Arguments {
    /// One run of 2 seconds for each figure, fewer files: to see that everything works.
    #[arg(long)]
    quick: bool,
    /// Leave our server out.
    #[arg(long)]
    only_go: bool,
    /// Seconds that one run takes.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: Option<u64>,
    /// Runs of which the median is taken.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=99))]
    rounds: Option<u32>,
    /// Different files that are read from our server for the memory row.
    #[arg(long, value_parser = clap::value_parser!(u32).range(100..=10_000_000))]
    files: Option<u32>,
    /// What to measure; everything if not given.
    #[arg(long, value_enum, value_delimiter = ',')]
    rows: Vec<Group>,
    /// Our server's program; the one built beside this one if not given.
    #[arg(long)]
    server: Option<PathBuf>,
    /// Where the data of the servers is kept while they run; it should be on a disk.
    #[arg(long)]
    scratch: Option<PathBuf>,
}

impl Arguments {
    fn plan(&self) -> Plan {
        let (rounds, seconds, files) = if self.quick { (1, 2, 6_000) } else { (3, 5, 100_000) };
        let files = self.files.map_or(files, |files| files as usize);
        let groups = match self.rows.as_slice() {
            [] => vec![
                Group::Reads,
                Group::Publishes,
                Group::Memory,
                Group::Startup,
                Group::Mixed,
                Group::Deployed,
                Group::Adoption,
                Group::Command,
                Group::Tuf,
            ],
            some => some.to_vec(),
        };
        Plan {
            rounds: self.rounds.unwrap_or(rounds),
            seconds: self.seconds.unwrap_or(seconds),
            files: (files, files / 20),
            groups,
        }
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    rustls::crypto::ring::default_provider().install_default().map_err(|_| anyhow!("two TLS providers"))?;
    let arguments = Arguments::parse();
    let mut terminate = signal(SignalKind::terminate())?;
    // Whatever ends the run, the destructors end what it started.
    tokio::select! {
        done = bench(&arguments) => done,
        _ = tokio::signal::ctrl_c() => bail!("interrupted"),
        _ = terminate.recv() => bail!("terminated"),
    }
}

async fn bench(arguments: &Arguments) -> Result<()> {
    let tools = Tools::find()?;
    let beside = std::env::current_exe()?.parent().context("the program's folder")?.to_owned();
    let ours = match (arguments.only_go, &arguments.server) {
        (true, _) => None,
        (false, Some(program)) => Some(program.clone()),
        (false, None) => Some(beside.join("notary-server")),
    };
    if let Some(program) = ours.as_ref().filter(|program| !program.is_file()) {
        bail!("{} is missing: build notary-server, or give --only-go", program.display());
    }
    let mut builder = tempfile::Builder::new();
    builder.prefix("trust-bench-");
    let scratch = match &arguments.scratch {
        Some(folder) => builder.tempdir_in(folder)?,
        None => builder.tempdir()?,
    };
    // PostgreSQL's user must get through to its folder.
    fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o755))?;
    let plan = arguments.plan();
    let mut report = Report { header: header(&plan, &tools, scratch.path()).await, rows: Vec::new() };
    let mut stage = set(&tools, ours.as_deref(), scratch.path()).await?;
    let measured = rows::measure(&plan, &mut stage, &mut report).await;
    drop(stage);
    print!("{}", report.text());
    let folder = beside.parent().context("the target folder")?.join("bench");
    report.write(&folder)?;
    eprintln!("written to {}", folder.display());
    measured?;
    match report.errors() {
        0.0 => Ok(()),
        errors => bail!("{errors} requests to our server failed"),
    }
}

/// Prepares everything that runs. Trust servers start when they are first needed.
async fn set(tools: &Tools, ours: Option<&Path>, scratch: &Path) -> Result<Stage> {
    let certificate = Certificate::create(scratch)?;
    let postgres = Postgres::start(tools, scratch).await?;
    let nginx = Nginx::start(tools, scratch, &certificate).await?;
    let slot = |recipe: Result<Recipe>| recipe.map(Slot::new);
    Ok(Stage {
        ours: ours.map(|program| slot(Recipe::embedded(program, scratch))).transpose()?,
        ours_in_memory: ours.map(|program| slot(Recipe::ours_in_memory(program, scratch, &certificate))).transpose()?,
        go: slot(Recipe::go_on_postgres(&postgres.url(), scratch, &certificate))?,
        go_in_memory: slot(Recipe::go_in_memory(scratch, &certificate))?,
        program: ours.map(Path::to_owned),
        certificate,
        nginx,
        postgres,
        scratch: scratch.to_owned(),
    })
}

/// What a reader must know to judge the figures.
async fn header(plan: &Plan, tools: &Tools, scratch: &Path) -> Vec<(String, String)> {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or_default().to_owned();
    let disk = said_by("stat", &["-f", "-c", "%T", &scratch.to_string_lossy()]).await;
    if disk == "tmpfs" {
        eprintln!("warning: {} is in memory, so nothing waits for a disk: give --scratch", scratch.display());
    }
    let peers = [
        format!("notary {}", said_by("dpkg-query", &["-W", "-f", "${Version}", "notary"]).await),
        said_by(&tools.postgres.join("postgres").to_string_lossy(), &["--version"]).await,
        said_by(&tools.nginx.to_string_lossy(), &["-v"]).await,
    ];
    vec![
        ("machine".to_owned(), format!("{cores} cores, load {load} before the run, scratch on {disk}")),
        ("method".to_owned(), format!("medians of {} runs of {} s", plan.rounds, plan.seconds)),
        ("peers".to_owned(), peers.join("; ")),
        ("commit".to_owned(), said_by("git", &["describe", "--always", "--dirty"]).await),
    ]
}

async fn said_by(program: &str, arguments: &[&str]) -> String {
    let mut command = Command::new("sh");
    command.args(["-c", "\"$@\" 2>&1", "sh", program]).args(arguments);
    process::output(command).await.map_or_else(|_| format!("{program}: unknown"), |text| text.trim().to_owned())
}
