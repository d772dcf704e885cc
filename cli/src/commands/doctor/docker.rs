//! Docker: whether it heeds what people rely on. From version 29 on it does not know content trust any more, and ignores
//! that it was switched on.

use std::io::Read as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::{Finding, State};
use crate::failure::Failure;
use crate::settings::Environment;

/// The first version that ignores content trust.
const IGNORES: u32 = 29;
/// Longest time Docker may take to say its version.
const PATIENCE: Duration = Duration::from_secs(5);

/// Looks, if content trust is switched on.
///
/// # Errors
/// If the variable is no text.
pub fn look(environment: &Environment) -> Result<Option<Finding>, Failure> {
    let switched = environment.text("DOCKER_CONTENT_TRUST")?;
    let is_on = switched.is_some_and(|value| matches!(value.as_str(), "1" | "t" | "T" | "true" | "TRUE" | "True"));
    Ok(is_on.then(|| judge(version().as_deref())))
}

fn judge(version: Option<&str>) -> Finding {
    let number = version.and_then(|version| version.split('.').next()?.parse::<u32>().ok());
    match (number, version) {
        (Some(number), Some(version)) if number >= IGNORES => {
            let message =
                format!("DOCKER_CONTENT_TRUST is set, and Docker {version} ignores it: it pulls unsigned images");
            Finding::new("docker", State::Failed, message)
                .hint("pull by verified digest: docker trust pull IMAGE, or docker pull $(trust resolve IMAGE)")
        }
        (Some(_), Some(version)) => Finding::ok("docker", format!("Docker {version} heeds DOCKER_CONTENT_TRUST")),
        _ => Finding::new("docker", State::Warning, "DOCKER_CONTENT_TRUST is set, and Docker does not say its version")
            .hint(format!("from version {IGNORES} on Docker ignores it")),
    }
}

/// What the Docker client says its version is; nothing if there is none, or it does not say in time.
fn version() -> Option<String> {
    let mut command = Command::new("docker");
    command.args(["version", "--format", "{{.Client.Version}}"]);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()?;
    let begun = Instant::now();
    // It says its own version also when it ends with an error, as it does without an engine.
    while child.try_wait().ok()?.is_none() {
        if begun.elapsed() > PATIENCE {
            // It may be gone by now; either way nothing is known.
            let _ = child.kill().and_then(|()| child.wait());
            return None;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let mut said = String::new();
    child.stdout.take()?.take(256).read_to_string(&mut said).ok()?;
    let version = said.lines().next()?.trim().to_owned();
    (!version.is_empty()).then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_docker_that_ignores_content_trust_is_not_in_order() {
        assert_eq!(judge(Some("29.0.1")).state, State::Failed);
        assert_eq!(judge(Some("30.0.0-rc.1")).state, State::Failed);
        assert_eq!(judge(Some("28.2.2")).state, State::Ok);
        assert_eq!(judge(Some("20.10.24+dfsg1")).state, State::Ok);
        assert_eq!(judge(Some("unknown")).state, State::Warning);
        assert_eq!(judge(None).state, State::Warning);
    }
}
