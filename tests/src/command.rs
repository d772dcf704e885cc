//! Programs that run to their end: bounded in time, their output kept.

use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// The longest any single client command may take, in seconds.
const LIMIT_SECONDS: &str = "120";

/// What a program printed and how it ended.
#[derive(Debug)]
pub struct Outcome {
    command: String,
    /// The exit code; 124 when it was ended for taking too long.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// A command that knows nothing of our environment but `PATH`, and is ended after two minutes.
pub fn clean(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new("timeout");
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.args(["-k", "5", LIMIT_SECONDS]).arg(program);
    command
}

/// The same for a command that is made already: its program, arguments and environment.
pub fn bounded(command: &Command) -> Command {
    let mut bounded = clean(command.get_program());
    bounded.args(command.get_args());
    bounded.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    bounded
}

/// Runs a command to its end with nothing on standard input.
pub fn run(command: &mut Command) -> Result<Outcome> {
    run_with_input(command, "")
}

/// Runs a command to its end, with `input` typed into it.
pub fn run_with_input(command: &mut Command, input: &str) -> Result<Outcome> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let shown = format!("{command:?}");
    let mut child = command.spawn().with_context(|| format!("cannot start {shown}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that does not read its input may be gone already.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output()?;
    let outcome = Outcome {
        command: shown,
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    };
    eprintln!("{outcome}");
    if outcome.code == 124 {
        bail!("took longer than {LIMIT_SECONDS} s: {outcome}");
    }
    Ok(outcome)
}

impl Outcome {
    /// The outcome, if the program succeeded.
    pub fn success(self) -> Result<Self> {
        if self.code != 0 {
            bail!("should have succeeded: {self}");
        }
        Ok(self)
    }

    /// The outcome, if the program failed and said `message` anywhere.
    pub fn failure(self, message: &str) -> Result<Self> {
        if self.code == 0 {
            bail!("should have failed with {message:?}: {self}");
        }
        self.says(message)
    }

    /// The outcome, if the program said `message` anywhere.
    pub fn says(self, message: &str) -> Result<Self> {
        if !self.stdout.contains(message) && !self.stderr.contains(message) {
            bail!("should have said {message:?}: {self}");
        }
        Ok(self)
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { command, code, stdout, stderr } = self;
        write!(f, "$ {command}\n[exit {code}]\n{stdout}{stderr}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn input_output_and_exit_code_are_kept() {
        let outcome = run_with_input(clean("sh").args(["-c", "cat; echo oops >&2; exit 3"]), "typed").unwrap();
        assert_eq!((outcome.code, outcome.stdout.as_str(), outcome.stderr.as_str()), (3, "typed", "oops\n"));
        assert!(outcome.failure("oops").is_ok());
    }

    #[test]
    fn the_environment_is_not_inherited() {
        let outcome = run(&mut clean("env")).unwrap();
        assert!(outcome.stdout.lines().all(|line| line.starts_with("PATH=")), "{outcome}");
    }
}
