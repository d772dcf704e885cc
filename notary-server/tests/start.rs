//! Starts the real program: first starts that are killed, second starts, signals, flags.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::Duration;

fn server(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_notary-server"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn embedded(folder: &Path) -> Command {
    server(&["--data-dir", folder.to_str().unwrap(), "--listen", "127.0.0.1:0"])
}

/// Waits for the three lines that say it listens; else for its last words.
fn greeting(child: &mut Child) -> Result<Vec<String>, String> {
    let lines: Vec<String> =
        BufReader::new(child.stdout.as_mut().unwrap()).lines().take(3).collect::<Result<_, _>>().unwrap();
    if lines.len() == 3 {
        return Ok(lines);
    }
    let mut words = String::new();
    child.stderr.as_mut().unwrap().read_to_string(&mut words).unwrap();
    child.wait().unwrap();
    Err(words)
}

fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").args([name, &child.id().to_string()]).status().unwrap();
    assert!(status.success());
}

fn run(arguments: &[&str]) -> (Output, String, String) {
    let output = server(arguments).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    (output, out, err)
}

#[test]
fn a_first_start_killed_at_any_moment_never_breaks_the_next() {
    for round in 0..24 {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let mut first = embedded(&data).spawn().unwrap();
        sleep(Duration::from_micros(round * 700));
        first.kill().unwrap();
        first.wait().unwrap();

        let mut second = embedded(&data).spawn().unwrap();
        let lines = greeting(&mut second).unwrap_or_else(|words| panic!("round {round}: {words}"));
        assert!(lines[2].contains(&data.join("tls/ca.crt").display().to_string()), "{lines:?}");
        second.kill().unwrap();
        second.wait().unwrap();
    }
}

#[test]
fn a_folder_in_use_is_refused_and_a_stopped_server_gives_it_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = embedded(folder.path()).spawn().unwrap();
    greeting(&mut first).unwrap();
    let mut second = embedded(folder.path()).spawn().unwrap();
    let words = greeting(&mut second).unwrap_err();
    assert!(words.contains(&format!("process {}", first.id())), "{words}");
    assert!(words.contains(&folder.path().canonicalize().unwrap().display().to_string()), "{words}");

    signal(&first, "-TERM");
    assert_eq!(first.wait().unwrap().code(), Some(0));
    let mut third = embedded(folder.path()).spawn().unwrap();
    greeting(&mut third).unwrap();
    signal(&third, "-INT");
    assert_eq!(third.wait().unwrap().code(), Some(0));
}

#[test]
fn signals_of_notary_and_of_reloads_do_not_end_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = embedded(folder.path()).spawn().unwrap();
    greeting(&mut child).unwrap();
    for name in ["-HUP", "-USR2", "-USR1", "-USR1"] {
        signal(&child, name);
    }
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("Successfully setting log level to "), "{line}");
    assert!(child.try_wait().unwrap().is_none());
    signal(&child, "-TERM");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_configuration_is_checked_with_file_and_key_in_the_refusal() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("server.json");
    let good = r#"{"server":{"http_addr":":4443"},"trust_service":{"type":"local"},"storage":{"backend":"memory"}}"#;
    std::fs::write(&file, good).unwrap();
    let path = file.to_str().unwrap();
    let (output, out, _) = run(&["config", "check", "-config", path]);
    assert!(output.status.success());
    assert!(out.contains("\"http_addr\": \":4443\"") && out.contains("\"upload_bytes\""), "{out}");

    std::fs::write(&file, good.replace("memory", "mongodb")).unwrap();
    let (output, _, err) = run(&["config", "check", "--config", path]);
    assert_eq!(output.status.code(), Some(1));
    assert!(err.contains("server.json: key storage.backend"), "{err}");
    let (output, _, err) = run(&["-config", path]);
    assert_eq!(output.status.code(), Some(1));
    assert!(err.starts_with("{\"level\":\"fatal\",\"msg\":"), "one JSON line: {err}");
}

#[test]
fn gos_flags_are_understood() {
    let (output, out, _) = run(&["-version"]);
    assert!(output.status.success() && out.starts_with("notary-server "), "{out}");
    let (output, _, err) = run(&["-bootstrap"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(err.contains("store does not support bootstrapping"), "{err}");
}

#[test]
fn a_lost_key_store_is_refused_instead_of_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut first = embedded(&data).spawn().unwrap();
    greeting(&mut first).unwrap();
    signal(&first, "-TERM");
    assert!(first.wait().unwrap().success());
    assert!(!data.join("keys.db-wal").exists(), "a clean stop leaves one file to copy");
    std::fs::remove_file(data.join("keys.db")).unwrap();
    let mut second = embedded(&data).spawn().unwrap();
    let words = greeting(&mut second).unwrap_err();
    assert!(words.contains("keys.db is gone") && words.contains("backup"), "{words}");
    std::fs::write(data.join("keys.db"), "").unwrap();
    let mut third = embedded(&data).spawn().unwrap();
    greeting(&mut third).unwrap();
    third.kill().unwrap();
    third.wait().unwrap();
}
