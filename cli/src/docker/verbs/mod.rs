//! The verbs of `docker trust`, a file each: Docker's words and forms over what our own verbs find out.

pub mod inspect;

use super::args::DockerOptions;
use crate::commands::Context;
use crate::settings::{Environment, GlobalOptions};

/// Settings as Docker has them: its configuration folder, its environment, first use trusted.
pub(super) fn context(docker: &DockerOptions, environment: &Environment) -> Context {
    let mut environment = environment.clone();
    if let Some(config) = &docker.config {
        environment.set("DOCKER_CONFIG", config);
    }
    // What is ours alone is not Docker's: its users share one folder.
    environment.unset("TRUST_DIR");
    Context { options: GlobalOptions { quiet: true, ..GlobalOptions::default() }, environment, attended: true }
}
