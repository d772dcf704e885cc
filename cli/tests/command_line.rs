//! The binary `trust` as a shell sees it: exit codes, and which stream says what.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use std::process::{Command, Output, Stdio};

fn trust() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trust"));
    command.env_clear().stdin(Stdio::null());
    command
}

fn run(words: &[&str]) -> Output {
    trust().args(words).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn answers_are_on_standard_output() {
    let version = run(&["--version"]);
    assert_eq!(version.status.code(), Some(0));
    assert_eq!(text(&version.stdout), format!("trust {}\n", env!("CARGO_PKG_VERSION")));
    assert!(version.stderr.is_empty());
    assert!(text(&run(&["--help"]).stdout).contains("Exit codes:"));
}

#[test]
fn a_wrong_call_is_told_on_standard_error() {
    let wrong = run(&["bogus"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(wrong.stdout.is_empty());
    assert!(text(&wrong.stderr).starts_with("error: "), "{}", text(&wrong.stderr));
}

#[test]
fn programs_are_told_what_is_wrong_as_json() {
    for words in [&["bogus", "--output", "json"][..], &["man", "/nowhere", "-ojson"], &["-o=json", "man", "/nowhere"]] {
        let wrong = run(words);
        let error: serde_json::Value = serde_json::from_slice(&wrong.stderr).unwrap();
        assert_eq!(error["error"]["exit"], wrong.status.code().unwrap(), "{words:?}");
        assert!(error["error"]["message"].as_str().is_some_and(|message| !message.is_empty()), "{words:?}");
    }
}

#[test]
fn no_colours_off_a_terminal_and_none_where_they_are_not_wanted() {
    let folder = "/nowhere";
    assert!(!run(&["man", folder]).stderr.contains(&0x1b));
    let forced = trust().args(["man", folder]).env("CLICOLOR_FORCE", "1").output().unwrap();
    assert!(forced.stderr.contains(&0x1b));
    let unwanted = trust().args(["man", folder]).env("NO_COLOR", "1").output().unwrap();
    assert!(!unwanted.stderr.contains(&0x1b));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let mut child = trust().args(["completion", "zsh"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(0), "{}", text(&ended.stderr));
    assert!(ended.stderr.is_empty(), "{}", text(&ended.stderr));
}

#[test]
fn a_full_disk_is_an_error() {
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let ended = trust().args(["completion", "zsh"]).stdout(full).output().unwrap();
    assert_eq!(ended.status.code(), Some(1));
    assert!(text(&ended.stderr).contains("cannot write the output"), "{}", text(&ended.stderr));
}

#[test]
fn the_manual_is_written_where_it_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().to_str().unwrap();
    let dry = run(&["man", target, "--dry-run", "--output", "json"]);
    let pages: serde_json::Value = serde_json::from_slice(&dry.stdout).unwrap();
    assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none(), "a dry run wrote something");

    assert_eq!(run(&["man", target]).status.code(), Some(0));
    for page in pages["pages"].as_array().unwrap() {
        assert!(std::fs::metadata(page.as_str().unwrap()).unwrap().len() > 100, "{page}");
    }
}

#[test]
fn docker_is_told_who_we_are() {
    let output = Command::new(env!("CARGO_BIN_EXE_docker-trust")).arg("docker-cli-plugin-metadata").output().unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(metadata["SchemaVersion"], "0.1.0");
    assert!(metadata["Vendor"].as_str().is_some_and(|vendor| !vendor.is_empty()));
}
