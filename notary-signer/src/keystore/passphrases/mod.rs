//! Passphrases by alias: where they come from.
//!
//! Nothing is kept of what variables and files say: each use reads them anew, so that a passphrase given or replaced
//! while the program runs counts at once. Next to hashing a passphrase, reading it costs nothing.

mod environment;
mod error;
mod folder;
mod secret_file;

use std::collections::HashMap;
use std::fmt;

use zeroize::Zeroizing;

pub use environment::EnvironmentPassphrases;
pub use error::{InvalidPassphrase, PassphraseError};
pub use folder::FolderPassphrases;

/// The passphrases that private keys are sealed under, by alias, and the alias for new keys.
///
/// What the program was given itself comes first, then its sources in the order they were added.
///
/// To change the passphrase, add one under a new alias, make that the default and keep the old ones until
/// [`rotate`](crate::rotate) has sealed every key anew.
pub struct Passphrases {
    default_alias: String,
    given: HashMap<String, Zeroizing<String>>,
    sources: Vec<Box<dyn PassphraseSource>>,
}

/// Knows passphrases by alias.
pub trait PassphraseSource: Send + Sync + 'static {
    /// The passphrase of an alias, compared exactly; `None` if this source has none. May read a small file.
    ///
    /// # Errors
    /// If it has one that cannot be read or used. A worse source must not take its place then.
    fn passphrase(&self, alias: &str) -> Result<Option<Passphrase>, PassphraseError>;

    /// Where it looks for the passphrase of an alias, for an operator who has to put it there. `None` if it cannot have
    /// one for this alias.
    fn place(&self, alias: &str) -> Option<String>;
}

/// A passphrase and where it was found. Wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Passphrase {
    text: Zeroizing<String>,
    origin: String,
}

impl Passphrases {
    /// The longest alias, in bytes: what Notary's tables hold.
    pub const MAX_ALIAS_BYTES: usize = 50;
    /// The longest passphrase, in bytes.
    pub const MAX_PASSPHRASE_BYTES: usize = 4096;

    /// New keys are sealed under `default_alias`. Where its passphrase comes from has to be said with
    /// [`Passphrases::with`] or [`Passphrases::with_source`].
    ///
    /// # Errors
    /// If the alias is empty, too long or has control characters.
    pub fn under(default_alias: &str) -> Result<Self, InvalidPassphrase> {
        if !fits_a_row(default_alias) {
            return Err(InvalidPassphrase::Alias { bytes: default_alias.len() });
        }
        Ok(Self { default_alias: default_alias.to_owned(), given: HashMap::new(), sources: Vec::new() })
    }

    /// New keys are sealed under `alias` with `passphrase`. How strong that must be: see
    /// [`Iterations`](crate::seal::Iterations).
    ///
    /// # Errors
    /// If the alias is empty, too long or has control characters, or the passphrase is empty.
    pub fn new(alias: &str, passphrase: Zeroizing<String>) -> Result<Self, InvalidPassphrase> {
        Self::under(alias)?.with(alias, passphrase)
    }

    /// Also opens keys sealed under `alias`. The last passphrase given for an alias counts.
    ///
    /// # Errors
    /// As [`Passphrases::new`].
    pub fn with(mut self, alias: &str, passphrase: Zeroizing<String>) -> Result<Self, InvalidPassphrase> {
        if !fits_a_row(alias) {
            return Err(InvalidPassphrase::Alias { bytes: alias.len() });
        }
        if passphrase.is_empty() {
            return Err(InvalidPassphrase::Empty { alias: alias.to_owned() });
        }
        self.given.insert(alias.to_owned(), passphrase);
        Ok(self)
    }

    /// Also asks `source`, after those that are there.
    #[must_use]
    pub fn with_source(mut self, source: impl PassphraseSource) -> Self {
        self.sources.push(Box::new(source));
        self
    }

    /// The alias for new keys.
    #[must_use]
    pub fn default_alias(&self) -> &str {
        &self.default_alias
    }

    /// Proves that new keys can be sealed: the passphrase of the default alias is there.
    ///
    /// # Errors
    /// If it is not, or cannot be read or used.
    pub fn check(&self) -> Result<(), PassphraseError> {
        self.of(&self.default_alias).map(|_| ())
    }

    /// The passphrase of an alias, compared exactly. May read a small file.
    pub(crate) fn of(&self, alias: &str) -> Result<Passphrase, PassphraseError> {
        if !fits_a_row(alias) {
            return Err(PassphraseError::Alias { bytes: alias.len() });
        }
        if let Some(text) = self.given.get(alias) {
            return Ok(Passphrase { text: text.clone(), origin: "the program itself".to_owned() });
        }
        for source in &self.sources {
            if let Some(found) = source.passphrase(alias)? {
                return Ok(found);
            }
        }
        let places: Vec<String> = self.sources.iter().filter_map(|source| source.place(alias)).collect();
        Err(PassphraseError::Unknown { alias: alias.to_owned(), places: places.join(", or ") })
    }
}

