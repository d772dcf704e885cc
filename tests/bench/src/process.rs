//! Child processes that end with us, free ports, and what the kernel says of a process.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

/// How long a process may take to end when asked, before it is killed.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running program; dropped, it is asked to end, then killed.
pub struct Process {
    child: Child,
    name: String,
    log: PathBuf,
    end: &'static str,
}

impl Process {
    /// Starts `command` with its output in the file `log`.
    pub fn start(name: &str, mut command: Command, log: &Path) -> Result<Self> {
        let file = File::options().create(true).append(true).open(log)?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let child = command.spawn().with_context(|| format!("start {name}: {command:?}"))?;
        Ok(Self { child, name: name.to_owned(), log: log.to_owned(), end: "-TERM" })
    }

    /// Asks it to end by this signal (`-INT`) in place of `-TERM`.
    #[must_use]
    pub fn ended_by(mut self, signal: &'static str) -> Self {
        self.end = signal;
        self
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// `Err` with the end of its log if it has ended.
    pub fn check(&mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("{} ended ({status}): {}", self.name, reason(&self.log));
        }
        Ok(())
    }

    pub fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Resident memory, now and at its highest, in MiB.
    pub fn resident_mib(&self) -> Result<(f64, f64)> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid()))?;
        let field = |name: &str| -> Result<f64> {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let kib = line.and_then(|line| line.split_whitespace().next()).context("no memory figure in /proc")?;
            Ok(kib.parse::<f64>()? / 1024.0)
        };
        Ok((field("VmRSS:")?, field("VmHWM:")?))
    }

    /// Asks it to end and waits.
    pub fn stop(&mut self) {
        if self.is_alive() {
            let _ = Command::new("kill").args([self.end, &self.pid().to_string()]).status();
        }
        let deadline = Instant::now() + PATIENCE;
        while self.is_alive() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The lines of a log where the last crash says its reason, else its first.
fn reason(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let crash = lines.iter().rposition(|line| line.starts_with("fatal error") || line.starts_with("panic"));
    lines.iter().skip(crash.unwrap_or(0)).take(3).copied().collect::<Vec<_>>().join(" | ")
}

/// A port on the loopback address that nobody uses now.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Runs a tool to its end and returns what it printed; its errors are in the message. Ends it if we are ended.
pub async fn output(command: Command) -> Result<String> {
    let shown = format!("{:?}", command.get_program());
    let mut command = tokio::process::Command::from(command);
    let output =
        command.stdin(Stdio::null()).kill_on_drop(true).output().await.with_context(|| format!("run {shown}"))?;
    check(&shown, output.status, &output.stderr)?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn check(shown: &str, status: ExitStatus, stderr: &[u8]) -> Result<()> {
    ensure!(status.success(), "{shown} failed ({status}): {}", String::from_utf8_lossy(stderr).trim());
    Ok(())
}
