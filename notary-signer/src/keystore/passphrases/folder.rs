//! Passphrases from a folder with one file for each alias.

use std::path::{Component, Path, PathBuf};

use super::secret_file::SecretFiles;
use super::{Passphrase, PassphraseError, PassphraseSource};

/// The passphrase of alias `one` is in the file `one` of a folder.
#[derive(Debug)]
pub struct FolderPassphrases {
    folder: PathBuf,
    files: SecretFiles,
}

impl FolderPassphrases {
    /// Reads files in `folder`, each when it is needed.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self { folder, files: SecretFiles::default() }
    }

    /// Rows name aliases, so one must not lead out of the folder.
    fn file(&self, alias: &str) -> Option<PathBuf> {
        let mut parts = Path::new(alias).components();
        let plain = matches!((parts.next(), parts.next()), (Some(Component::Normal(name)), None) if name == alias);
        plain.then(|| self.folder.join(alias))
    }
}

impl PassphraseSource for FolderPassphrases {
    fn passphrase(&self, alias: &str) -> Result<Option<Passphrase>, PassphraseError> {
        let Some(file) = self.file(alias) else { return Ok(None) };
        let found = self.files.read(alias, &file, file.display().to_string())?;
        // Rows name aliases, and a certificate beside the passphrases is known to everybody.
        if found.as_ref().is_some_and(|found| found.text().starts_with("-----BEGIN")) {
            return Err(PassphraseError::Unreadable {
                alias: alias.to_owned(),
                origin: file.display().to_string(),
                reason: "it is a certificate or key in PEM, not a passphrase; keep those elsewhere".to_owned(),
            });
        }
        Ok(found)
    }

    fn place(&self, alias: &str) -> Option<String> {
        Some(format!("in the file {}", self.file(alias)?.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_alias_has_its_file_and_none_leads_elsewhere() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("passphrases");
        std::fs::create_dir(&inner).unwrap();
        std::fs::write(inner.join("one"), "1\n").unwrap();
        std::fs::write(folder.path().join("outside"), "no\n").unwrap();
        let source = FolderPassphrases::new(inner.clone());
        assert_eq!(source.passphrase("one").unwrap().unwrap().text(), "1");
        let absolute = folder.path().join("outside").display().to_string();
        for alias in ["One", "two", "..", ".", "../outside", "./one", "one/", "/one", absolute.as_str()] {
            assert_eq!(source.passphrase(alias), Ok(None), "{alias}");
        }
        assert!(source.place("../outside").is_none());
        std::fs::write(inner.join("ca.crt"), "-----BEGIN CERTIFICATE-----").unwrap();
        assert!(source.passphrase("ca.crt").unwrap_err().to_string().contains("not a passphrase"));
        std::fs::write(inner.join("two"), "2").unwrap();
        assert_eq!(source.passphrase("two").unwrap().unwrap().text(), "2", "put there while the program runs");
    }
}
