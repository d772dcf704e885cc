//! TUF clients of several languages behind the command line of the public conformance suite.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::command::{Outcome, bounded, run};
use crate::peers::{python_tuf, rust_tuf, trust, tuf_js};

/// Whose client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// `trust tuf`.
    Ours,
    /// The reference implementation.
    PythonTuf,
    /// The JavaScript one.
    TufJs,
    /// Its library wants key ids that are digests, and SHA-256 hashes.
    Tough,
    /// The other one in Rust.
    SigstoreTuf,
}

impl Client {
    /// Everybody's but ours.
    pub const OTHERS: [Self; 4] = [Self::PythonTuf, Self::TufJs, Self::Tough, Self::SigstoreTuf];

    /// The program, without arguments yet; it knows nothing of our environment but `PATH`.
    pub fn command(self) -> Result<Command> {
        let mut command = match self {
            Self::Ours => {
                let mut command = Command::new(trust::binary()?);
                command.arg("tuf");
                command
            }
            Self::PythonTuf => python_tuf::client()?,
            Self::TufJs => tuf_js::client()?,
            Self::Tough => rust_tuf::tough()?,
            Self::SigstoreTuf => rust_tuf::sigstore_tuf()?,
        };
        let own: Vec<_> =
            command.get_envs().map(|(name, value)| (name.to_owned(), value.map(ToOwned::to_owned))).collect();
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.envs(own.into_iter().filter_map(|(name, value)| Some((name, value?))));
        Ok(command)
    }
}

/// Somebody with a client, a metadata folder and a target folder.
#[derive(Debug)]
pub struct User {
    client: Client,
    home: PathBuf,
    url: String,
    clock: Option<String>,
    options: Vec<String>,
    authority: Option<PathBuf>,
}

impl User {
    /// A new user whose folders are in `FOLDER/NAME`, who reads the repository at a URL and trusts this root.
    pub fn new(client: Client, folder: &Path, name: &str, url: &str, root: &Path) -> Result<Self> {
        let (home, url) = (folder.join(name), url.to_owned());
        let user = Self { client, home, url, clock: None, options: vec![], authority: None };
        std::fs::create_dir_all(user.metadata_dir())?;
        std::fs::create_dir_all(user.target_dir())?;
        run(bounded(&user.command()?).arg("init").arg(root))?.success()?;
        Ok(user)
    }

    /// The same user, whose computer's clock starts anew at this UTC time (`YYYY-MM-DD hh:mm:ss`) with every command.
    #[must_use]
    pub fn at(self, time: &str) -> Self {
        Self { clock: Some(time.to_owned()), ..self }
    }

    /// The same user, who says this as well with every command from now on.
    #[must_use]
    pub fn with_options(self, options: &[&str]) -> Self {
        Self { options: options.iter().map(|&option| option.to_owned()).collect(), ..self }
    }

    /// The same user, whose system trusts the TLS certificates of this authority.
    #[must_use]
    pub fn trusting(self, authority: &Path) -> Self {
        Self { authority: Some(authority.to_owned()), ..self }
    }

    /// Where the client keeps metadata.
    pub fn metadata_dir(&self) -> PathBuf {
        self.home.join("metadata")
    }

    /// Where the client puts targets.
    pub fn target_dir(&self) -> PathBuf {
        self.home.join("targets")
    }

    /// Brings the metadata up to date.
    pub fn refresh(&self) -> Result<Outcome> {
        run(&mut bounded(&self.refreshing()?))
    }

    /// What [`Self::refresh`] runs.
    pub fn refreshing(&self) -> Result<Command> {
        let mut command = self.command()?;
        command.arg("--metadata-url").arg(format!("{}/metadata", self.url)).arg("refresh");
        Ok(command)
    }

    /// Brings the metadata up to date and gets targets.
    pub fn download(&self, paths: &[&str]) -> Result<Outcome> {
        run(&mut bounded(&self.downloading(paths)?))
    }

    /// What [`Self::download`] runs.
    pub fn downloading(&self, paths: &[&str]) -> Result<Command> {
        let mut command = self.command()?;
        command.arg("--metadata-url").arg(format!("{}/metadata", self.url));
        for path in paths {
            command.args(["--target-name", path]);
        }
        command.arg("--target-dir").arg(self.target_dir());
        command.arg("--target-base-url").arg(format!("{}/targets", self.url)).arg("download");
        Ok(command)
    }

    /// The content of the only file in the target folder, which is emptied.
    pub fn take_target(&self) -> Result<Vec<u8>> {
        let files = files_below(&self.target_dir())?;
        let [file] = files.as_slice() else { bail!("should be one target: {files:?}") };
        let content = std::fs::read(file)?;
        self.forget_targets()?;
        Ok(content)
    }

    /// Empties the target folder.
    pub fn forget_targets(&self) -> Result<()> {
        std::fs::remove_dir_all(self.target_dir())?;
        Ok(std::fs::create_dir_all(self.target_dir())?)
    }

    /// Every file anywhere in the target folder.
    pub fn targets(&self) -> Result<Vec<PathBuf>> {
        files_below(&self.target_dir())
    }

    /// The metadata files that the client trusts, by name.
    pub fn kept(&self) -> Result<BTreeMap<String, Vec<u8>>> {
        let mut kept = BTreeMap::new();
        for entry in std::fs::read_dir(self.metadata_dir())? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str()).context("a name that is not text")?;
            if name.ends_with(".json") && path.is_file() {
                kept.insert(name.to_owned(), std::fs::read(&path)?);
            }
        }
        Ok(kept)
    }

    fn command(&self) -> Result<Command> {
        let mut command = self.client.command()?;
        if let Some(time) = &self.clock {
            command.env("LD_PRELOAD", FAKETIME).env("FAKETIME", format!("@{time}")).env("TZ", "UTC");
            if !Path::new(FAKETIME).exists() {
                bail!("{FAKETIME} is missing: Debian package faketime");
            }
        }
        if let Some(authority) = &self.authority {
            // OpenSSL and rustls go by the first, Node by the second.
            command.env("SSL_CERT_FILE", authority).env("NODE_EXTRA_CA_CERTS", authority);
        }
        command.arg("--metadata-dir").arg(self.metadata_dir()).args(&self.options);
        Ok(command)
    }
}

/// What changes a program's idea of the time.
const FAKETIME: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";

/// Every file in a folder and below, in order.
fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(files_below(&path)?);
        } else {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
