//! The words in which passphrases are asked for: ours, and those that people and scripts know from Docker and Notary,
//! byte for byte (`fixtures/spoken`).

use libtrust::client::PassphraseRequest;

/// Whose words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wording {
    /// Our own.
    Trust,
    /// Those of `docker trust`.
    Docker,
    /// Those of `notary`.
    Notary,
}

/// Shown before the passphrase of a new root key, by Docker and Notary.
const NEW_ROOT: &str = "\
You are about to create a new root signing key passphrase. This passphrase
will be used to protect the most sensitive key in your signing system. Please
choose a long, complex passphrase and be careful to keep the password and the
key file itself secure and backed up. It is highly recommended that you use a
password manager to generate the passphrase and keep it safe. There will be no
way to recover this key. You can find the key in your config directory.
";

impl Wording {
    /// What comes before the first question.
    pub(super) fn introduction(self, request: &PassphraseRequest<'_>) -> &'static str {
        match self {
            _ if !request.is_new || request.role != "root" => "",
            Self::Trust => {
                "The root key decides over every other key of your images, and nobody can bring it back: choose a \
                 passphrase that nobody guesses, and keep a copy of key and passphrase elsewhere.\n"
            }
            Self::Docker | Self::Notary => NEW_ROOT,
        }
    }

    /// The question.
    pub(super) fn question(self, request: &PassphraseRequest<'_>) -> String {
        let key = self.key(request);
        match (self, request.is_new) {
            (Self::Trust, true) => format!("New passphrase for {key}: "),
            (Self::Trust, false) => format!("Passphrase of {key}: "),
            (_, true) => format!("Enter passphrase for new {key}: "),
            (_, false) => format!("Enter passphrase for {key}: "),
        }
    }

    /// The same question, so that nobody is locked out by a slip.
    pub(super) fn repetition(self, request: &PassphraseRequest<'_>) -> String {
        match self {
            Self::Trust => "The same again: ".to_owned(),
            Self::Docker | Self::Notary => format!("Repeat passphrase for new {}: ", self.key(request)),
        }
    }

    /// The answer did not open the key.
    pub(super) const fn wrong(self) -> &'static str {
        match self {
            Self::Trust => "That does not open it.\n",
            Self::Docker | Self::Notary => "Passphrase incorrect. Please retry.\n",
        }
    }

    /// The new passphrase has fewer than eight characters.
    pub(super) const fn too_short(self) -> &'static str {
        match self {
            Self::Trust => "At least 8 characters, please; better more, made by a password manager.\n",
            Self::Docker | Self::Notary => {
                "Passphrase is too short. Please use a password manager to generate and store a good random passphrase.\n"
            }
        }
    }

    /// The repetition differs.
    pub(super) const fn different(self) -> &'static str {
        match self {
            Self::Trust => "These two differ; once more.\n",
            Self::Docker | Self::Notary => "Passphrases do not match. Please retry.\n",
        }
    }

    fn key(self, request: &PassphraseRequest<'_>) -> String {
        let id = request.id.map(|id| id.as_str().get(..7).unwrap_or(id.as_str()));
        match self {
            Self::Trust => {
                let id = id.map(|id| format!(" {id}")).unwrap_or_default();
                let of = request.gun.map(|gun| format!(" of {gun}")).unwrap_or_default();
                format!("the {} key{id}{of}", request.role)
            }
            Self::Docker | Self::Notary => {
                let id = id.map(|id| format!(" with ID {id}")).unwrap_or_default();
                format!("{} key{id}", self.role(request.role))
            }
        }
    }

    /// Docker speaks of one repository key; a file of either role may hold it.
    fn role(self, role: &str) -> &str {
        match (self, role) {
            (Self::Docker, "targets" | "snapshot") => "repository",
            _ => role,
        }
    }
}
