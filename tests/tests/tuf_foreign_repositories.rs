//! Repositories that python-tuf and tough wrote, read by `trust tuf`: the same answers as python-tuf's own client gives, after the
//! same requests, with the same files kept. Those in `fixtures/tuf`, and some written now.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use stories::command::run;
use stories::peers::{python_tuf, rust_tuf};
use stories::tuf::client::{Client, User};
use stories::tuf::site::Site;

#[test]
fn fixtures_read_as_the_reference_client_reads_them() -> Result<()> {
    judge_all(&fixtures(), Client::Ours)
}

#[test]
fn new_repositories_read_as_the_reference_client_reads_them() -> Result<()> {
    let folder = tempfile::tempdir()?;
    run(python_tuf::script("fixtures.py")?.arg(folder.path()).arg(rust_tuf::binary()?))?.success()?;
    judge_all(folder.path(), Client::Ours)
}

/// The harness itself: the reference client behind the common command line says what it said when the fixtures were written.
#[test]
fn the_reference_client_says_it_again() -> Result<()> {
    for kind in ["python-tuf/rotations", "python-tuf/succinct-bins", "tough/delegations"] {
        judge(&fixtures().join(kind), Client::PythonTuf)?;
    }
    Ok(())
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/tuf")
}

/// Reads everything that is below a folder of makers and kinds.
fn judge_all(folder: &Path, client: Client) -> Result<()> {
    let mut wrong = Vec::new();
    let mut judged = 0;
    for maker in ["python-tuf", "tough"] {
        for kind in std::fs::read_dir(folder.join(maker))? {
            let kind = kind?.path();
            judged += 1;
            if let Err(error) = judge(&kind, client) {
                wrong.push(format!("{}: {error:#}", kind.display()));
            }
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    ensure!(judged >= 14, "only {judged} repositories");
    Ok(())
}

/// Reads one repository as its verdicts say.
fn judge(repository: &Path, client: Client) -> Result<()> {
    let site = Site::start(repository)?;
    let verdicts: Vec<Value> = serde_json::from_slice(&std::fs::read(repository.join("verdicts.json"))?)?;
    for (number, verdict) in verdicts.iter().enumerate() {
        let home = tempfile::tempdir()?;
        let root = repository.join("metadata/1.root.json");
        let user = User::new(client, home.path(), &number.to_string(), site.url(), &root)?;
        let path = verdict.get("path").and_then(Value::as_str).context("no path")?;
        let outcome = user.download(&[path])?;
        compare(&user, outcome.code, verdict).with_context(|| format!("{path}: {outcome}"))?;
        let asked: Vec<String> = site.asked();
        let expected = texts(verdict, "asked")?;
        ensure!(asked == expected, "{path}: asked for {asked:?}, not {expected:?}");
        of_the_repository(&user, repository)?;
    }
    Ok(())
}

fn compare(user: &User, code: i32, verdict: &Value) -> Result<()> {
    match verdict.get("found").and_then(Value::as_str) {
        Some(digest) => {
            ensure!(code == 0, "should have been found");
            let content = user.take_target()?;
            let found = hex::encode(ring::digest::digest(&ring::digest::SHA256, &content));
            ensure!(found == digest, "found {found}, not {digest}");
        }
        None => {
            ensure!(code == 1, "should have ended with 1");
            ensure!(user.targets()?.is_empty(), "left something behind: {:?}", user.targets()?);
        }
    }
    let kept: Vec<String> = user.kept()?.into_keys().collect();
    let expected = texts(verdict, "kept")?;
    ensure!(kept == expected, "kept {kept:?}, not {expected:?}");
    Ok(())
}

/// Every file that is kept is one that was served, byte for byte.
fn of_the_repository(user: &User, repository: &Path) -> Result<()> {
    let files: Vec<PathBuf> =
        std::fs::read_dir(repository.join("metadata"))?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    let served: BTreeSet<Vec<u8>> = files.iter().map(std::fs::read).collect::<std::io::Result<_>>()?;
    for (name, bytes) in user.kept()? {
        if !served.contains(&bytes) {
            bail!("{name} is not as it was served");
        }
    }
    Ok(())
}

/// A list of texts; those in `asked` without their first slash.
fn texts(verdict: &Value, member: &str) -> Result<Vec<String>> {
    let list = verdict.get(member).and_then(Value::as_array).context("no list")?;
    Ok(list.iter().filter_map(Value::as_str).map(|text| text.trim_start_matches('/').to_owned()).collect())
}
