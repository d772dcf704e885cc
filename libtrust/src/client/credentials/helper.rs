//! Credential helpers: `docker-credential-NAME get`, as Docker runs them.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;
use zeroize::Zeroizing;

use super::{Credential, CredentialsError, Secret};

/// How long a helper may take. Some ask a person to unlock a store.
pub(super) const TIME: Duration = Duration::from_secs(60);
/// The longest answer, in bytes. Tokens of cloud registries take a few KiB.
const MAX_ANSWER: u64 = 256 << 10;
/// What helpers print if they know nothing, with exit code 1.
const NOT_FOUND: &str = "credentials not found in native keychain";
/// The user name that says that the secret is an identity token.
const TOKEN_USER: &str = "<token>";

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "Username", default)]
    user: String,
    #[serde(rename = "Secret")]
    secret: Secret,
}

/// Asks a helper for the credential of `server`.
///
/// # Errors
/// If it cannot be run, takes longer than `time`, says too much, or fails otherwise than by knowing nothing.
pub(super) async fn ask(name: &str, server: &str, time: Duration) -> Result<Option<Credential>, CredentialsError> {
    ask_in(None, name, server, time).await
}

/// As [`ask`], of a helper in `folder` instead of one on `PATH`.
pub(super) async fn ask_in(
    folder: Option<&Path>,
    name: &str,
    server: &str,
    time: Duration,
) -> Result<Option<Credential>, CredentialsError> {
    let failed = |why: String| CredentialsError::Helper { helper: name.to_owned(), server: server.to_owned(), why };
    // A name with a slash would run a file somewhere else.
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
        return Err(failed("expected a name of letters, digits and - _ .".to_owned()));
    }
    let program = format!("docker-credential-{name}");
    let program = folder.map_or_else(|| PathBuf::from(&program), |folder| folder.join(&program));
    let (succeeded, output) = match tokio::time::timeout(time, run(&program, server)).await {
        Ok(result) => result.map_err(|error| failed(error.to_string()))?,
        Err(_) => return Err(failed(format!("no answer within {} s", time.as_secs_f32()))),
    };
    if output.len() as u64 > MAX_ANSWER {
        return Err(failed(format!("its answer is longer than {MAX_ANSWER} bytes")));
    }
    if !succeeded {
        let text = String::from_utf8_lossy(&output);
        if text.contains(NOT_FOUND) {
            return Ok(None);
        }
        // A helper that fails says why, not what it keeps.
        return Err(failed(text.trim().chars().filter(|c| !c.is_control()).take(200).collect()));
    }
    let answer: Answer =
        serde_json::from_slice(&output).map_err(|_| failed("its answer is not the JSON of a credential".to_owned()))?;
    Ok(match (answer.user, answer.secret) {
        (user, secret) if user.is_empty() && secret.expose().is_empty() => None,
        (user, secret) if user == TOKEN_USER => Some(Credential::IdentityToken(secret)),
        (user, password) => Some(Credential::Password { user, password }),
    })
}

/// Whether it succeeded, and what it printed. It ends with this call, whatever happens.
async fn run(program: &Path, server: &str) -> std::io::Result<(bool, Zeroizing<Vec<u8>>)> {
    let mut child = Command::new(program)
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    if let Some(mut input) = child.stdin.take() {
        // One that does not read its input says why on its output.
        let _ = input.write_all(server.as_bytes()).await;
    }
    let mut output = Zeroizing::new(Vec::with_capacity(4096));
    if let Some(stream) = child.stdout.take() {
        stream.take(MAX_ANSWER + 1).read_to_end(&mut output).await?;
    }
    if output.len() as u64 > MAX_ANSWER {
        return Ok((false, output));
    }
    Ok((child.wait().await?.success(), output))
}

/// The helper Docker takes where nothing is configured, if it is installed: `pass` if that program is there, else the
/// desktop's secret service; on other systems their own store.
pub(super) fn default_name() -> Option<&'static str> {
    let name = match std::env::consts::OS {
        "macos" => "osxkeychain",
        "windows" => "wincred",
        "linux" if is_installed("pass") => "pass",
        "linux" => "secretservice",
        _ => return None,
    };
    is_installed(&format!("docker-credential-{name}")).then_some(name)
}

fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .any(|folder| folder.join(format!("{program}{}", std::env::consts::EXE_SUFFIX)).is_file())
}
