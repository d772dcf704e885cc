//! Reads at full speed: one `wrk` thread, 32 connections.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::process::output;
use crate::stats::Sample;

/// Prints exact figures in one line, in place of reading the ones `wrk` rounds for people.
const SCRIPT: &str = r#"
done = function(summary, latency, requests)
    local e = summary.errors
    io.write(string.format("figures %d %d %d %d %d\n", summary.requests, summary.duration,
        latency:percentile(50), latency:percentile(99), e.connect + e.read + e.write + e.status + e.timeout))
end
"#;

/// Asks for `url` during some seconds. Any failed request is an error.
pub async fn read(url: &str, seconds: u64, scratch: &Path) -> Result<Sample> {
    let script = scratch.join("figures.lua");
    std::fs::write(&script, SCRIPT)?;
    let mut command = Command::new("wrk");
    command.args(["-t1", "-c32", "--timeout", "10s", &format!("-d{seconds}s"), "--latency", "-s"]).arg(script).arg(url);
    let text = output(command).await?;
    let line = text.lines().find_map(|line| line.strip_prefix("figures ")).context("wrk printed no figures")?;
    let figures: Vec<f64> = line.split(' ').map(str::parse).collect::<Result<_, _>>()?;
    let [requests, micros, p50, p99, errors] = figures.as_slice() else {
        anyhow::bail!("wrk printed {line}");
    };
    ensure!(*errors == 0.0, "{errors} of {requests} requests for {url} failed");
    Ok(Sample { rate: requests / (micros / 1e6), p50_ms: p50 / 1000.0, p99_ms: p99 / 1000.0 })
}
