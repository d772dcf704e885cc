//! `kill -9` at any moment: what was acknowledged is there, and nothing is there in part.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::Sqlite;
use super::tests::open_at;
use crate::storage::contract::{at, file_of, gun, newest_version, role, version};
use crate::storage::{Base, ChangeCursor, ChangePage, NewFile, Storage};

const DATABASE: &str = "TRUST_CRASH_TEST_DATABASE";
const ROLES: [&str; 4] = ["root", "targets", "snapshot", "timestamp"];
const PUBLISHERS: usize = 6;
/// Published and deleted in turn.
const CHURN: &str = "crash/churn";

fn bytes(gun_text: &str, role_name: &str, number: u64) -> Vec<u8> {
    let mut bytes = format!("{gun_text} {role_name} {number} ").into_bytes();
    // From less than a page to several.
    bytes.resize(200 + (number as usize * 1_237) % 14_000, b'x');
    bytes
}

fn set(gun_text: &str, number: u64) -> Vec<NewFile> {
    ROLES.map(|name| file_of(name, number, bytes(gun_text, name, number))).into()
}

/// Not a test by itself: the process that is killed. Without a database named in the environment it does nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn victim() {
    let Some(path) = std::env::var_os(DATABASE) else { return };
    println!();
    let store = Arc::new(open_at(Path::new(&path)).await);
    let mut tasks = JoinSet::new();
    for publisher in 0..PUBLISHERS {
        let store = store.clone();
        tasks.spawn(async move {
            let name = format!("crash/{publisher}");
            for number in newest_version(&*store, &gun(&name), "timestamp").await.unwrap_or(0) + 1.. {
                store.publish(&gun(&name), Base::Any, set(&name, number), at(0)).await.unwrap();
                // One write, so that a line is there whole or recognisably not.
                let line = format!("stored {name} {number} .\n");
                std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
            }
        });
    }
    tasks.spawn(async move {
        loop {
            let next = newest_version(&*store, &gun(CHURN), "timestamp").await.unwrap_or(0) + 1;
            store.publish(&gun(CHURN), Base::Any, set(CHURN, next), at(0)).await.unwrap();
            if next >= 3 {
                assert!(store.delete(&gun(CHURN), at(0)).await.unwrap());
            }
        }
    });
    tasks.join_all().await;
}

fn start_victim(path: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "storage::sqlite::crash_tests::victim", "--nocapture", "--test-threads=1"])
        .env(DATABASE, path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Starts a victim, kills it `delay` after its `patience`th acknowledgement, and returns all it acknowledged.
fn kill_after(path: &Path, patience: usize, delay: Duration) -> Vec<(String, u64)> {
    let mut victim = start_victim(path);
    let mut lines = BufReader::new(victim.stdout.take().unwrap()).lines();
    let mut stored = Vec::new();
    let mut note = |line: &str| {
        if let ["stored", name, number, "."] = line.split(' ').collect::<Vec<_>>()[..] {
            stored.push((name.to_owned(), number.parse().unwrap()));
        }
        stored.len()
    };
    if patience > 0 {
        while note(&lines.next().expect("the victim stopped by itself").unwrap()) < patience {}
    }
    std::thread::sleep(delay);
    victim.kill().unwrap();
    victim.wait().unwrap();
    for line in lines {
        note(&line.unwrap());
    }
    stored
}

async fn prove_stored(store: &Sqlite, stored: &[(String, u64)]) {
    for (name, number) in stored {
        for role_name in ROLES {
            let found = store.by_version(&gun(name), &role(role_name), version(*number)).await.unwrap();
            let found = found.unwrap_or_else(|| panic!("{name} {role_name} {number} was acknowledged and is lost"));
            assert!(found.bytes == bytes(name, role_name, *number));
        }
    }
}

async fn prove_nothing_torn(store: &Sqlite) {
    for name in (0..PUBLISHERS).map(|publisher| format!("crash/{publisher}")).chain([CHURN.to_owned()]) {
        let newest = newest_version(store, &gun(&name), "timestamp").await;
        for role_name in ROLES {
            assert_eq!(newest_version(store, &gun(&name), role_name).await, newest, "{name} {role_name}");
        }
        if name != CHURN {
            let page = ChangePage { gun: Some(gun(&name)), from: ChangeCursor::After(0), limit: u32::MAX };
            assert_eq!(store.changes(&page).await.unwrap().len() as u64, newest.unwrap_or(0), "{name}");
        }
    }
}

#[tokio::test]
async fn what_was_acknowledged_survives_kill_and_nothing_is_torn() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("trust.db");
    let mut all = BTreeMap::new();
    for round in 0..30_u64 {
        // The first rounds kill while the file and its tables are being made.
        let patience = if round < 5 { 0 } else { 3 + (round as usize * 37) % 60 };
        let delay = Duration::from_micros(if round < 5 { round * 4_000 } else { (round * 7_919) % 2_500 });
        let stored = kill_after(&path, patience, delay);
        let store = open_at(&path).await;
        prove_stored(&store, &stored).await;
        prove_nothing_torn(&store).await;
        store.close().await;
        all.extend(stored.into_iter().map(|entry| (entry, ())));
    }
    let store = open_at(&path).await;
    let all: Vec<_> = all.into_keys().collect();
    assert!(all.len() > 500, "only {} acknowledgements", all.len());
    prove_stored(&store, &all).await;
}
