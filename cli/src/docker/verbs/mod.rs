//! The verbs of `docker trust`, a file each: Docker's words and forms over the library's client.

pub mod build;
pub mod inspect;
mod key;
pub mod key_generate;
pub mod key_load;
pub mod pull;
pub mod revoke;
mod roles;
pub mod run;
pub mod sign;
pub mod signer_add;
pub mod signer_remove;

use std::io::{self, Write};

use super::args::DockerOptions;
use super::engine::Engine;
use crate::commands::Context;
use crate::failure::Failure;
use crate::output::{escape, forgive_closed_pipe};
use crate::session::Session;
use crate::settings::{Environment, GlobalOptions};
use crate::terminal::Wording;

/// What a verb is given.
#[derive(Debug)]
pub struct Call {
    /// Settings as Docker has them: its configuration folder, its environment, first use trusted.
    pub context: Context,
    /// The Docker command that called, for what only the engine can do.
    pub engine: Engine,
}

impl Call {
    /// What Docker's options and the environment come to.
    pub(super) fn new(docker: &DockerOptions, environment: &Environment) -> Self {
        let engine = Engine::new(docker, environment);
        let mut environment = environment.clone();
        if let Some(config) = &docker.config {
            environment.set("DOCKER_CONFIG", config);
        }
        // What is ours alone is not Docker's: its users share one folder.
        environment.unset("TRUST_DIR");
        let options = GlobalOptions { quiet: true, ..GlobalOptions::default() };
        Self { context: Context { options, environment, attended: true }, engine }
    }

    /// A session that asks in Docker's words.
    ///
    /// # Errors
    /// What cannot be read or followed.
    pub fn session(&self) -> Result<Session, Failure> {
        Session::new(self.context.settings()?, Wording::Docker)
    }
}

/// Prints a line on standard output at once: what follows may be another program's.
fn say(line: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    forgive_closed_pipe(writeln!(stdout, "{}", escape::line(line)).and_then(|()| stdout.flush()))
}

/// Prints a line on standard error.
fn warn(line: &str) {
    // Nowhere is left to say it if standard error is gone.
    let _ = writeln!(io::stderr(), "{}", escape::line(line));
}

/// A failure in one line, its causes behind colons.
fn told(failure: &Failure) -> String {
    let causes = failure.causes().iter().map(|cause| format!(": {cause}")).collect::<String>();
    format!("{}{causes}", failure.message())
}
