//! What the options and the environment come to: where things are, which server is asked, how much is allowed.

mod environment;
mod options;
mod server;
mod token;

use std::path::PathBuf;
use std::time::Duration;

pub use environment::Environment;
pub use options::GlobalOptions;
pub use server::ServerUrl;
pub use token::TokenSettings;

use crate::failure::Failure;
use crate::output::Format;
use crate::terminal::Confirmation;

/// The settings of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Keys, caches and staged changes. Shared with Docker unless set.
    pub trust_dir: PathBuf,
    /// Docker's folder: credentials and certificates of hosts.
    pub docker_config: PathBuf,
    /// The one server for every image, if one was named. See [`Settings::server_of`].
    pub server: Option<ServerUrl>,
    /// Certificates for the connection.
    pub tls: TlsFiles,
    /// The longest wait for an answer, if one was named.
    pub timeout: Option<Duration>,
    /// How the document is printed.
    pub format: Format,
    /// How much is told besides it.
    pub verbosity: Verbosity,
    /// Whether an unknown root key may be trusted because it is the first.
    pub first_use: FirstUse,
    /// The policy file, if one was named.
    pub policy: Option<PathBuf>,
    /// Whether a person is asked before something that cannot be undone.
    pub confirmation: Confirmation,
    /// Whether anybody may be asked for anything.
    pub may_ask: bool,
    /// Whether changes are made or only told.
    pub changes: Changes,
    /// Where passphrases are besides the environment.
    pub passphrases: PassphraseSource,
    /// A token with root keys, if one is named.
    pub token: Option<TokenSettings>,
}

/// Where passphrases are besides the environment and a person.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum PassphraseSource {
    /// Nowhere.
    #[default]
    Nowhere,
    /// The first line of a file.
    File(PathBuf),
    /// The first line that comes through an open descriptor.
    Descriptor(u32),
}

/// Certificates for connections to trust servers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// The authority that replaces those of the system.
    pub ca: Option<PathBuf>,
    /// A client certificate and its key.
    pub client: Option<(PathBuf, PathBuf)>,
}

/// How much is told on standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Errors.
    Quiet,
    /// Also warnings, and progress on a terminal.
    Normal,
    /// Also what is done.
    Steps,
    /// Also every request.
    Requests,
}

/// Whether an unknown root key may be trusted because it is the first for its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstUse {
    /// It may, and it is said.
    Trusted,
    /// It may not: `--no-tofu`.
    Refused,
    /// It may not: nobody is there who could notice a wrong one.
    RefusedUnattended,
}

/// What becomes of changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changes {
    /// They are made.
    Made,
    /// They are told: `--dry-run`.
    Told,
}

impl Settings {
    /// Puts options over environment over defaults. `attended` says whether a person is at the terminal.
    ///
    /// # Errors
    /// A usage failure that names the option or variable that cannot be followed.
    pub fn new(options: &GlobalOptions, environment: &Environment, attended: bool) -> Result<Self, Failure> {
        let docker_config = environment.docker_config()?;
        let trust_dir = match options.trust_dir.clone().or_else(|| environment.path("TRUST_DIR")) {
            Some(folder) => folder,
            None => docker_config.join("trust"),
        };
        let server = match &options.server {
            Some(url) => Some(ServerUrl::parse(url, "--server")?),
            None => {
                environment.text(server::VARIABLE)?.map(|url| ServerUrl::parse(&url, server::VARIABLE)).transpose()?
            }
        };
        Ok(Self {
            trust_dir,
            docker_config,
            server,
            tls: TlsFiles {
                ca: options.tlscacert.clone(),
                client: options.tlscert.clone().zip(options.tlskey.clone()),
            },
            timeout: options.timeout,
            format: options.output,
            verbosity: verbosity(options),
            first_use: match (options.no_tofu, attended && !options.no_input) {
                (true, _) => FirstUse::Refused,
                (false, true) => FirstUse::Trusted,
                (false, false) => FirstUse::RefusedUnattended,
            },
            policy: options.policy.clone(),
            confirmation: if options.yes { Confirmation::Given } else { Confirmation::Asked },
            may_ask: !options.no_input,
            changes: if options.dry_run { Changes::Told } else { Changes::Made },
            passphrases: match (&options.passphrase_file, options.passphrase_fd) {
                (Some(file), _) => PassphraseSource::File(file.clone()),
                (None, Some(number)) => PassphraseSource::Descriptor(number),
                (None, None) => PassphraseSource::Nowhere,
            },
            token: TokenSettings::new(options, environment)?,
        })
    }