impl Passphrase {
    /// A passphrase found at `origin`, which is a name of a variable, a file or the like.
    ///
    /// # Errors
    /// If it is empty, or longer than [`Passphrases::MAX_PASSPHRASE_BYTES`].
    pub fn new(alias: &str, text: Zeroizing<String>, origin: String) -> Result<Self, PassphraseError> {
        if text.is_empty() {
            return Err(PassphraseError::Empty { alias: alias.to_owned(), origin });
        }
        if text.len() > Passphrases::MAX_PASSPHRASE_BYTES {
            return Err(PassphraseError::TooLong { alias: alias.to_owned(), origin });
        }
        Ok(Self { text, origin })
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Where it was found.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }
}

fn fits_a_row(alias: &str) -> bool {
    (1..=Passphrases::MAX_ALIAS_BYTES).contains(&alias.len()) && !alias.chars().any(char::is_control)
}

impl fmt::Debug for Passphrases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passphrases")
            .field("default_alias", &self.default_alias)
            .field("given_aliases", &self.given.keys())
            .field("sources", &self.sources.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passphrase").field("origin", &self.origin).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Zeroizing<String> {
        Zeroizing::new(text.to_owned())
    }

    fn of(passphrases: &Passphrases, alias: &str) -> String {
        passphrases.of(alias).unwrap().text().to_owned()
    }

    /// Has the same passphrase for each alias that begins with `prefix`.
    struct Prefixed(&'static str, &'static str);

    impl PassphraseSource for Prefixed {
        fn passphrase(&self, alias: &str) -> Result<Option<Passphrase>, PassphraseError> {
            if !alias.starts_with(self.0) {
                return Ok(None);
            }
            Passphrase::new(alias, secret(self.1), format!("source {}", self.0)).map(Some)
        }

        fn place(&self, alias: &str) -> Option<String> {
            Some(format!("{} in {}", alias, self.0))
        }
    }

    #[test]
    fn aliases_are_told_apart_exactly() {
        let passphrases = Passphrases::new("new", secret("a")).unwrap().with("old", secret("b")).unwrap();
        assert_eq!(passphrases.default_alias(), "new");
        assert_eq!((of(&passphrases, "new"), of(&passphrases, "old")), ("a".to_owned(), "b".to_owned()));
        let unknown = PassphraseError::Unknown { alias: "Old".to_owned(), places: String::new() };
        assert_eq!(passphrases.of("Old"), Err(unknown));
    }

    #[test]
    fn what_rows_cannot_hold_and_empty_passphrases_are_refused() {
        for alias in ["", "a\n", &"a".repeat(51)] {
            assert!(matches!(Passphrases::new(alias, secret("a")), Err(InvalidPassphrase::Alias { .. })));
            let all = Passphrases::under("a").unwrap().with_source(Prefixed("", "secret"));
            assert!(matches!(all.of(alias), Err(PassphraseError::Alias { .. })), "also when a row says so");
        }
        assert!(matches!(Passphrases::new("a", secret("")), Err(InvalidPassphrase::Empty { .. })));
    }

    #[test]
    fn sources_are_asked_in_order_and_a_broken_one_is_not_passed_over() {
        let passphrases = Passphrases::new("given", secret("0"))
            .unwrap()
            .with_source(Prefixed("one", "1"))
            .with_source(Prefixed("broken", ""))
            .with_source(Prefixed("", "2"));
        for (alias, expected) in [("given", "0"), ("one", "1"), ("two", "2")] {
            assert_eq!(of(&passphrases, alias), expected);
        }
        assert!(matches!(passphrases.of("broken"), Err(PassphraseError::Empty { .. })));
    }

    #[test]
    fn an_alias_nobody_knows_is_named_with_every_place_to_put_it() {
        let passphrases =
            Passphrases::under("main").unwrap().with_source(Prefixed("x", "1")).with_source(Prefixed("y", "2"));
        let error = passphrases.check().unwrap_err().to_string();
        assert!(error.contains("main in x, or main in y"), "{error}");
    }

    #[test]
    fn debug_shows_aliases_and_no_passphrase() {
        let passphrases = Passphrases::new("main", secret("hunter2")).unwrap();
        let shown = format!("{passphrases:?} {:?}", passphrases.of("main").unwrap());
        assert!(shown.contains("main") && !shown.contains("hunter2"), "{shown}");
    }
}
