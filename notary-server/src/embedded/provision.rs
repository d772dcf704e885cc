//! What a deployment with server, signer and database needs before its first start: certificates and secrets, each in
//! the folder of the one program that may see it.
//!
//! ```text
//! OUT/ca/         ca.crt, ca.key             stays with the operator
//! OUT/server/     ca.crt, server.*, client.*, database-password
//! OUT/signer/     ca.crt, signer.*, passphrase, database-password
//! OUT/database/   password, server-password, signer-password
//! ```

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::authority::{Authority, AuthorityFiles, Subject};
use super::error::EmbeddedError;
use super::files::{self, Readers};
use super::names::Names;
use super::secret;
use super::server_certificate::ServerFiles;

/// A third of it before its end, the next call issues a new certificate, which the services take without a restart.
const LIFE: Duration = Duration::from_secs(397 * 24 * 3600);
/// The name of the server's client certificate: the one the signer's `authorization` names.
const SERVER: &str = "notary-server";
const SIGNER: &str = "notary-signer";

/// Makes what is missing under `out` and renews certificates in the last third of their life; what is good stays. The
/// server's certificate is for this machine, `notary-server`, and `names`. Returns the authority's certificate, which
/// clients must trust.
///
/// # Errors
/// When a name is none, a secret is open to others, or the system refuses.
pub fn provision(out: &Path, names: &[String], now: SystemTime) -> Result<PathBuf, EmbeddedError> {
    let invalid = |name| EmbeddedError::Name { name };
    let server_names = Names::local_and(names.iter().map(String::as_str).chain([SERVER])).map_err(invalid)?;
    let signer_names = Names::local_and([SIGNER]).map_err(invalid)?;
    let [ca, server, signer, database] = ["ca", "server", "signer", "database"].map(|name| out.join(name));
    for folder in [&ca, &server, &signer, &database] {
        files::make_folder(folder)?;
    }
    let authority_files = AuthorityFiles::in_folder(&ca);
    let authority = Authority::open_or_make(&authority_files, now)?;

    let issue = |folder: &Path, name: &str, subject| {
        ServerFiles::named(folder, name).ensure_as(&authority, &subject, now).map(drop)
    };
    issue(&server, "server", Subject::server(SERVER, server_names.clone(), LIFE))?;
    issue(&server, "client", Subject::client(SERVER, Names::local_and([SERVER]).map_err(invalid)?, LIFE))?;
    issue(&signer, "signer", Subject::server(SIGNER, signer_names, LIFE))?;
    for folder in [&server, &signer] {
        copy(&authority_files.certificate, &folder.join("ca.crt"))?;
    }

    ensure_secret(&signer.join("passphrase"), Readers::Owner)?;
    ensure_secret(&database.join("password"), Readers::Everyone)?;
    for (folder, theirs) in [(&server, "server-password"), (&signer, "signer-password")] {
        let own = folder.join("database-password");
        ensure_secret(&own, Readers::Owner)?;
        let theirs = database.join(theirs);
        if !theirs.exists() {
            files::write(&theirs, files::read_secret(&own)?.as_bytes(), Readers::Everyone)?;
        }
    }
    open_to_everyone(&database)?;
    Ok(authority_files.certificate)
}

/// Copies a public file durably, for everyone to read.
///
/// # Errors
/// When the system refuses.
fn copy(from: &Path, to: &Path) -> Result<(), EmbeddedError> {
    let bytes = fs::read(from).map_err(EmbeddedError::io(from, "be read"))?;
    if fs::read(to).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    files::write(to, &bytes, Readers::Everyone)
}

/// Lets the database in, which runs as a user of its own and sees this folder alone. Only the folder's owner may change
/// its mode, and who copies the authority elsewhere need not be the owner.
fn open_to_everyone(folder: &Path) -> Result<(), EmbeddedError> {
    const OPEN: u32 = 0o755;
    let found = fs::metadata(folder).map_err(EmbeddedError::io(folder, "be examined"))?;
    if found.permissions().mode() & 0o777 == OPEN {
        return Ok(());
    }
    fs::set_permissions(folder, fs::Permissions::from_mode(OPEN))
        .map_err(EmbeddedError::io(folder, "open the folder to the database"))
}

fn ensure_secret(path: &Path, readers: Readers) -> Result<(), EmbeddedError> {
    if path.exists() { Ok(()) } else { files::write(path, secret()?.as_bytes(), readers) }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 3600);

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn a_second_run_changes_nothing_and_a_late_one_renews_certificates_alone() {
        let out = tempfile::tempdir().unwrap();
        let now = SystemTime::now();
        let read = |name: &str| fs::read(out.path().join(name)).unwrap();
        let certificates = ["server/server.crt", "server/client.crt", "signer/signer.crt"];
        let secrets = ["ca/ca.crt", "ca/ca.key", "signer/passphrase", "server/database-password"];
        provision(out.path(), &[], now).unwrap();
        let (first, kept) = (certificates.map(read), secrets.map(read));
        let folders = ["ca", "server", "signer", "database"].map(|name| out.path().join(name));
        let changed =
            || folders.clone().map(|folder| fs::metadata(folder).unwrap()).map(|at| (at.ctime(), at.ctime_nsec()));
        let before = changed();
        provision(out.path(), &[], now + DAY * 200).unwrap();
        assert_eq!(certificates.map(read), first);
        assert_eq!(changed(), before);
        provision(out.path(), &[], now + DAY * 300).unwrap();
        assert!(certificates.map(read).iter().zip(&first).all(|(new, old)| new != old));
        assert_eq!(secrets.map(read), kept);
        assert_eq!(read("server/ca.crt"), read("ca/ca.crt"));
        assert_eq!(read("server/database-password"), read("database/server-password"));
        assert_ne!(read("server/database-password"), read("signer/database-password"));
    }

    #[test]
    fn each_program_sees_its_own_secrets_only() {
        let out = tempfile::tempdir().unwrap();
        provision(out.path(), &["trust.example.com".to_owned(), "192.0.2.7".to_owned()], SystemTime::now()).unwrap();
        for name in ["ca/ca.key", "server/server.key", "server/client.key", "signer/signer.key", "signer/passphrase"] {
            assert_eq!(mode(&out.path().join(name)), 0o600, "{name}");
        }
        assert_eq!(mode(&out.path().join("server")), 0o700);
        assert_eq!(mode(&out.path().join("database")), 0o755);
        let error = provision(out.path(), &["no name".to_owned()], SystemTime::now()).unwrap_err().to_string();
        assert!(error.contains("no name") && error.contains("--name"), "{error}");
    }
}