    /// The trust server for images of a registry (`registry.example:5000`, `docker.io`): the one that was named, else the
    /// registry's own.
    ///
    /// # Errors
    /// If no address can be made of that host.
    pub fn server_of(&self, registry: &str) -> Result<ServerUrl, Failure> {
        match &self.server {
            Some(server) => Ok(server.clone()),
            None => ServerUrl::of_registry(registry),
        }
    }
}

fn verbosity(options: &GlobalOptions) -> Verbosity {
    match (options.quiet, options.verbose) {
        (true, _) => Verbosity::Quiet,
        (false, 0) => Verbosity::Normal,
        (false, 1) => Verbosity::Steps,
        (false, _) => Verbosity::Requests,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::exit::Exit;

    fn settings(options: &GlobalOptions, variables: &[(&str, &str)]) -> Result<Settings, Failure> {
        Settings::new(options, &Environment::of(variables), true)
    }

    #[test]
    fn trust_is_shared_with_docker_unless_said_otherwise() {
        let options = GlobalOptions::default();
        let folder = |variables| settings(&options, variables).unwrap().trust_dir;
        assert_eq!(folder(&[("HOME", "/home/me")]), Path::new("/home/me/.docker/trust"));
        assert_eq!(folder(&[("HOME", "/home/me"), ("DOCKER_CONFIG", "/etc/d")]), Path::new("/etc/d/trust"));
        assert_eq!(folder(&[("HOME", "/home/me"), ("DOCKER_CONFIG", "")]), Path::new("/home/me/.docker/trust"));
        assert_eq!(folder(&[("HOME", "/home/me"), ("TRUST_DIR", "/keys")]), Path::new("/keys"));
        let option = GlobalOptions { trust_dir: Some("/other".into()), ..GlobalOptions::default() };
        assert_eq!(settings(&option, &[("HOME", "/"), ("TRUST_DIR", "/keys")]).unwrap().trust_dir, Path::new("/other"));
        assert_eq!(settings(&options, &[]).unwrap_err().exit(), Exit::Usage);
    }

    #[test]
    fn the_server_is_the_one_named_or_the_registry_s_own() {
        let asked = |server: Option<&str>, variables: &[(&str, &str)], registry| {
            let options = GlobalOptions { server: server.map(str::to_owned), ..GlobalOptions::default() };
            let variables = [&[("HOME", "/")], variables].concat();
            settings(&options, &variables).and_then(|settings| settings.server_of(registry)).map(|url| url.to_string())
        };
        let variable = &[("DOCKER_CONTENT_TRUST_SERVER", "https://trust.example/")][..];
        assert_eq!(asked(None, &[], "docker.io").unwrap(), "https://notary.docker.io");
        assert_eq!(asked(None, &[], "registry.example:5000").unwrap(), "https://registry.example:5000");
        assert_eq!(asked(None, variable, "docker.io").unwrap(), "https://trust.example");
        assert_eq!(
            asked(Some("https://other:4443/notary/"), variable, "docker.io").unwrap(),
            "https://other:4443/notary"
        );
        let wrong = asked(None, &[("DOCKER_CONTENT_TRUST_SERVER", "trust.example")], "docker.io").unwrap_err();
        assert!(wrong.message().contains("DOCKER_CONTENT_TRUST_SERVER"), "{}", wrong.message());
        assert_eq!(wrong.exit(), Exit::Usage);
    }

    #[test]
    fn nobody_there_means_no_first_use() {
        let environment = Environment::of(&[("HOME", "/")]);
        let first_use = |no_tofu, no_input, attended| {
            let options = GlobalOptions { no_tofu, no_input, ..GlobalOptions::default() };
            Settings::new(&options, &environment, attended).unwrap().first_use
        };
        assert_eq!(first_use(false, false, true), FirstUse::Trusted);
        assert_eq!(first_use(false, false, false), FirstUse::RefusedUnattended);
        assert_eq!(first_use(false, true, true), FirstUse::RefusedUnattended);
        assert_eq!(first_use(true, false, true), FirstUse::Refused);
    }
}
