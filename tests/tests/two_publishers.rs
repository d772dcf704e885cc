//! Two people with the same keys publish at the same moment: one of them may be refused, nothing is lost.

use std::collections::BTreeSet;
use std::path::Path;
use std::thread;

use anyhow::{Result, bail, ensure};
use stories::peers::notary::NotaryCli;
use stories::trust_server::TrustServer;

const GUN: &str = "example.com/team/raced";
const ROUNDS: usize = 8;

fn race(folder: &Path, server_holds_snapshot: bool) -> Result<()> {
    let server = TrustServer::start(folder)?;
    let alice = NotaryCli::new("alice", folder, &server)?;
    alice.file("file", "content\n")?;
    alice.ok(&["init", GUN])?;
    alice.ok(&["publish", GUN])?;
    if server_holds_snapshot {
        alice.ok(&["key", "rotate", GUN, "snapshot", "-r"])?;
    }
    let bob = alice.copy("bob")?;

    let results = thread::scope(|scope| {
        let publishers = [("alice", &alice), ("bob", &bob)];
        publishers.map(|(name, who)| scope.spawn(move || publish_all(name, who))).map(|thread| thread.join())
    });
    let mut expected = BTreeSet::new();
    let mut refused = 0;
    for result in results {
        let Ok(result) = result else { bail!("a publisher panicked") };
        let (names, refusals) = result?;
        expected.extend(names);
        refused += refusals;
    }
    eprintln!("{refused} publishes were refused and repeated");

    let reader = NotaryCli::new("reader", folder, &server)?;
    let listed: BTreeSet<String> = reader.list(GUN)?.into_iter().map(|(name, _)| name).collect();
    ensure!(listed == expected, "published {expected:?}, served {listed:?}");
    Ok(())
}

/// Publishes one target a round, again after each refusal; gives the names and how often it was refused.
fn publish_all(name: &str, who: &NotaryCli) -> Result<(Vec<String>, usize)> {
    let mut refused = 0;
    let names: Vec<String> = (0..ROUNDS).map(|round| format!("{name}-{round}")).collect();
    for target in &names {
        who.ok(&["add", GUN, target, "file"])?;
        while let outcome = who.run(&["publish", GUN])?
            && outcome.code != 0
        {
            // The words for a lost race; anything else is a failure.
            outcome.says("trust server rejected operation.")?;
            refused += 1;
            ensure!(refused < 200, "refused for ever");
        }
    }
    Ok((names, refused))
}

#[test]
fn two_publishers_who_sign_snapshots_lose_nothing() -> Result<()> {
    race(tempfile::tempdir()?.path(), false)
}

#[test]
fn two_publishers_with_a_server_held_snapshot_lose_nothing() -> Result<()> {
    race(tempfile::tempdir()?.path(), true)
}
