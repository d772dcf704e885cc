//! Passphrases from environment variables, and from files that variables name.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fmt;
use std::path::Path;

use zeroize::Zeroizing;

use super::secret_file::SecretFiles;
use super::{Passphrase, PassphraseError, PassphraseSource};

type Lookup = Box<dyn Fn(&str) -> Option<OsString> + Send + Sync>;

/// The passphrase of alias `new.one` is in the variable `NOTARY_SIGNER_NEW_ONE`, as for Notary's signer, or in the file
/// that `NOTARY_SIGNER_NEW_ONE_FILE` names, as for containers' secrets.
pub struct EnvironmentPassphrases {
    prefix: String,
    variables: Lookup,
    /// Variables with another meaning. A row may name any alias, and its writer would know what these say.
    settings: BTreeSet<String>,
    files: SecretFiles,
}

impl EnvironmentPassphrases {
    /// Reads this process's environment. `prefix` is how the program's variables begin, with the underscore:
    /// `NOTARY_SIGNER_`.
    #[must_use]
    pub fn new(prefix: &str) -> Self {
        Self::reading(prefix, |name| std::env::var_os(name))
    }

    /// Reads variables through `variables`.
    pub fn reading(prefix: &str, variables: impl Fn(&str) -> Option<OsString> + Send + Sync + 'static) -> Self {
        let settings = ["STORAGE_DEFAULT_ALIAS", "DEFAULT_ALIAS"].map(|name| format!("{prefix}{name}"));
        Self {
            prefix: prefix.to_owned(),
            variables: Box::new(variables),
            settings: settings.into(),
            files: SecretFiles::default(),
        }
    }

    /// Never takes these variables (full names) for passphrases: they are the program's settings.
    #[must_use]
    pub fn except(mut self, settings: impl IntoIterator<Item = String>) -> Self {
        self.settings.extend(settings);
        self
    }

    /// The alias for new keys: `STORAGE_DEFAULT_ALIAS`, else `configured` (`storage.default_alias`), else
    /// `DEFAULT_ALIAS`, as Notary's signer has it. Empty values count as unset.
    #[must_use]
    pub fn default_alias(&self, configured: Option<&str>) -> Option<String> {
        let variable = |name: &str| {
            let value = (self.variables)(&format!("{}{name}", self.prefix))?.into_string().ok()?;
            Some(value).filter(|value| !value.is_empty())
        };
        variable("STORAGE_DEFAULT_ALIAS")
            .or_else(|| configured.filter(|alias| !alias.is_empty()).map(str::to_owned))
            .or_else(|| variable("DEFAULT_ALIAS"))
    }

    /// The variable of an alias. `None` if it has none: a name cannot have the characters, or means something else.
    fn variable(&self, alias: &str) -> Option<String> {
        let own = alias.to_uppercase().replace('.', "_");
        let name = format!("{}{own}", self.prefix);
        let possible = !name.contains(['=', '\0']) && !self.settings.contains(&name) && !is_known_to_others(&own);
        possible.then_some(name)
    }

    fn value(&self, alias: &str, variable: &str) -> Result<Option<Zeroizing<String>>, PassphraseError> {
        let Some(value) = (self.variables)(variable) else { return Ok(None) };
        let text = value.into_string().map_err(|_| PassphraseError::Unreadable {
            alias: alias.to_owned(),
            origin: variable.to_owned(),
            reason: "it is not UTF-8 text".to_owned(),
        })?;
        Ok(Some(Zeroizing::new(text)))
    }
}

/// Whether a variable of this name, without the prefix, says what anybody could guess: where a file is, or where
/// Kubernetes put a service. Whoever can write rows could seal a key of their own under such a text.
fn is_known_to_others(name: &str) -> bool {
    name.ends_with("_FILE")
        || name == "PORT"
        || name.starts_with("PORT_")
        || name.ends_with("_PORT")
        || name.contains("SERVICE_HOST")
        || name.contains("SERVICE_PORT")
}

impl PassphraseSource for EnvironmentPassphrases {
    fn passphrase(&self, alias: &str) -> Result<Option<Passphrase>, PassphraseError> {
        let Some(variable) = self.variable(alias) else { return Ok(None) };
        let file_variable = format!("{variable}_FILE");
        let text = self.value(alias, &variable)?;
        let file = if self.settings.contains(&file_variable) { None } else { self.value(alias, &file_variable)? };
        match (text, file.filter(|path| !path.is_empty())) {
            (Some(text), Some(_)) if !text.is_empty() => {
                Err(PassphraseError::Ambiguous { alias: alias.to_owned(), variable })
            }
            (_, Some(path)) => {
                let origin = format!("{} (named by {file_variable})", path.as_str());
                let found = self.files.read(alias, Path::new(path.as_str()), origin.clone())?;
                let missing = || PassphraseError::Unreadable {
                    alias: alias.to_owned(),
                    origin,
                    reason: "there is no such file".to_owned(),
                };
                found.ok_or_else(missing).map(Some)
            }
            (Some(text), None) => Passphrase::new(alias, text, variable).map(Some),
            (None, None) => Ok(None),
        }
    }

