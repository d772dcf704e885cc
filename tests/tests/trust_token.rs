//! A root key that never leaves its token (SoftHSM): it begins a collection and rotates its keys, and `notary` follows.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use stories::command::{Outcome, clean, run};
use stories::peers::notary::NotaryCli;
use stories::peers::trust::TrustCli;
use stories::trust_server::TrustServer;

const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";
const LABEL: &str = "root keys";
const PIN: &str = "hunter2";
const GUN: &str = "example.com/team/app";

/// Somebody with a token of their own.
struct Holder {
    trust: TrustCli,
}

impl Holder {
    fn new(folder: &std::path::Path, server: &TrustServer) -> Result<Self> {
        let trust = TrustCli::new("holder", folder, server)?.trusting_first_use()?;
        let tokens = trust.home().join("tokens");
        std::fs::create_dir(&tokens)?;
        trust.file("softhsm2.conf", &format!("directories.tokendir = {}\nlog.level = ERROR\n", tokens.display()))?;
        trust.file("pin", &format!("{PIN}\n"))?;
        trust.file("wrong-pin", "hunter3\n")?;
        let holder = Self { trust };
        let mut make = clean("softhsm2-util");
        make.args(["--init-token", "--free", "--so-pin", "12345678", "--pin", PIN, "--label", LABEL]);
        run(make.env("SOFTHSM2_CONF", holder.trust.home().join("softhsm2.conf")))?.success()?;
        Ok(holder)
    }

    fn command(&self, pin: &str) -> Result<Command> {
        let mut command = self.trust.command()?;
        command.env("SOFTHSM2_CONF", self.trust.home().join("softhsm2.conf"));
        command.env("TRUST_TOKEN_MODULE", MODULE).env("TRUST_TOKEN", LABEL).env("TRUST_TOKEN_PIN_FILE", pin);
        Ok(command)
    }

    fn run(&self, args: &[&str]) -> Result<Outcome> {
        run(self.command("pin")?.args(args))
    }

    /// The keys that `trust key list` shows.
    fn keys(&self) -> Result<Vec<Value>> {
        let listed = self.run(&["key", "list", "--output", "json"])?.success()?.stdout;
        let listed: Value = serde_json::from_str(&listed)?;
        Ok(listed["keys"].as_array().context("keys")?.clone())
    }
}

#[test]
fn a_root_key_in_a_token_begins_and_rotates() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = TrustServer::start(folder.path())?;
    let holder = Holder::new(folder.path(), &server)?;
    holder.run(&["key", "generate", "--in-token", "alice"])?.failure("only root keys")?;
    holder.run(&["key", "generate", "--in-token", "root"])?.success()?;
    let keys = holder.keys()?;
    ensure!(keys.len() == 1 && keys[0]["role"] == "root", "{keys:?}");
    ensure!(!holder.trust.trust_dir().join("private").exists(), "a copy of the key is in the folder");

    let wrong = run(holder.command("wrong-pin")?.args(["init", GUN]))?;
    ensure!(wrong.code == 23, "{wrong}");
    holder.run(&["init", GUN])?.success()?;
    let reader = NotaryCli::new("reader", folder.path(), &server)?;
    reader.ok(&["list", GUN])?;
    holder.run(&["key", "rotate", "--yes", GUN, "targets"])?.success()?;
    reader.ok(&["list", GUN])?;

    // Without the token the folder alone changes no keys.
    holder.trust.fails(23, "root of", &["key", "rotate", "--yes", GUN, "targets"])?;
    let id = keys[0]["id"].as_str().context("an id")?;
    holder.run(&["key", "export", id])?.failure("no private key")?;
    let absent = run(holder.command("pin")?.env("TRUST_TOKEN_MODULE", "/nowhere.so").args(["key", "list"]))?;
    ensure!(absent.code == 23, "{absent}");
    Ok(())
}
