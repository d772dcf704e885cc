//! The `notary` command line with a trust folder of its own.

use std::path::{Path, PathBuf};

use anyhow::Result;
use base64::prelude::{BASE64_STANDARD, Engine as _};

use crate::command::{Outcome, clean, run, run_with_input};
use crate::trust_server::TrustServer;

/// A user of `notary`: one trust folder, one server.
#[derive(Clone, Debug)]
pub struct NotaryCli {
    home: PathBuf,
    server: String,
    ca: PathBuf,
    login: Option<String>,
    passphrase: Option<String>,
}

impl NotaryCli {
    /// A new user whose keys, cache and files are in `FOLDER/NAME`.
    pub fn new(name: &str, folder: &Path, server: &TrustServer) -> Result<Self> {
        let home = folder.join(name);
        std::fs::create_dir_all(&home)?;
        Ok(Self { home, server: server.url(), ca: server.ca().to_owned(), login: None, passphrase: None })
    }

    /// A second user with a copy of everything this one has now: keys, cache, staged changes.
    pub fn copy(&self, name: &str) -> Result<Self> {
        let home = self.home.with_file_name(name);
        run(clean("cp").arg("-r").arg(&self.home).arg(&home))?.success()?;
        Ok(Self { home, ..self.clone() })
    }

    /// The same user with the same keys and cache, at another server.
    #[must_use]
    pub fn at(&self, server: &TrustServer) -> Self {
        Self { server: server.url(), ca: server.ca().to_owned(), ..self.clone() }
    }

    /// The same user, with a name and a password for the token service.
    #[must_use]
    pub fn logged_in(self, user: &str, password: &str) -> Self {
        Self { login: Some(BASE64_STANDARD.encode(format!("{user}:{password}"))), ..self }
    }

    /// The same user, with one passphrase for all keys.
    #[must_use]
    pub fn with_passphrase(self, passphrase: &str) -> Self {
        Self { passphrase: Some(passphrase.to_owned()), ..self }
    }

    /// The user's own folder; commands run in it.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// Runs `notary ARGS`.
    pub fn run(&self, args: &[&str]) -> Result<Outcome> {
        self.run_with_input(args, "")
    }

    /// Runs `notary ARGS` and expects it to succeed.
    pub fn ok(&self, args: &[&str]) -> Result<Outcome> {
        self.run(args)?.success()
    }

    /// Runs `notary ARGS` with something typed into it.
    pub fn run_with_input(&self, args: &[&str], input: &str) -> Result<Outcome> {
        let mut command = clean("notary");
        command.current_dir(&self.home).env("HOME", &self.home);
        for role in ["ROOT", "TARGETS", "SNAPSHOT", "DELEGATION"] {
            command.env(
                format!("NOTARY_{role}_PASSPHRASE"),
                self.passphrase.clone().unwrap_or(format!("passphrase-{role}")),
            );
        }
        if let Some(login) = &self.login {
            command.env("NOTARY_AUTH", login);
        }
        command.args(["-d", "trust", "-s", &self.server]).arg("--tlscacert").arg(&self.ca).args(args);
        run_with_input(&mut command, input)
    }

    /// Writes a file into the user's folder and gives its name.
    pub fn file<'a>(&self, name: &'a str, content: &str) -> Result<&'a str> {
        std::fs::write(self.home.join(name), content)?;
        Ok(name)
    }

    /// Makes a key and a certificate for a delegate with `openssl`; gives their file names.
    pub fn delegate_key(&self, name: &str) -> Result<(String, String)> {
        let (key, certificate) = (format!("{name}.key"), format!("{name}.crt"));
        let mut openssl = clean("openssl");
        openssl.current_dir(&self.home).args(["req", "-x509", "-nodes", "-days", "365"]);
        openssl.args(["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-subj", &format!("/CN={name}")]);
        run(openssl.args(["-keyout", &key, "-out", &certificate]))?.success()?;
        Ok((key, certificate))
    }

    /// The names and roles that `notary list` prints, in its order.
    pub fn list(&self, gun: &str) -> Result<Vec<(String, String)>> {
        let printed = self.ok(&["list", gun])?.stdout;
        Ok(rows(&printed))
    }
}

/// First and last column of the rows under a table's dashed line.
fn rows(table: &str) -> Vec<(String, String)> {
    let rows = table.lines().skip_while(|line| !line.starts_with("----")).skip(1);
    rows.filter_map(|row| {
        let mut words = row.split_whitespace();
        Some((words.next()?.to_owned(), words.next_back()?.to_owned()))
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_gives_names_and_roles() {
        let table = "NAME    DIGEST    SIZE (BYTES)    ROLE\n----    ------    ------------    ----\n\
                     v1      abcd      13              targets/releases\n\n";
        assert_eq!(rows(table), [("v1".to_owned(), "targets/releases".to_owned())]);
        assert!(rows("No targets present in this repository.\n").is_empty());
    }
}
