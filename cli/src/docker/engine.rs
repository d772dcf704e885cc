//! Docker itself, called for what only it and its engine can do: push, pull, tag, build and run.

use std::ffi::{OsStr, OsString};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};

use super::args::DockerOptions;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::forgive_closed_pipe;
use crate::settings::Environment;

/// The most of one line of Docker's output that is looked at, in bytes; it passes through in any case.
const MAX_LINE: usize = 4096;

/// The Docker command that called, with the options it was called with.
#[derive(Debug, Clone)]
pub struct Engine {
    program: PathBuf,
    options: Vec<OsString>,
}

impl Engine {
    /// The Docker that called, else the first in `PATH`.
    pub(super) fn new(docker: &DockerOptions, environment: &Environment) -> Self {
        let program = environment.path("DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND");
        let mut options: Vec<OsString> = Vec::new();
        let mut add = |name: &str, value: &OsStr| options.extend([OsString::from(name), value.to_owned()]);
        for (name, path) in [
            ("--config", &docker.config),
            ("--tlscacert", &docker.tlscacert),
            ("--tlscert", &docker.tlscert),
            ("--tlskey", &docker.tlskey),
        ] {
            path.iter().for_each(|path| add(name, path.as_os_str()));
        }
        docker.context.iter().for_each(|name| add("--context", name.as_ref()));
        docker.host.iter().for_each(|host| add("--host", host.as_ref()));
        docker.log_level.iter().for_each(|level| add("--log-level", level.as_ref()));
        for (name, given) in [("--debug", docker.debug), ("--tls", docker.tls), ("--tlsverify", docker.tlsverify)] {
            options.extend(given.then(|| OsString::from(name)));
        }
        Self { program: program.unwrap_or_else(|| PathBuf::from("docker")), options }
    }

    /// `docker ARGUMENTS`, with its own content trust off: what is trusted is decided here.
    fn command(&self, arguments: &[OsString]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.options).args(arguments);
        for inherited in ["DOCKER_CONTENT_TRUST", "DOCKER_CLI_PLUGIN_SOCKET", "DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND"]
        {
            command.env_remove(inherited);
        }
        command
    }

    /// Runs it to its end on our standard streams; `input` is typed into it, if there is any.
    ///
    /// # Errors
    /// If there is no Docker.
    pub fn run(&self, arguments: &[OsString], input: Option<&str>) -> Result<ExitStatus, Failure> {
        let mut command = self.command(arguments);
        command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::inherit() });
        let mut child = command.spawn().map_err(|error| self.absent(&error))?;
        if let (Some(text), Some(mut stdin)) = (input, child.stdin.take()) {
            // A Docker that does not read its input says why, and fails.
            let _ = stdin.write_all(text.as_bytes());
        }
        Ok(child.wait()?)
    }

    /// As [`Engine::run`], for a step whose failure ends the command.
    ///
    /// # Errors
    /// If there is no Docker, or it failed; it has said why.
    pub fn must(&self, arguments: &[OsString]) -> Result<(), Failure> {
        let ended = self.run(arguments, None)?;
        if ended.success() { Ok(()) } else { Err(failed(arguments, ended)) }
    }

    /// Whether the engine has an image. No engine has none.
    #[must_use]
    pub fn has(&self, image: &str) -> bool {
        let mut command = self.command(&["image", "inspect", image].map(OsString::from));
        let ended = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
        ended.is_ok_and(|ended| ended.success())
    }

    /// Pushes an image, its progress on our standard output, and gives the digest that Docker says it has now.
    ///
    /// # Errors
    /// If there is no Docker, or it failed, or names no digest.
    pub fn push(&self, image: &str) -> Result<String, Failure> {
        let arguments = ["push", image].map(OsString::from);
        let mut command = self.command(&arguments);
        let mut child = command.stdout(Stdio::piped()).spawn().map_err(|error| self.absent(&error))?;
        let mut digest = None;
        if let Some(stdout) = child.stdout.take() {
            for line in BufReader::new(stdout).split(b'\n') {
                let line = line?;
                let text = String::from_utf8_lossy(line.get(..line.len().min(MAX_LINE)).unwrap_or_default());
                digest = digest_in(&text).or(digest);
                let mut to = io::stdout().lock();
                forgive_closed_pipe(to.write_all(&line).and_then(|()| to.write_all(b"\n")).and_then(|()| to.flush()))?;
            }
        }
        let ended = child.wait()?;
        if !ended.success() {
            return Err(failed(&arguments, ended));
        }
        digest.ok_or_else(|| Failure::new(Exit::Failure, format!("docker push of {image} named no digest")))
    }

    fn absent(&self, error: &io::Error) -> Failure {
        Failure::caused(Exit::Failure, error)
            .while_doing(format!("cannot run {}", self.program.display()))
            .hint("install Docker's command line, or use `trust sign` and `trust verify`, which need none")
    }
}

/// The digest in `TAG: digest: sha256:HEX size: N`.
fn digest_in(line: &str) -> Option<String> {
    let (_, rest) = line.split_once(": digest: ")?;
    let digest = rest.split_whitespace().next()?;
    let hex = digest.strip_prefix("sha256:")?;
    (hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit())).then(|| digest.to_owned())
}

fn failed(arguments: &[OsString], ended: ExitStatus) -> Failure {
    let verb = arguments.first().map(|verb| verb.to_string_lossy().into_owned()).unwrap_or_default();
    Failure::new(Exit::Failure, format!("docker {verb} failed: {ended}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_push_names_its_digest() {
        let real = include_str!("../../../fixtures/spoken/docker-28.2.2/sign-new-tag.out");
        let found: Vec<String> = real.lines().filter_map(digest_in).collect();
        assert_eq!(found, ["sha256:3d513bd91bf861bc2cb2b74294754746e613dba198ca687d1a5ee8408454543e"]);
        assert_eq!(digest_in("v1: digest: sha256:abc size: 1"), None);
    }
}
