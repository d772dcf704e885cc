//! `trust notary` beside `notary`: two people do the same, one with each, and are told the same, line by line; and what
//! one began the other goes on with.

use std::path::Path;

use anyhow::{Result, ensure};
use stories::command::{Outcome, clean, run, run_with_input};
use stories::peers::notary::NotaryCli;
use stories::peers::trust::binary;
use stories::trust_server::TrustServer;

/// `trust notary` in the folder of a user of the real one.
fn ours(user: &NotaryCli, server: &TrustServer, args: &[&str], input: &str) -> Result<Outcome> {
    let mut command = clean(binary()?);
    command.current_dir(user.home()).env("HOME", user.home());
    for role in ["ROOT", "TARGETS", "SNAPSHOT", "DELEGATION"] {
        command.env(format!("NOTARY_{role}_PASSPHRASE"), format!("passphrase-{role}"));
    }
    command.args(["notary", "-d", "trust", "-s", &server.url(), "--tlscacert"]).arg(server.ca());
    run_with_input(command.args(args), input)
}

/// What a program said, with what differs from person to person taken out.
fn plain(outcome: &Outcome, home: &Path, gun: &str) -> (i32, String) {
    let text = outcome.stdout.replace(&home.display().to_string(), "HOME").replace(gun, "GUN").replace("https://", "");
    // Of several digests that differ, Notary names any.
    let text = text.replace("sha512 checksum", "sha256 checksum");
    let is_hex = |word: &str| [64, 128].contains(&word.len()) && word.chars().all(|c| c.is_ascii_hexdigit());
    let words = text.split_inclusive(|c: char| !c.is_ascii_alphanumeric());
    let plain = words.map(|word| {
        let inner = word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
        if is_hex(inner) { word.replace(inner, "HEX") } else { word.to_owned() }
    });
    (outcome.code, plain.collect())
}

#[test]
fn the_same_commands_say_the_same() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = TrustServer::start(folder.path())?;
    let (real, user) =
        (NotaryCli::new("real", folder.path(), &server)?, NotaryCli::new("ours", folder.path(), &server)?);
    let (one, two) = ("example.com/team/one", "example.com/team/two");
    for person in [&real, &user] {
        person.file("one", "hello, world\n")?;
        person.file("other", "something else\n")?;
    }
    // The same delegates for both, so that tables list their keys in the same order.
    for name in ["alice", "bob"] {
        let (key, certificate) = real.delegate_key(name)?;
        for file in [key, certificate] {
            std::fs::copy(real.home().join(&file), user.home().join(&file))?;
        }
    }
    let zeros = "0".repeat(64);
    let commands: Vec<(String, &str)> = [
        ("bogus", ""),
        ("list --bogus GUN", ""),
        ("key list", ""),
        ("list GUN", ""),
        ("init GUN -p", ""),
        ("list GUN", ""),
        ("status GUN", ""),
        ("delegation list GUN", ""),
        ("key import alice.key -r alice", ""),
        ("delegation add GUN targets/releases alice.crt --all-paths", ""),
        ("delegation add GUN targets/alice alice.crt bob.crt --paths v,latest", ""),
        ("delegation add GUN releases alice.crt --all-paths", ""),
        ("add GUN v1 one", ""),
        ("add GUN both one -r targets,targets/releases", ""),
        ("addhash GUN v2 0x10 --sha256 ZEROS", ""),
        ("addhash GUN v2 12 --sha256 xyz", ""),
        ("remove GUN v0", ""),
        ("status GUN", ""),
        ("reset GUN -n 7,8", ""),
        ("status GUN", ""),
        ("publish GUN", ""),
        ("status GUN", ""),
        ("delegation list GUN", ""),
        ("list GUN", ""),
        ("list GUN -r targets/releases", ""),
        ("lookup GUN v1", ""),
        ("lookup GUN v9", ""),
        ("verify GUN v1 -i one", ""),
        ("verify GUN v1", "hello, world\n"),
        ("verify GUN v1 -i one -q", ""),
        ("verify GUN v1 -i other", ""),
        ("verify GUN v9 -i other", ""),
        ("witness GUN targets targets/releases", ""),
        ("status GUN", ""),
        ("reset GUN --all", ""),
        ("delegation purge GUN --key ZEROS", ""),
        ("delegation remove GUN targets/alice ZEROS", ""),
        ("delegation remove GUN targets/alice --paths v", ""),
        ("delegation remove GUN targets/alice", "no\n"),
        ("delegation remove GUN targets/alice", "yes\n"),
        ("delegation remove GUN targets/alice -y", ""),
        ("status GUN", ""),
        ("reset GUN --all", ""),
        ("delegation remove GUN targets/alice -y -p", ""),
        ("delegation list GUN", ""),
        ("remove GUN v1 -p", ""),
        ("list GUN", ""),
        ("key generate ecdsa -r bob", ""),
        ("key generate rsa", ""),
        ("key rotate GUN targets", ""),
        ("key rotate GUN snapshot -r", ""),
        ("key rotate GUN timestamp", ""),
        ("key rotate GUN root", "no\n"),
        ("key rotate GUN root", "yes\n"),
        ("key remove ZEROS", ""),
        ("add GUN v3 one -p", ""),
        ("list GUN", ""),
        ("delete GUN", ""),
        ("list GUN", ""),
        ("delete GUN --remote", ""),
        ("list GUN", ""),
    ]
    .map(|(line, input)| (line.replace("ZEROS", &zeros), input))
    .into();
    for (line, input) in commands {
        let (theirs, own) = (line.replace("GUN", one), line.replace("GUN", two));
        let theirs: Vec<&str> = theirs.split(' ').collect();
        let own: Vec<&str> = own.split(' ').collect();
        let theirs = plain(&real.run_with_input(&theirs, input)?, real.home(), one);
        let said = plain(&ours(&user, &server, &own, input)?, user.home(), two);
        // A folder's name is cut to the width of its column.
        let cut = |(code, text): (i32, String)| (code, text.replace("/ours/", "/real/"));
        ensure!(cut(said.clone()) == cut(theirs.clone()), "{line}:\n{said:#?}\n---\n{theirs:#?}");
    }
    Ok(())
}

