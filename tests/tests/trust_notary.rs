//! `trust notary` beside `notary`: on the same folders and collections they print the same and end alike.

use anyhow::{Result, ensure};
use stories::command::run;
use stories::peers::notary::NotaryCli;
use stories::peers::trust::TrustCli;
use stories::trust_server::TrustServer;

const GUN: &str = "example.com/team/app";

#[test]
fn what_is_read_is_printed_byte_for_byte() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = TrustServer::start(folder.path())?;
    let alice = NotaryCli::new("alice", folder.path(), &server)?;
    alice.file("one", "hello, world\n")?;
    let (key, certificate) = alice.delegate_key("bob")?;
    alice.ok(&["init", GUN])?;
    alice.ok(&["init", "example.com/team/empty", "-p"])?;
    alice.ok(&["key", "import", &key, "-r", "bob"])?;
    alice.ok(&["delegation", "add", GUN, "targets/releases", &certificate, "--all-paths", "-p"])?;
    for (tag, role) in [("v2", "targets"), ("a name", "targets"), ("v1", "targets,targets/releases")] {
        alice.ok(&["add", GUN, tag, "one", "-r", role, "-p"])?;
    }
    let ours = TrustCli::new("ours", folder.path(), &server)?;
    for args in [
        &["list", GUN][..],
        &["list", GUN, "-r", "targets/releases"],
        &["list", "example.com/team/empty"],
        &["list", "example.com/team/nobody"],
        &["lookup", GUN, "v1"],
        &["lookup", GUN, "a name"],
        &["lookup", GUN, "v9"],
        &["key", "list"],
    ] {
        let theirs = alice.run(args)?;
        let mut command = ours.command()?;
        command.current_dir(alice.home()).args(["notary", "-d", "trust", "-s", &server.url()]);
        let outcome = run(command.args(args))?;
        ensure!(outcome.code == theirs.code, "{outcome}\n---\n{theirs}");
        // Notary cuts the address of the server to its host.
        let plain = |text: &str| text.replace("https://", "");
        ensure!(plain(&outcome.stdout) == plain(&theirs.stdout), "{outcome}\n---\n{theirs}");
    }
    Ok(())
}
