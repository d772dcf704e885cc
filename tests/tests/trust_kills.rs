//! `trust` killed at any moment, and several at once on one folder: what is there afterwards is whole.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Result, ensure};
use stories::images::push;
use stories::peers::notary::NotaryCli;
use stories::peers::registry::Registry;
use stories::peers::trust::TrustCli;
use stories::person::Person;
use stories::trust_server::TrustServer;

const GUN: &str = "example.com/team/app";
const KILLS: u64 = 40;

#[test]
fn a_reader_killed_anywhere_goes_on_where_it_was() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = TrustServer::start(folder.path())?;
    let alice = Person::new(folder.path().join("alice"), &server)?;
    alice.init(GUN, &Default::default())?;
    alice.sign(GUN, "v1", "0")?;
    let bob = TrustCli::new("bob", folder.path(), &server)?;
    bob.trusts_on_first_use()?;
    let verify = ["verify", "--no-registry", "example.com/team/app:v1"];
    bob.ok(&verify)?;
    // From here on a first use would be refused: whatever a kill leaves, the root must be in it.
    std::fs::write(bob.trust_dir().join("policy.json"), r#"{"version":1,"default":{"first_use":false}}"#)?;
    for n in 0..KILLS {
        alice.sign(GUN, "v1", &n.to_string())?;
        let mut child = bob.command()?.args(verify).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        // Spread over the life of the process, the writing at its end above all.
        std::thread::sleep(Duration::from_micros(2_000 + n * 400));
        child.kill()?;
        child.wait()?;
        let seen = bob.json(&verify)?;
        ensure!(seen["images"][0]["root_trust"] == "seen-before", "after kill {n}: {seen}");
    }
    // And `notary` reads the same folder.
    let notary = NotaryCli::new("notary", folder.path(), &server)?;
    std::fs::remove_dir_all(notary.home().join("trust")).ok();
    std::fs::rename(bob.trust_dir(), notary.home().join("trust"))?;
    ensure!(notary.list(GUN)?.len() == 1);
    Ok(())
}

#[test]
fn a_signer_killed_anywhere_leaves_keys_and_collection_usable() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = TrustServer::start(folder.path())?;
    let registry = Registry::start(folder.path())?;
    let alice = TrustCli::new("alice", folder.path(), &server)?;
    alice.trusts_on_first_use()?;
    push(&registry.host(), "team/app", "v0", "0")?;
    let image = |n: u64| format!("{}:v{n}", registry.repository("team/app"));
    alice.ok(&["sign", "--init", &image(0)])?;
    let keys = std::fs::read_dir(alice.trust_dir().join("private"))?.count();
    for n in 1..=KILLS / 2 {
        push(&registry.host(), "team/app", &format!("v{n}"), &n.to_string())?;
        let mut child =
            alice.command()?.args(["sign", &image(n)]).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        std::thread::sleep(Duration::from_micros(3_000 + n * 4_000));
        child.kill()?;
        child.wait()?;
    }
    // Signing what was signed already changes nothing; what was not is signed now.
    for n in 1..=KILLS / 2 {
        alice.ok(&["sign", &image(n)])?;
        alice.ok(&["verify", &image(n)])?;
    }
    ensure!(std::fs::read_dir(alice.trust_dir().join("private"))?.count() == keys, "keys came or went");
    Ok(())
}

#[test]
fn several_at_once_on_one_folder_all_get_their_way() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = TrustServer::start(folder.path())?;
    let registry = Registry::start(folder.path())?;
    let alice = TrustCli::new("alice", folder.path(), &server)?;
    alice.trusts_on_first_use()?;
    let image = |n: usize| format!("{}:v{n}", registry.repository("team/app"));
    for n in 0..7 {
        push(&registry.host(), "team/app", &format!("v{n}"), &n.to_string())?;
    }
    alice.ok(&["sign", "--init", &image(0)])?;
    let mut children = Vec::new();
    for n in 1..7 {
        for words in [["sign", &image(n)], ["verify", &image(0)]] {
            let child = alice.command()?.args(words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
            children.push((words.map(str::to_owned), child));
        }
    }
    for (words, child) in children {
        let ended = child.wait_with_output()?;
        ensure!(ended.status.success(), "{words:?}: {}", String::from_utf8_lossy(&ended.stderr));
    }
    for n in 0..7 {
        alice.ok(&["verify", &image(n)])?;
    }
    Ok(())
}
