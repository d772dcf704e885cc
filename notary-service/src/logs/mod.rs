//! Sets logs up and changes how much is logged while the server runs.

use std::future::Future;
use std::io::{self, IsTerminal, Write, stderr};

use tokio::signal::unix::{SignalKind, signal};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::JsonFields;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{Registry, fmt, reload};

mod json;
mod line;
mod logfmt;

use crate::config::LogLevel;
use json::{JsonLines, json};
use line::Line;
use logfmt::{LogfmtLines, logfmt};

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// A JSON object per line, for machines.
    Json,
    /// `key=value`, one event a line.
    Logfmt,
    /// Text, for people.
    Text,
}

impl LogFormat {
    /// Text if standard error is a terminal, else JSON.
    #[must_use]
    pub fn by_terminal() -> Self {
        if stderr().is_terminal() { Self::Text } else { Self::Json }
    }
}

/// The logs, once set up: raises and lowers their level.
#[derive(Debug)]
pub struct Logs {
    filter: reload::Handle<Targets, Registry>,
    level: LogLevel,
    trail: AuditTrail,
}

/// How much of the audit trail is logged: the events whose target is `audit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditTrail {
    /// As much as of everything else.
    ByLevel,
    /// All of it, at every level.
    Whole,
}

/// The levels from least to most; `panic` and `fatal` log nothing, for a server that cannot go on says so anyway.
const LEVELS: [LogLevel; 6] =
    [LogLevel::Panic, LogLevel::Fatal, LogLevel::Error, LogLevel::Warning, LogLevel::Info, LogLevel::Debug];

impl Logs {
    /// Sends everything logged from now on to standard error.
    ///
    /// # Errors
    /// If logs were set up before.
    pub fn start(level: LogLevel, format: LogFormat) -> Result<Self, TryInitError> {
        Self::start_with(level, format, AuditTrail::ByLevel)
    }

    /// As [`Logs::start`], with a say in the audit trail.
    ///
    /// # Errors
    /// As [`Logs::start`].
    pub fn start_with(level: LogLevel, format: LogFormat, trail: AuditTrail) -> Result<Self, TryInitError> {
        let (filter, handle) = reload::Layer::new(targets(level, trail));
        let lines = match format {
            LogFormat::Json => {
                fmt::layer().with_writer(stderr).event_format(JsonLines).fmt_fields(JsonFields::new()).boxed()
            }
            LogFormat::Logfmt => {
                fmt::layer().with_writer(stderr).event_format(LogfmtLines).fmt_fields(JsonFields::new()).boxed()
            }
            LogFormat::Text => {
                fmt::layer().with_writer(stderr).with_target(false).with_ansi(stderr().is_terminal()).boxed()
            }
        };
        tracing_subscriber::registry().with(filter).with(lines).try_init()?;
        Ok(Self { filter: handle, level, trail })
    }

    /// Logs one level more, as Notary does on SIGUSR1. Returns the new level, or `None` if there is none.
    pub fn raise(&mut self) -> Option<LogLevel> {
        self.step(1)
    }

    /// Logs one level less, as Notary does on SIGUSR2. Returns the new level, or `None` if there is none.
    pub fn lower(&mut self) -> Option<LogLevel> {
        self.step(-1)
    }

    fn step(&mut self, by: isize) -> Option<LogLevel> {
        let now = LEVELS.iter().position(|level| *level == self.level)?;
        let next = *LEVELS.get(now.checked_add_signed(by)?)?;
        self.filter.reload(targets(next, self.trail)).ok()?;
        self.level = next;
        Some(next)
    }

    /// Takes over SIGUSR1 and SIGUSR2; changes the level on them, and says so on standard output, for as long as the
    /// returned future is polled.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn follow_signals(mut self) -> io::Result<impl Future<Output = ()> + Send> {
        let mut more = signal(SignalKind::user_defined1())?;
        let mut less = signal(SignalKind::user_defined2())?;
        Ok(async move {
            loop {
                let changed = tokio::select! {
                    _ = more.recv() => self.raise(),
                    _ = less.recv() => self.lower(),
                };
                let said = match changed {
                    Some(level) => format!("Successfully setting log level to {level}"),
                    None => format!("The log level stays {}: there is no further one", self.level),
                };
                // Nobody reading is no reason to stop.
                let _ = writeln!(io::stdout(), "{said}");
            }
        })
    }
}

/// Says on standard error why the server ends, whatever the level.
pub fn last_words(format: LogFormat, message: &str) {
    match format {
        LogFormat::Json => eprintln!("{}", json(Line::fatal(message))),
        LogFormat::Logfmt => eprintln!("{}", logfmt(&Line::fatal(message))),
        LogFormat::Text => eprintln!("error: {message}"),
    }
}

/// Our own events up to `level`. Libraries are held to warnings, or information at `debug`: their details are theirs.
fn targets(level: LogLevel, trail: AuditTrail) -> Targets {
    let (ours, theirs) = match level {
        LogLevel::Panic | LogLevel::Fatal => (LevelFilter::OFF, LevelFilter::OFF),
        LogLevel::Error => (LevelFilter::ERROR, LevelFilter::ERROR),
        LogLevel::Warning => (LevelFilter::WARN, LevelFilter::WARN),
        LogLevel::Info => (LevelFilter::INFO, LevelFilter::WARN),
        LogLevel::Debug => (LevelFilter::DEBUG, LevelFilter::INFO),
    };
    let audit = match trail {
        AuditTrail::ByLevel => ours,
        AuditTrail::Whole => ours.max(LevelFilter::INFO),
    };
    ["notary_server", "notary_signer", "notary_service", "libtrust"]
        .into_iter()
        .fold(Targets::new().with_default(theirs), |targets, ours_name| targets.with_target(ours_name, ours))
        .with_target("audit", audit)
}
