//! A peer's process: its output goes to a log file, and its guard ends it by its id.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How a peer is asked to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// `SIGKILL`: at once, whatever it is doing.
    Kill,
    /// `SIGTERM`, and `SIGKILL` if it is still there after ten seconds.
    Terminate,
}

impl Stop {
    fn signal(self) -> &'static str {
        match self {
            Self::Kill => "KILL",
            Self::Terminate => "TERM",
        }
    }
}

/// A running peer. Dropping it ends it and prints the end of its log, which the test runner shows if the story failed.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
    stop: Stop,
}

/// A command for a peer that ends with the story's thread, even if that is killed; it inherits nothing but `PATH`.
pub fn peer(program: impl AsRef<OsStr>, stop: Stop) -> Command {
    let mut command = Command::new("setpriv");
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.args(["--pdeathsig", stop.signal(), "--"]).arg(program);
    command
}

impl Process {
    /// Starts a command made by [`peer`], its output appended to `FOLDER/NAME.log`.
    pub fn start(name: &str, folder: &Path, stop: Stop, command: &mut Command) -> Result<Self> {
        let log = folder.join(format!("{name}.log"));
        let file = File::options().create(true).append(true).open(&log)?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let child = command.spawn().with_context(|| format!("cannot start {name}: {command:?}"))?;
        Ok(Self { name: name.to_owned(), child, log, stop })
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Everything it has printed so far, from every start with this name and folder.
    pub fn log(&self) -> String {
        std::fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// Waits until `ready` says so; fails with the log if the process ends first or takes longer than `limit`.
    pub fn wait_until(&mut self, limit: Duration, mut ready: impl FnMut() -> bool) -> Result<()> {
        let start = Instant::now();
        while !ready() {
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended ({status}) before it was ready:\n{}", self.name, self.log());
            }
            if start.elapsed() > limit {
                bail!("{} was not ready after {limit:?}:\n{}", self.name, self.log());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }

    /// Waits until it ends by itself; gives its exit code (`-1` for a signal).
    pub fn wait_for_end(&mut self, limit: Duration) -> Result<i32> {
        let start = Instant::now();
        while start.elapsed() < limit {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status.code().unwrap_or(-1));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        bail!("{} had not ended after {limit:?}:\n{}", self.name, self.log())
    }

    /// Ends it now.
    pub fn end(&mut self, stop: Stop) -> Result<()> {
        if self.child.try_wait()?.is_none() {
            if stop == Stop::Terminate {
                Command::new("kill").args(["-TERM", &self.id().to_string()]).status()?;
                if self.wait_for_end(Duration::from_secs(10)).is_ok() {
                    return Ok(());
                }
            }
            self.child.kill()?;
            self.child.wait()?;
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.end(self.stop);
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        let end = &lines[lines.len().saturating_sub(30)..];
        eprintln!("--- the end of {}'s log\n{}\n---", self.name, end.join("\n"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropping_the_guard_ends_the_process() {
        let folder = tempfile::tempdir().unwrap();
        let process =
            Process::start("sleeper", folder.path(), Stop::Kill, peer("sleep", Stop::Kill).arg("60")).unwrap();
        let proc_folder = PathBuf::from(format!("/proc/{}", process.id()));
        assert!(proc_folder.exists());
        drop(process);
        assert!(!proc_folder.exists());
    }

    #[test]
    fn a_peer_that_ends_early_is_reported_with_its_log() {
        let folder = tempfile::tempdir().unwrap();
        let mut command = peer("sh", Stop::Kill);
        let mut process =
            Process::start("early", folder.path(), Stop::Kill, command.args(["-c", "echo no disk; exit 2"])).unwrap();
        let error = process.wait_until(Duration::from_secs(10), || false).unwrap_err().to_string();
        assert!(error.contains("no disk") && error.contains("exit status: 2"), "{error}");
    }
}
