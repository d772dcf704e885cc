//! Our `trust` command, and the same program as Docker's plugin `docker-trust`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use crate::command::{Outcome, clean, run, run_with_input};
use crate::trust_server::TrustServer;

/// The binary under test: `TRUST_BIN`, else the workspace's release build.
pub fn binary() -> Result<PathBuf> {
    find("TRUST_BIN", "trust")
}

/// The plugin under test: `DOCKER_TRUST_BIN`, else the workspace's release build.
pub fn plugin() -> Result<PathBuf> {
    find("DOCKER_TRUST_BIN", "docker-trust")
}

fn find(variable: &str, name: &str) -> Result<PathBuf> {
    let path = match (std::env::var_os(variable), std::env::var_os("CARGO_TARGET_DIR")) {
        (Some(path), _) => PathBuf::from(path),
        (None, Some(target)) => PathBuf::from(target).join("release").join(name),
        (None, None) => Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/release").join(name),
    };
    if !path.exists() {
        bail!("{} is missing: cargo build --release --bin {name}", path.display());
    }
    Ok(path.canonicalize()?)
}

/// A user of `trust`: one Docker configuration folder, one server.
#[derive(Clone, Debug)]
pub struct TrustCli {
    home: PathBuf,
    config: PathBuf,
    server: String,
    ca: PathBuf,
    passphrase: Option<String>,
}

impl TrustCli {
    /// A new user whose files are in `FOLDER/NAME` and whose keys and caches are where Docker's would be.
    pub fn new(name: &str, folder: &Path, server: &TrustServer) -> Result<Self> {
        let home = folder.join(name);
        let config = home.join("config");
        std::fs::create_dir_all(&config)?;
        Ok(Self { home, config, server: server.url(), ca: server.ca().to_owned(), passphrase: None })
    }

    /// The same user with the same keys and cache, at another server.
    #[must_use]
    pub fn at(&self, server: &TrustServer) -> Self {
        Self { server: server.url(), ca: server.ca().to_owned(), ..self.clone() }
    }

    /// The same user with another Docker configuration folder: that of a `docker` client whose keys they share.
    #[must_use]
    pub fn with_config(&self, config: &Path) -> Self {
        Self { config: config.to_owned(), ..self.clone() }
    }

    /// From now on this user trusts on first use although nobody watches: their policy says so.
    pub fn trusts_on_first_use(&self) -> Result<()> {
        std::fs::create_dir_all(self.trust_dir())?;
        Ok(std::fs::write(self.trust_dir().join("policy.json"), r#"{"version":1,"default":{"first_use":true}}"#)?)
    }

    /// The same user, with one passphrase for all keys.
    #[must_use]
    pub fn with_passphrase(&self, passphrase: &str) -> Self {
        Self { passphrase: Some(passphrase.to_owned()), ..self.clone() }
    }

    /// The same user, who wrote into the policy that first use is trusted though nobody watches.
    pub fn trusting_first_use(self) -> Result<Self> {
        self.trusts_on_first_use()?;
        Ok(self)
    }

    /// The user's own folder; commands run in it.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// Keys, caches and staged changes.
    pub fn trust_dir(&self) -> PathBuf {
        self.config.join("trust")
    }

    /// Runs `trust ARGS`.
    pub fn run(&self, args: &[&str]) -> Result<Outcome> {
        run(self.command()?.args(args))
    }

    /// Runs `trust ARGS` and expects it to succeed.
    pub fn ok(&self, args: &[&str]) -> Result<Outcome> {
        self.run(args)?.success()
    }

    /// Runs `trust ARGS` and expects it to end with a code, having said something.
    pub fn fails(&self, code: i32, message: &str, args: &[&str]) -> Result<Outcome> {
        let outcome = self.run(args)?.failure(message)?;
        if outcome.code != code {
            bail!("should have ended with {code}: {outcome}");
        }
        Ok(outcome)
    }

    /// Runs `trust ARGS` with something typed into it.
    pub fn run_with_input(&self, args: &[&str], input: &str) -> Result<Outcome> {
        run_with_input(self.command()?.args(args), input)
    }

    /// The JSON document that `trust ARGS` prints.
    pub fn json(&self, args: &[&str]) -> Result<serde_json::Value> {
        let printed = run(self.command()?.args(args).args(["--output", "json"]))?.success()?;
        Ok(serde_json::from_str(&printed.stdout)?)
    }

    /// Writes a file into the user's folder and gives its name.
    pub fn file<'a>(&self, name: &'a str, content: &str) -> Result<&'a str> {
        std::fs::write(self.home.join(name), content)?;
        Ok(name)
    }

    /// `trust` as this user, without arguments yet. Passphrases are those of
    /// [`DockerClient`](super::docker::DockerClient), so that keys can be shared.
    pub fn command(&self) -> Result<Command> {
        let mut command = clean(binary()?);
        command.current_dir(&self.home).env("HOME", &self.home).env("DOCKER_CONFIG", &self.config);
        command.env("DOCKER_CONTENT_TRUST_SERVER", &self.server);
        let passphrase = |own| self.passphrase.clone().unwrap_or_else(|| String::from(own));
        command.env("DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE", passphrase("passphrase-root"));
        command.env("DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE", passphrase("passphrase-repository"));
        command.arg("--tlscacert").arg(&self.ca);
        Ok(command)
    }
}
