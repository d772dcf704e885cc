//! `trust doctor`: whether everything is in order, and what to do where it is not. It changes nothing.

mod docker;
mod expiry;
mod folder;
mod server;

use std::io::{self, Write};

use clap::Args;
use libtrust::client::DockerConfig;
use libtrust::names::ImageReference;
use serde::Serialize;

use super::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{self, Document, escape};
use crate::session::Session;
use crate::terminal::Wording;

/// Options of `trust doctor`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  trust doctor
  trust doctor registry.example/team/app")]
pub struct Options {
    /// An image, whose server, login and dates are looked at, too
    #[arg(value_name = "IMAGE")]
    pub image: Option<ImageReference>,
}

/// What was found about one thing.
#[derive(Debug, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub check: &'static str,
    /// How it is.
    pub state: State,
    /// What was found.
    pub message: String,
    /// What to do.
    pub hints: Vec<String>,
}

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// In order.
    Ok,
    /// It will need somebody.
    Warning,
    /// Not in order.
    Failed,
}

impl Finding {
    fn new(check: &'static str, state: State, message: impl Into<String>) -> Self {
        Self { check, state, message: message.into(), hints: Vec::new() }
    }

    fn ok(check: &'static str, message: impl Into<String>) -> Self {
        Self::new(check, State::Ok, message)
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    fn failed(check: &'static str, failure: &Failure) -> Self {
        let causes = failure.causes().iter().map(String::as_str);
        let message = std::iter::once(failure.message()).chain(causes).collect::<Vec<_>>().join(": ");
        Self { check, state: State::Failed, message, hints: failure.hints().to_vec() }
    }
}

#[derive(Serialize)]
struct Findings {
    findings: Vec<Finding>,
}

impl Document for Findings {
    fn text(&self, to: &mut dyn Write) -> io::Result<()> {
        for finding in &self.findings {
            let mark = match finding.state {
                State::Ok => "ok     ",
                State::Warning => "warning",
                State::Failed => "FAILED ",
            };
            writeln!(to, "{mark}  {}: {}", finding.check, escape::line(&finding.message))?;
            finding.hints.iter().try_for_each(|hint| writeln!(to, "         {}", escape::line(hint)))?;
        }
        Ok(())
    }
}

/// Runs it.
///
/// # Errors
/// If something is not in order.
pub fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let settings = context.settings()?;
    let format = settings.format;
    let mut findings = Vec::new();
    let config = DockerConfig::load(&settings.docker_config);
    match config.map_err(|error| Failure::caused(Exit::Auth, &error)) {
        Ok(_) => {
            let message = format!("logins are read from {}", settings.docker_config.display());
            findings.push(Finding::ok("credentials", message));
            let session = Session::new(settings, Wording::Trust)?;
            look(options, &session, &mut findings);
        }
        Err(failure) => findings.push(Finding::failed("credentials", &failure)),
    }
    findings.extend(docker::look(&context.environment)?);
    let failed = findings.iter().filter(|finding| finding.state == State::Failed).count();
    output::print(&Findings { findings }, format)?;
    match failed {
        0 => Ok(()),
        1 => Err(Failure::new(Exit::Failure, "one thing is not in order")),
        number => Err(Failure::new(Exit::Failure, format!("{number} things are not in order"))),
    }
}

fn look(options: &Options, session: &Session, findings: &mut Vec<Finding>) {
    match server::asked(options.image.as_ref(), session) {
        Some(Ok(url)) => findings.extend(server::look(&url, session)),
        Some(Err(failure)) => findings.push(Finding::failed("server", &failure)),
        None => {}
    }
    findings.extend(folder::look(session));
    findings.push(match session.policy() {
        Ok(_) if session.policy_path().exists() => {
            Finding::ok("policy", format!("{} can be followed", session.policy_path().display()))
        }
        Ok(_) => Finding::ok("policy", "there is none: roots are trusted on first use, and only in a terminal")
            .hint("pin root keys for the names you rely on; `trust inspect IMAGE` shows them"),
        Err(failure) => Finding::failed("policy", &failure),
    });
    match &options.image {
        Some(image) => findings.push(expiry::of_image(image, session)),
        None => findings.extend(expiry::of_cached(session)),
    }
}
