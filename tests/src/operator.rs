//! Notary v1 as it is found at an operator's: server, signer and a database server, and people who publish.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use chrono::DateTime;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::command::{Outcome, run};
use crate::peers::database::{Database, Engine};
use crate::peers::notary::NotaryCli;
use crate::peers::signer::{Signer, SignerKind};
use crate::peers::{go_server, our_server, our_signer};
use crate::process::Stop;
use crate::trust_server::TrustServer;
use crate::wire::Wire;

/// With a delegation and a snapshot that the server signs; every key was rotated.
pub const APP: &str = "example.com/team/app";
/// Its owner signs the snapshots.
pub const OWN: &str = "example.com/team/own";
/// Deleted.
pub const GONE: &str = "example.com/team/gone";
/// Deleted and made anew.
pub const AGAIN: &str = "example.com/team/again";

const SERVER: &str = "server";
const SIGNER: &str = "signer";

/// What a server said: status and body by path.
pub type Answers = BTreeMap<String, (StatusCode, Vec<u8>)>;

/// The peers. The owner of all collections is `alice`, `dave` signs the delegation.
pub struct Scene {
    signer: Signer,
    our_signer: Option<Signer>,
    database: Database,
    folder: tempfile::TempDir,
}

impl Scene {
    /// Notary's tables, empty, and Notary's signer.
    pub fn set(engine: Engine) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let database = Database::start(engine, folder.path())?;
        database.create_for_server(SERVER)?;
        database.create_for_signer(SIGNER)?;
        let signer = Signer::start(SignerKind::Go, folder.path(), &keys(&database))?;
        Ok(Self { signer, our_signer: None, database, folder })
    }

    /// Starts our signer beside Notary's, on the same keys. Servers of ours that are started after this ask it.
    pub fn add_our_signer(&mut self) -> Result<()> {
        self.our_signer = Some(Signer::start(SignerKind::Ours, &self.ours()?, &keys(&self.database))?);
        Ok(())
    }

    /// Ends Notary's signer.
    pub fn end_notarys_signer(&mut self) -> Result<()> {
        self.signer.stop(Stop::Kill)
    }

    /// Runs our signer's command with its configuration and these words after it.
    pub fn our_signer_command(&self, words: &[&str]) -> Result<Outcome> {
        let signer = self.our_signer.as_ref().context("there is no signer of ours")?;
        run(our_signer::command(&signer.config())?.args(words))
    }

    /// Every stored key but for when it was used last, a line each.
    pub fn keys(&self) -> Result<String> {
        self.database.query(
            SIGNER,
            "SELECT id, created_at, key_id, encryption_alg, keywrap_alg, algorithm, passphrase_alias, gun, role \
             FROM private_keys ORDER BY id",
        )
    }

    /// Which database server it is.
    pub fn engine(&self) -> Engine {
        self.database.engine()
    }

    /// Notary's server.
    pub fn go(&self) -> Result<TrustServer> {
        let storage = self.database.storage(SERVER);
        go_server::with_signer_and_storage(&self.own("go")?, &self.signer, &storage)
    }

    /// Our server with more sections in its configuration.
    pub fn our_server(&self, more: &[(&str, Value)]) -> Result<TrustServer> {
        let storage = self.database.storage(SERVER);
        our_server::with_signer_and_storage(&self.ours()?, self.signer_of_ours(), &storage, more)
    }

    /// Our server's folder.
    pub fn ours(&self) -> Result<PathBuf> {
        self.own("ours")
    }

    /// Our server's configuration file.
    pub fn our_config(&self, more: &[(&str, Value)]) -> Result<PathBuf> {
        let storage = self.database.storage(SERVER);
        our_server::write_config(&self.ours()?, &self.signer_of_ours().trust_service(), &storage, more)
    }

    /// Somebody with the `notary` command; the same name is the same person.
    pub fn person(&self, name: &str, server: &TrustServer) -> Result<NotaryCli> {
        NotaryCli::new(name, self.folder.path(), server)
    }

    /// Runs statements in the server's database.
    pub fn query(&self, statements: &str) -> Result<String> {
        self.database.query(SERVER, statements)
    }

    /// See [`Database::rows`].
    pub fn rows(&self) -> Result<String> {
        self.database.rows(SERVER)
    }

    /// See [`Database::place`].
    pub fn place(&self) -> Result<String> {
        self.database.place(SERVER)
    }

    /// See [`Database::schema`].
    pub fn schema(&self) -> Result<String> {
        self.database.schema(SERVER)
    }

    /// The highest stored version of a role.
    pub fn newest(&self, gun: &str, role: &str) -> Result<u64> {
        let found =
            self.query(&format!("SELECT max(version) FROM tuf_files WHERE gun = '{gun}' AND role = '{role}'"))?;
        found.trim().parse().with_context(|| format!("no {role} of {gun}"))
    }

    /// Makes the collections above at a server.
    pub fn fill(&self, server: &TrustServer) -> Result<()> {
        let (alice, dave) = (self.person("alice", server)?, self.person("dave", server)?);
        alice.file("file", "content\n")?;
        dave.file("file", "content\n")?;
        let (key, certificate) = dave.delegate_key("dave")?;
        std::fs::copy(dave.home().join(&certificate), alice.home().join(&certificate))?;
        alice.ok(&["init", APP])?;
        alice.ok(&["add", APP, "v1", "file", "-p"])?;
        self.rotate(&alice, &["snapshot", "-r"])?;
        alice.ok(&["delegation", "add", APP, "targets/releases", &certificate, "--paths", "rel/", "-p"])?;
        dave.ok(&["key", "import", &key, "-r", "dave"])?;
        dave.ok(&["add", APP, "rel/1", "file", "-r", "targets/releases", "-p"])?;
        self.everyone_rotates(server)?;
        alice.ok(&["add", APP, "v2", "file", "-p"])?;

        for gun in [OWN, GONE, AGAIN] {
            alice.ok(&["init", gun])?;
            alice.ok(&["add", gun, "v1", "file", "-p"])?;
        }
        alice.ok(&["add", OWN, "v2", "file", "-p"])?;
        alice.ok(&["delete", GONE, "--remote"])?;
        alice.ok(&["delete", AGAIN, "--remote"])?;
        alice.ok(&["init", AGAIN])?;
        alice.ok(&["add", AGAIN, "v1", "file", "-p"])?;
        Ok(())
    }

    /// Each publishes what they sign; a reader sees it.
    pub fn everyone_publishes(&self, server: &TrustServer, tag: &str) -> Result<()> {
        let (alice, dave) = (self.person("alice", server)?, self.person("dave", server)?);
        alice.ok(&["add", APP, tag, "file", "-p"])?;
        alice.ok(&["add", OWN, tag, "file", "-p"])?;
        let delegated = format!("rel/{tag}");
        dave.ok(&["add", APP, &delegated, "file", "-r", "targets/releases", "-p"])?;
        let reader = self.person("reader", server)?;
        for (gun, tag) in [(APP, tag), (APP, &delegated), (OWN, tag)] {
            reader.ok(&["lookup", gun, tag])?;
        }
        Ok(())
    }

    /// Each key of a collection is replaced; those of snapshot and timestamp at the signer.
    pub fn everyone_rotates(&self, server: &TrustServer) -> Result<()> {
        let alice = self.person("alice", server)?;
        for rotation in [&["root"][..], &["targets"], &["snapshot", "-r"], &["timestamp", "-r"]] {
            self.rotate(&alice, rotation)?;
        }
        Ok(())
    }

    fn rotate(&self, alice: &NotaryCli, rotation: &[&str]) -> Result<()> {
        let words = [&["key", "rotate", APP], rotation].concat();
        alice.run_with_input(&words, "yes\n")?.success()?.says("Successfully rotated")?;
        Ok(())
    }

    /// All a server tells: each stored file by version and by checksum, what is current, and what changed.
    pub async fn answers(&self, wire: &Wire) -> Result<Answers> {
        let mut paths = BTreeSet::from(["/v2/_trust/changefeed?records=1000".to_owned()]);
        for row in self.query("SELECT gun, role, version, sha256 FROM tuf_files ORDER BY id")?.lines() {
            let [gun, role, version, sha256] = row.split('|').collect::<Vec<_>>()[..] else { continue };
            let tuf = format!("/v2/{gun}/_trust/tuf");
            paths.extend([
                format!("{tuf}/{version}.{role}.json"),
                format!("{tuf}/{role}.{sha256}.json"),
                format!("{tuf}/{role}.json"),
            ]);
        }
        for gun in [APP, OWN, GONE, AGAIN] {
            let tuf = format!("/v2/{gun}/_trust/tuf");
            paths.insert(format!("/v2/{gun}/_trust/changefeed?records=1000"));
            paths.extend(["root", "targets", "snapshot", "timestamp"].map(|role| format!("{tuf}/{role}.json")));
            paths.insert(format!("{tuf}/7777.root.json"));
        }
        let mut answers = Answers::new();
        for path in paths {
            let answer = wire.get(&path).await?;
            answers.insert(path, answer);
        }
        Ok(answers)
    }

    /// Fails unless both servers told the same: files byte for byte, changes by what they say.
    pub fn same(&self, before: &Answers, after: &Answers) -> Result<()> {
        ensure!(before.len() > 60, "{} answers", before.len());
        for (path, (status, body)) in before {
            let Some((status_now, body_now)) = after.get(path) else { continue };
            let same = match (path.contains("/_trust/changefeed"), status.is_success()) {
                (true, true) => status == status_now && changes(body)? == changes(body_now)?,
                (false, true) => body == body_now,
                (_, false) => true,
            };
            let (text, now) = (String::from_utf8_lossy(body), String::from_utf8_lossy(body_now));
            ensure!(same && status == status_now, "{path}\nbefore: {status} {text}\nafter: {status_now} {now}");
        }
        let new: Vec<&String> = after.keys().filter(|path| !before.contains_key(*path)).collect();
        let lost: Vec<&String> = before.keys().filter(|path| !after.contains_key(*path)).collect();
        ensure!(new.is_empty() && lost.is_empty(), "new: {new:?}, lost: {lost:?}");
        Ok(())
    }

    fn signer_of_ours(&self) -> &Signer {
        self.our_signer.as_ref().unwrap_or(&self.signer)
    }

    fn own(&self, name: &str) -> Result<PathBuf> {
        let folder = self.folder.path().join(name);
        std::fs::create_dir_all(&folder)?;
        Ok(folder)
    }
}

/// The signers' `storage` section.
fn keys(database: &Database) -> Value {
    let mut storage = database.storage(SIGNER);
    storage["default_alias"] = json!("one");
    storage
}

/// What a change says. PostgreSQL's column pads the digest of a deletion, and times have as many digits as they need.
fn changes(body: &[u8]) -> Result<Vec<Value>> {
    let body: Value = serde_json::from_slice(body)?;
    let records = body["records"].as_array().context("no records")?;
    ensure!(body["count"] == records.len());
    let told = records.iter().map(|record| {
        let mut record = record.clone();
        record["SHA256"] = record["SHA256"].as_str().context("no digest")?.trim().into();
        record["CreatedAt"] =
            DateTime::parse_from_rfc3339(record["CreatedAt"].as_str().context("no time")?)?.timestamp_micros().into();
        Ok(record)
    });
    told.collect()
}
