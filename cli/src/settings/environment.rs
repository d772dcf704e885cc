//! The environment variables the commands read. An empty one counts as unset, as Docker has it.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::PathBuf;

use crate::failure::Failure;

/// Variables by name.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    variables: HashMap<String, OsString>,
}

impl Environment {
    /// That of this process. Variables without a UTF-8 name are not ours.
    #[must_use]
    pub fn of_process() -> Self {
        let named = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
        Self { variables: named.filter(|(_, value)| !value.is_empty()).collect() }
    }

    /// These variables alone.
    #[must_use]
    pub fn of(variables: &[(&str, &str)]) -> Self {
        let set = variables.iter().filter(|(_, value)| !value.is_empty());
        Self { variables: set.map(|(name, value)| ((*name).to_owned(), (*value).into())).collect() }
    }

    /// Sets a variable over what was there.
    pub fn set(&mut self, name: &str, value: impl Into<OsString>) {
        self.variables.insert(name.to_owned(), value.into());
    }

    /// Forgets a variable.
    pub fn unset(&mut self, name: &str) {
        self.variables.remove(name);
    }

    /// A variable that is a path.
    #[must_use]
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        self.variables.get(name).map(PathBuf::from)
    }

    /// A variable that is text.
    ///
    /// # Errors
    /// A usage failure if it is not UTF-8.
    pub fn text(&self, name: &str) -> Result<Option<String>, Failure> {
        match self.variables.get(name).map(|value| value.to_str()) {
            None => Ok(None),
            Some(Some(text)) => Ok(Some(text.to_owned())),
            Some(None) => Err(Failure::usage(format!("{name} is not UTF-8"))),
        }
    }

    /// The user's folder.
    ///
    /// # Errors
    /// A usage failure if there is none.
    pub fn home(&self) -> Result<PathBuf, Failure> {
        self.path("HOME").ok_or_else(|| {
            Failure::usage("HOME is not set, so there is no place for keys").hint("set HOME, or DOCKER_CONFIG")
        })
    }

    /// Docker's folder.
    ///
    /// # Errors
    /// A usage failure if neither `DOCKER_CONFIG` nor `HOME` is set.
    pub fn docker_config(&self) -> Result<PathBuf, Failure> {
        match self.path("DOCKER_CONFIG") {
            Some(folder) => Ok(folder),
            None => Ok(self.home()?.join(".docker")),
        }
    }
}
