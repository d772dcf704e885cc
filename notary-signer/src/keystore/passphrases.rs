//! Passphrases by alias.

use std::collections::HashMap;
use std::fmt;

use zeroize::Zeroizing;

/// The passphrases that private keys are sealed under, by alias, and the alias for new keys. Wiped when dropped.
///
/// To change the passphrase, add one under a new alias, make that the default and keep the old ones: keys stay under
/// the alias they were sealed with.
pub struct Passphrases {
    default_alias: String,
    default: Zeroizing<String>,
    others: HashMap<String, Zeroizing<String>>,
}

impl Passphrases {
    /// The longest alias, in bytes: what Notary's tables hold.
    pub const MAX_ALIAS_BYTES: usize = 50;

    /// New keys are sealed under `alias` with `passphrase`. How strong that must be: see
    /// [`Iterations`](crate::seal::Iterations).
    ///
    /// # Errors
    /// If the alias is empty, too long or has control characters, or the passphrase is empty.
    pub fn new(alias: &str, passphrase: Zeroizing<String>) -> Result<Self, InvalidPassphrase> {
        check(alias, &passphrase)?;
        Ok(Self { default_alias: alias.to_owned(), default: passphrase, others: HashMap::new() })
    }

    /// Also opens keys sealed under `alias`. The last passphrase given for an alias counts.
    ///
    /// # Errors
    /// As [`Passphrases::new`].
    pub fn with(mut self, alias: &str, passphrase: Zeroizing<String>) -> Result<Self, InvalidPassphrase> {
        check(alias, &passphrase)?;
        if alias == self.default_alias {
            self.default = passphrase;
        } else {
            self.others.insert(alias.to_owned(), passphrase);
        }
        Ok(self)
    }

    /// The alias for new keys.
    #[must_use]
    pub fn default_alias(&self) -> &str {
        &self.default_alias
    }

    /// The passphrase for new keys.
    pub(super) fn default_passphrase(&self) -> &str {
        &self.default
    }

    /// The passphrase of an alias, compared exactly.
    pub(super) fn of(&self, alias: &str) -> Option<&str> {
        if alias == self.default_alias {
            return Some(&self.default);
        }
        self.others.get(alias).map(|secret| secret.as_str())
    }
}

fn check(alias: &str, passphrase: &str) -> Result<(), InvalidPassphrase> {
    if alias.is_empty() || alias.len() > Passphrases::MAX_ALIAS_BYTES || alias.chars().any(char::is_control) {
        return Err(InvalidPassphrase::Alias { bytes: alias.len() });
    }
    if passphrase.is_empty() {
        return Err(InvalidPassphrase::Empty { alias: alias.to_owned() });
    }
    Ok(())
}

impl fmt::Debug for Passphrases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passphrases")
            .field("default_alias", &self.default_alias)
            .field("other_aliases", &self.others.keys())
            .finish_non_exhaustive()
    }
}

/// A passphrase or alias that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPassphrase {
    /// The alias does not fit.
    #[error(
        "a passphrase alias has 1 to {} bytes and no control characters, this one has {bytes} bytes",
        Passphrases::MAX_ALIAS_BYTES
    )]
    Alias {
        /// Its length, in bytes.
        bytes: usize,
    },
    /// Nothing is not a passphrase.
    #[error("the passphrase of alias {alias:?} is empty")]
    Empty {
        /// The alias.
        alias: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Zeroizing<String> {
        Zeroizing::new(text.to_owned())
    }

    #[test]
    fn aliases_are_told_apart_exactly() {
        let passphrases = Passphrases::new("new", secret("a")).unwrap().with("old", secret("b")).unwrap();
        assert_eq!(passphrases.default_alias(), "new");
        assert_eq!(passphrases.of("new"), Some("a"));
        assert_eq!(passphrases.of("old"), Some("b"));
        assert_eq!(passphrases.of("Old"), None);
    }

    #[test]
    fn what_rows_cannot_hold_and_empty_passphrases_are_refused() {
        for alias in ["", "a\n", &"a".repeat(51)] {
            assert!(matches!(Passphrases::new(alias, secret("a")), Err(InvalidPassphrase::Alias { .. })));
        }
        assert!(matches!(Passphrases::new("a", secret("")), Err(InvalidPassphrase::Empty { .. })));
    }

    #[test]
    fn debug_shows_aliases_and_no_passphrase() {
        let shown = format!("{:?}", Passphrases::new("main", secret("hunter2")).unwrap());
        assert!(shown.contains("main") && !shown.contains("hunter2"), "{shown}");
    }
}
