//! `trust tuf` as people and conformance tests call it: a repository from its beginning on, and readers of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const PASSPHRASE: &str = "a passphrase";

/// A person with a key folder, and a working folder.
struct Person {
    folder: tempfile::TempDir,
}

impl Person {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn run(&self, words: &str) -> Output {
        self.run_in(self.folder.path(), words)
    }

    fn run_in(&self, folder: &Path, words: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_trust"));
        command.env_clear().env("HOME", self.folder.path()).stdin(Stdio::null()).current_dir(folder);
        for name in ["ROOT", "REPOSITORY"] {
            command.env(format!("DOCKER_CONTENT_TRUST_{name}_PASSPHRASE"), PASSPHRASE);
        }
        command.arg("tuf").args(words.split_whitespace()).output().unwrap()
    }

    /// What a verb that works says.
    fn told(&self, words: &str) -> Value {
        let output = self.run(&format!("{words} -o json"));
        assert_eq!(output.status.code(), Some(0), "{words}: {}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// How a verb that does not work ends.
    fn refused(&self, words: &str) -> (i32, String) {
        let output = self.run(words);
        assert!(output.stdout.is_empty(), "{words}: {}", text(&output.stdout));
        (output.status.code().unwrap(), text(&output.stderr).to_owned())
    }

    fn write(&self, path: &str, content: &str) {
        let path = self.at(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Downloads from a folder, as conformance tests spell it: options first.
    fn download(&self, repository: &str, target: &str) -> Output {
        self.run(&format!(
            "--metadata-dir trusted --metadata-url {repository}/metadata --target-name {target} --target-dir files \
             --target-base-url {repository}/targets download"
        ))
    }
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn roles(told: &Value) -> Vec<String> {
    let role = |file: &Value| format!("{} {}", file["role"].as_str().unwrap(), file["version"]);
    told["roles"].as_array().unwrap().iter().map(role).collect()
}

#[test]
fn a_repository_is_begun_filled_and_read() {
    let owner = Person::new();
    let begun = owner.told("init repo --publish");
    assert_eq!(begun["keys"].as_array().unwrap().len(), 4);
    owner.write("site/a", "content of a");
    owner.write("site/b/c", "content of c");
    let staged = owner.told("add repo site --prefix app");
    assert_eq!(staged["staged"], serde_json::json!(["targets"]));
    assert_eq!(roles(&owner.told("publish repo")["published"]), ["targets 2", "snapshot 2", "timestamp 2"]);

    assert_eq!(owner.run("--metadata-dir trusted init repo/metadata/1.root.json").status.code(), Some(0));
    let refreshed = owner.told("--metadata-dir trusted --metadata-url repo/metadata refresh");
    assert_eq!(roles(&refreshed), ["root 1", "timestamp 2", "snapshot 2", "targets 2"]);
    let top = names(&owner.at("trusted"));
    assert_eq!(top, [".trust", "root.json", "snapshot.json", "targets.json", "timestamp.json"]);
    let received = fs::read(owner.at("trusted/targets.json")).unwrap();
    assert_eq!(received, fs::read(owner.at("repo/metadata/2.targets.json")).unwrap());

    for _ in 0..2 {
        let output = owner.download("repo", "app/b/c");
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        assert_eq!(fs::read_to_string(owner.at("files/app/b/c")).unwrap(), "content of c");
    }
    assert_eq!(names(&owner.at("files")), ["app"]);

    owner.told("remove repo --publish app/b/c");
    let gone = owner.download("repo", "app/b/c");
    assert_eq!((gone.status.code(), text(&gone.stdout)), (Some(1), ""));
}

#[test]
fn readers_end_with_1_whatever_is_wrong() {
    let owner = Person::new();
    owner.told("init repo --publish");
    owner.write("file", "right");
    owner.told("add repo file --publish");
    let (code, said) = owner.refused("refresh --metadata-dir trusted --metadata-url repo/metadata");
    assert!(code == 1 && said.contains("no trusted root"), "{said}");
    assert_eq!(owner.refused("init --metadata-dir trusted repo/metadata/2.targets.json").0, 1);
    owner.told("init --metadata-dir trusted repo/metadata/1.root.json");
    assert_eq!(owner.refused("refresh --metadata-dir trusted").0, 1);
    assert_eq!(owner.download("repo", "../file").status.code(), Some(1));

    // A wrong artifact is never seen.
    let place = owner.at("repo/targets");
    fs::write(place.join(&names(&place)[0]), "wrong").unwrap();
    let wrong = owner.download("repo", "file");
    assert_eq!(wrong.status.code(), Some(1));
    assert!(text(&wrong.stderr).contains("not what was signed"), "{}", text(&wrong.stderr));
    assert!(!owner.at("files").exists());
}

#[test]
fn two_people_sign_copies() {
    let (alice, bob) = (Person::new(), Person::new());
    for (person, name) in [(&alice, "alice"), (&bob, "bob")] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_trust"));
        command
            .env_clear()
            .env("HOME", person.folder.path())
            .env("DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE", PASSPHRASE);
        let made = command.args(["key", "generate", name, "--dir"]).arg(person.folder.path()).output().unwrap();
        assert_eq!(made.status.code(), Some(0), "{}", text(&made.stderr));
    }
    fs::copy(bob.at("bob.pub"), alice.at("bob.pub")).unwrap();
    alice.told("init repo --root-key alice.pub,bob.pub --root-threshold 2");
    let (code, said) = alice.refused("publish repo");
    assert!(code == 23 && said.contains("1 of 2"), "{said}");

    copy(&alice.at("repo"), &bob.at("copy"));
    let signed = bob.told("sign copy");
    let root = signed["roles"].as_array().unwrap().iter().find(|role| role["role"] == "root").unwrap();
    assert_eq!(root["complete"], true);

    fs::copy(bob.at("copy/staged/root.json"), alice.at("root-bob.json")).unwrap();
    assert_eq!(alice.told("sign repo --take-in root=root-bob.json")["roles"][0]["taken_in"], 1);
    alice.told("publish repo");
    let inspected = alice.told("inspect repo");
    assert_eq!(inspected["roles"][0]["signed_by"].as_array().unwrap().len(), 2);
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (path, target) = {
            let entry = entry.unwrap();
            (entry.path(), to.join(entry.file_name()))
        };
        if path.is_dir() { copy(&path, &target) } else { assert!(fs::copy(path, target).is_ok()) }
    }
}

#[test]
fn delegations_bins_and_rotations_are_read() {
    let owner = Person::new();
    owner.told("init repo --publish");
    owner.write("x", "content");
    owner.told("delegate repo team/nightly --path team/*");
    owner.told("add repo x --role team/nightly --as team/x");
    owner.told("delegate repo bin --from team/nightly --bins 2 --succinct");
    owner.told("publish repo");
    for role in ["root", "targets", "snapshot", "timestamp", "team/nightly", "bin"] {
        owner.told(&format!("rotate repo {role} --publish"));
    }
    owner.told("init --metadata-dir trusted repo/metadata/1.root.json");
    assert_eq!(owner.download("repo", "team/x").status.code(), Some(0));

    let exported = owner.told("export repo copy");
    assert_eq!(exported["targets"], 1);
    assert_eq!(owner.told("inspect repo")["roles"], owner.told("inspect copy")["roles"]);
    assert_eq!(owner.download("copy", "team/x").status.code(), Some(0));

    let timestamp = owner.at("repo/metadata/timestamp.json");
    let damaged = fs::read_to_string(&timestamp).unwrap().replace("\"version\":8", "\"version\":9");
    fs::write(timestamp, damaged).unwrap();
    let before = fs::read(owner.at("copy/metadata/timestamp.json")).unwrap();
    assert_eq!(owner.refused("export repo copy").0, 11);
    assert_eq!(fs::read(owner.at("copy/metadata/timestamp.json")).unwrap(), before);
}

#[test]
fn lists_fill_hash_bins_and_a_wrong_line_is_named() {
    let owner = Person::new();
    owner.told("init repo --publish");
    owner.told("delegate repo bin --bins 3 --publish");
    let line = |n: usize| format!(r#"{{"path":"f{n}","length":1,"hashes":{{"sha256":"{n:064x}"}}}}"#);
    let lines: Vec<String> = (0..100).map(line).collect();
    owner.write("list", &lines.join("\n"));
    owner.told("add repo --list list --publish");
    let inspected = owner.told("inspect repo");
    let count: u64 = inspected["roles"].as_array().unwrap().iter().filter_map(|role| role["count"].as_u64()).sum();
    assert_eq!(count, 100);

    owner.write("list", &format!("{}\n{{}}\n", line(1)));
    let (code, said) = owner.refused("add repo --list list");
    assert!(code == 2 && said.contains("line 2"), "{said}");
}

#[test]
fn a_dry_run_changes_nothing() {
    let owner = Person::new();
    owner.told("init repo --publish");
    owner.write("x", "content");
    for words in
        ["add repo x", "delegate repo team --path x", "rotate repo root", "publish repo", "renew repo --within 9y"]
    {
        assert_eq!(owner.told(&format!("{words} --dry-run"))["dry_run"], true);
        assert!(!owner.at("repo/staged").exists() && !owner.at("repo/targets").exists(), "{words}");
    }
    owner.told("add repo x");
    owner.told("drop repo --dry-run");
    assert!(owner.at("repo/staged").exists());
    owner.told("drop repo");
    assert!(!owner.at("repo/staged").exists());
}
