//! A PKCS#11 token with root keys.

use std::path::PathBuf;

use super::{Environment, GlobalOptions};
use crate::failure::Failure;

/// How a token is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenSettings {
    /// The library of its vendor.
    pub module: PathBuf,
    /// Its label, if there are several.
    pub label: Option<String>,
    /// The file whose first line is the PIN, if nobody is to be asked.
    pub pin_file: Option<PathBuf>,
}

impl TokenSettings {
    /// Options over environment; nothing if neither names a library.
    ///
    /// # Errors
    /// A usage failure if a label is not UTF-8.
    pub fn new(options: &GlobalOptions, environment: &Environment) -> Result<Option<Self>, Failure> {
        let module = options.token_module.clone().or_else(|| environment.path("TRUST_TOKEN_MODULE"));
        let Some(module) = module else { return Ok(None) };
        let label = match &options.token {
            Some(label) => Some(label.clone()),
            None => environment.text("TRUST_TOKEN")?,
        };
        let pin_file = options.token_pin_file.clone().or_else(|| environment.path("TRUST_TOKEN_PIN_FILE"));
        Ok(Some(Self { module, label, pin_file }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_token_where_a_library_is_named() {
        let of = |options: &GlobalOptions, variables: &[(&str, &str)]| {
            TokenSettings::new(options, &Environment::of(variables)).unwrap()
        };
        let none = GlobalOptions::default();
        assert_eq!(of(&none, &[("TRUST_TOKEN", "root keys")]), None);
        let variables = [("TRUST_TOKEN_MODULE", "/lib/a.so"), ("TRUST_TOKEN", "a")];
        let set = of(&none, &variables).unwrap();
        assert_eq!((set.module, set.label.as_deref(), set.pin_file), ("/lib/a.so".into(), Some("a"), None));
        let options = GlobalOptions { token: Some("b".to_owned()), ..none };
        assert_eq!(of(&options, &variables).unwrap().label.as_deref(), Some("b"));
    }
}
