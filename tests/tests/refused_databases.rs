//! Databases that cannot be used as they are: the server does not start, says which it is and what to do, and changes
//! nothing. And a large one, which it serves at once.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use reqwest::StatusCode;
use serde_json::{Value, json};
use stories::operator::Scene;
use stories::peers::database::{Database, Engine};
use stories::peers::our_server;
use stories::ports;
use stories::process::{Process, Stop};
use stories::signing::Collection;
use stories::wire::Wire;

/// The longest a server may try before it gives up.
const GIVES_UP: Duration = Duration::from_secs(40);

/// Starts the server, or runs its command, with this `storage`; it ends by itself, fails, and gives its last words.
fn last_words(folder: &Path, storage: &Value, words: &[&str]) -> Result<String> {
    let own = tempfile::tempdir_in(folder)?;
    let config = our_server::write_config(own.path(), &json!({ "type": "local" }), storage, &[])?;
    let mut command = our_server::command(own.path())?;
    command.arg("-config").arg(config).args(words);
    command.env("NOTARY_SERVER_SERVER_HTTP_ADDR", format!("127.0.0.1:{}", ports::free()?));
    let mut process = Process::start("notary-server", own.path(), Stop::Kill, &mut command)?;
    let code = process.wait_for_end(GIVES_UP)?;
    let log = process.log();
    ensure!(code == 1, "exit code {code}: {log}");
    log.lines().last().map(str::to_owned).context("it said nothing")
}

/// A database server and what stands in its databases.
struct Case {
    database: Database,
    folder: tempfile::TempDir,
}

impl Case {
    /// Serving and migrating both refuse this storage with all these words.
    fn is_refused(&self, storage: &Value, expected: &[&str]) -> Result<()> {
        for words in [&[][..], &["migrate"]] {
            let said = last_words(self.folder.path(), storage, words)?;
            for expected in expected {
                ensure!(said.contains(expected), "{words:?} should have said {expected:?}: {said}");
            }
            ensure!(!said.contains("sesame"), "a password is in {said}");
        }
        Ok(())
    }

    /// As [`Case::is_refused`], and the database is afterwards what it was.
    fn is_left_alone(&self, name: &str, storage: &Value, expected: &[&str]) -> Result<()> {
        let before = self.database.schema(name)?;
        self.is_refused(storage, &[&[name], expected].concat())?;
        ensure!(self.database.schema(name)? == before, "{name} was changed");
        Ok(())
    }
}

fn refused(engine: Engine) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let case = Case { database: Database::start(engine, folder.path())?, folder };
    let database = &case.database;

    database.create_for_server("halfway")?;
    database.query("halfway", "UPDATE schema_migrations SET dirty = true")?;
    let (version, last) = if engine == Engine::Postgres { ("2", "1") } else { ("5", "4") };
    let marked = format!("schema_migrations marks version {version} as dirty");
    case.is_left_alone("halfway", &database.storage("halfway"), &[&marked, "restore a backup"])?;

    database.create_for_server("old")?;
    let undo = format!("DROP TABLE changefeed; UPDATE schema_migrations SET version = {last}");
    database.query("old", &undo)?;
    let needed = format!("version {version} is needed");
    case.is_left_alone(
        "old",
        &database.storage("old"),
        &["lack table changefeed", &needed, "Notary's own migrations"],
    )?;

    database.create("foreign_one")?;
    database.query("foreign_one", "CREATE TABLE tuf_files (id int, path varchar(20))")?;
    let strange = ["table tuf_files has no column", "use an empty database"];
    case.is_left_alone("foreign_one", &database.storage("foreign_one"), &strange)?;

    // Accounts.
    database.create_for_server("guarded")?;
    database.create_account("clerk", "open-sesame")?;
    database.let_use("clerk", "guarded")?;
    let before = database.schema("guarded")?;
    let check = "check user, password, database and rights";
    case.is_refused(&database.storage_of("clerk:sesame", "guarded"), &["guarded", "127.0.0.1", "clerk", check])?;
    let refused = last_words(case.folder.path(), &database.storage_of("clerk:open-sesame", "guarded"), &["migrate"])?;
    for expected in ["guarded", "CREATE TABLE", "let the account make tables"] {
        ensure!(refused.contains(expected), "{refused}");
    }
    ensure!(database.schema("guarded")? == before, "it was changed");

    // Where there is none.
    case.is_refused(&database.storage("nowhere"), &["nowhere", "127.0.0.1", check])?;
    let closed = format!("127.0.0.1:{}", ports::free()?);
    let (backend, url) = match engine {
        Engine::Postgres => ("postgres", format!("postgres://clerk:sesame@{closed}/lost?sslmode=disable")),
        Engine::MariaDb => ("mysql", format!("clerk:sesame@tcp({closed})/lost")),
    };
    case.is_refused(&json!({ "backend": backend, "db_url": url }), &[&closed, "lost"])
}

/// The first answer of a server that finds a hundred thousand collections of Notary's for the first time.
async fn served_at_once(engine: Engine) -> Result<()> {
    let scene = Scene::set(engine)?;
    let mut go = scene.go()?;
    let (wire, first) = (Wire::new(&go)?, "example.com/many/0");
    // Its root is good for all of them.
    let collection = Collection::new("example.com/many/*", &wire.key(first, "timestamp").await?, None)?;
    let (status, body) = wire.publish(first, &collection.first_upload()?).await?;
    ensure!(status == StatusCode::OK, "{body}");
    go.stop(Stop::Kill)?;
    // What nobody asks for may be left out, but for the timestamps: those are looked through.
    let numbers = match engine {
        Engine::Postgres => "generate_series(1, 99999) AS n(seq)",
        Engine::MariaDb => "seq_1_to_99999",
    };
    scene.query(&format!(
        "INSERT INTO tuf_files (created_at, updated_at, gun, role, version, data, sha256) \
         SELECT created_at, updated_at, concat('example.com/many/', seq), role, version, data, sha256 \
         FROM tuf_files, {numbers} WHERE role = 'timestamp' OR seq % 11111 = 0"
    ))?;
    let begun = Instant::now();
    let ours = scene.our_server(&[])?;
    let wire = Wire::new(&ours)?;
    let (status, _) = wire.get("/v2/example.com/many/77777/_trust/tuf/timestamp.json").await?;
    eprintln!("the first answer on {engine:?} came {:?} after the start", begun.elapsed());
    ensure!(status == StatusCode::OK);
    ensure!(wire.current("example.com/many/99999").await?.targets == 1);
    Ok(())
}

#[test]
fn postgresql_databases_that_cannot_be_used_are_refused_and_left_alone() -> Result<()> {
    refused(Engine::Postgres)
}

#[test]
fn mariadb_databases_that_cannot_be_used_are_refused_and_left_alone() -> Result<()> {
    refused(Engine::MariaDb)
}

#[tokio::test]
async fn a_hundred_thousand_collections_on_postgresql_are_served_at_once() -> Result<()> {
    served_at_once(Engine::Postgres).await
}

#[tokio::test]
async fn a_hundred_thousand_collections_on_mariadb_are_served_at_once() -> Result<()> {
    served_at_once(Engine::MariaDb).await
}