    fn place(&self, alias: &str) -> Option<String> {
        let variable = self.variable(alias)?;
        Some(format!("in the environment variable {variable}, or in a file that {variable}_FILE names"))
    }
}

impl fmt::Debug for EnvironmentPassphrases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnvironmentPassphrases").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt as _;

    use super::*;

    const PREFIX: &str = "NOTARY_SIGNER_";

    fn environment(variables: &[(&str, &str)]) -> EnvironmentPassphrases {
        let variables: Vec<(String, OsString)> =
            variables.iter().map(|(name, value)| (format!("{PREFIX}{name}"), OsString::from(value))).collect();
        EnvironmentPassphrases::reading(PREFIX, move |name| {
            variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
        })
    }

    fn of(source: &EnvironmentPassphrases, alias: &str) -> Result<Option<String>, PassphraseError> {
        Ok(source.passphrase(alias)?.map(|found| found.text().to_owned()))
    }

    #[test]
    fn variables_are_named_as_notarys_signer_names_them() {
        let source = environment(&[("ALIAS_ONE", "1"), ("MY-KEY", " 2\n")]);
        assert_eq!(of(&source, "alias.One"), Ok(Some("1".to_owned())));
        assert_eq!(of(&source, "my-key"), Ok(Some(" 2\n".to_owned())), "as it is, to the last byte");
        assert_eq!(of(&source, "other"), Ok(None));
        assert_eq!(of(&source, "a=b"), Ok(None));
        assert!(source.place("alias.One").unwrap().contains("NOTARY_SIGNER_ALIAS_ONE_FILE"));
    }

    #[test]
    fn a_file_that_a_variable_names_is_read_anew_each_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let source = environment(&[("ONE_FILE", path.to_str().unwrap())]);
        let missing = of(&source, "one").unwrap_err().to_string();
        assert!(missing.contains(path.to_str().unwrap()) && missing.contains("NOTARY_SIGNER_ONE_FILE"), "{missing}");
        std::fs::write(&path, "first\r\n").unwrap();
        assert_eq!(of(&source, "one"), Ok(Some("first".to_owned())));
        std::fs::write(&path, " second ").unwrap();
        assert_eq!(of(&source, "one"), Ok(Some(" second ".to_owned())), "only line ends are cut");
    }

    #[test]
    fn what_is_empty_twofold_or_not_text_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let (newline, binary) = (path("newline", b"\n"), path("binary", b"\xff\xfe"));
        let (large, good) = (path("large", &[b'a'; 5000]), path("good", b"good"));
        let both = environment(&[("ONE", "hunter2"), ("ONE_FILE", &good)]);
        assert!(matches!(of(&both, "one"), Err(PassphraseError::Ambiguous { .. })));
        let empty_beside = environment(&[("ONE", ""), ("ONE_FILE", &good)]);
        assert_eq!(of(&empty_beside, "one"), Ok(Some("good".to_owned())));
        assert!(matches!(of(&environment(&[("ONE", "")]), "one"), Err(PassphraseError::Empty { .. })));
        for (file, expected) in [
            (&newline, "empty"),
            (&binary, "UTF-8"),
            (&large, "more than"),
            (&folder.path().display().to_string(), "regular"),
        ] {
            let refused = of(&environment(&[("ONE_FILE", file)]), "one").unwrap_err().to_string();
            assert!(
                refused.contains(expected) && refused.contains(file.as_str()) && refused.contains("one"),
                "{refused}"
            );
        }
        let raw = EnvironmentPassphrases::reading(PREFIX, |_| Some(OsString::from_vec(vec![0xff])));
        assert!(matches!(of(&raw, "one"), Err(PassphraseError::Unreadable { .. })));
    }

    #[test]
    fn settings_are_not_passphrases_whatever_alias_a_row_has() {
        let source = environment(&[("DEFAULT_ALIAS", "one"), ("LOGGING_LEVEL", "info"), ("STORAGE_DB_URL", "x")])
            .except(["NOTARY_SIGNER_LOGGING_LEVEL".to_owned(), "NOTARY_SIGNER_STORAGE_DB_URL".to_owned()]);
        for alias in ["default.alias", "default_alias", "logging.level", "storage_db.url"] {
            assert_eq!(of(&source, alias), Ok(None), "{alias}");
        }
        let names = ["ONE_FILE", "PORT", "PORT_7899_TCP_ADDR", "SERVICE_HOST", "SERVICE_PORT_GRPC", "X_SERVICE_PORT"];
        let guessed = environment(&names.map(|name| (name, "what others know")));
        for alias in names {
            assert_eq!(of(&guessed, alias), Ok(None), "{alias}");
        }
    }

    #[test]
    fn the_default_alias_comes_from_where_notarys_signer_takes_it() {
        let both = [("STORAGE_DEFAULT_ALIAS", "variable"), ("DEFAULT_ALIAS", "legacy")];
        let alias = |variables: &[(&str, &str)], configured| environment(variables).default_alias(configured);
        assert_eq!(alias(&both, Some("file")).as_deref(), Some("variable"));
        assert_eq!(alias(&both[1..], Some("file")).as_deref(), Some("file"));
        assert_eq!(alias(&both[1..], Some("")).as_deref(), Some("legacy"));
        assert_eq!(alias(&[], None), None);
    }
}