#[test]
fn what_one_began_the_other_goes_on_with() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = TrustServer::start(folder.path())?;
    let user = NotaryCli::new("user", folder.path(), &server)?;
    let gun = "example.com/team/app";
    user.file("one", "hello, world\n")?;
    ours(&user, &server, &["init", gun], "")?.success()?;
    ours(&user, &server, &["add", gun, "v1", "one"], "")?.success()?;
    user.ok(&["status", gun])?.says("v1")?;
    user.ok(&["publish", gun])?;
    user.ok(&["add", gun, "v2", "one"])?;
    ours(&user, &server, &["publish", gun], "")?.success()?;
    ours(&user, &server, &["key", "rotate", gun, "targets"], "")?.success()?;
    user.ok(&["add", gun, "v3", "one", "-p"])?;
    let printed = ours(&user, &server, &["list", gun], "")?.success()?.stdout;
    ensure!(printed == user.ok(&["list", gun])?.stdout && printed.contains("v3"), "{printed}");
    Ok(())
}

#[test]
fn pins_of_the_configuration_file_hold_also_where_a_cache_is() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = TrustServer::start(folder.path())?;
    let user = NotaryCli::new("user", folder.path(), &server)?;
    let gun = "example.com/team/App";
    user.file("one", "hello, world\n")?;
    user.ok(&["init", gun])?;
    user.ok(&["add", gun, "v1", "one", "-p"])?;
    ours(&user, &server, &["list", gun], "")?.success()?.says("v1")?;
    let zeros = "0".repeat(64);
    user.file("config.json", &format!(r#"{{"trust_pinning": {{"certs": {{"{gun}": ["{zeros}"]}}}}}}"#))?;
    let refused = ours(&user, &server, &["-c", "config.json", "list", gun], "")?;
    ensure!(refused.code == 1 && refused.stdout.contains("* fatal:"), "{refused}");
    user.file("config.json", r#"{"trust_pinning": {"disable_tofu": true}}"#)?;
    run(clean("rm").arg("-r").arg(user.home().join("trust/tuf")))?.success()?;
    ours(&user, &server, &["-c", "config.json", "list", gun], "")?.failure("* fatal:")?;
    Ok(())
}
