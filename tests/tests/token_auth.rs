//! One token service for a registry and the trust server: who may push signs, who may pull verifies, nobody else does
//! anything. With `notary`, and with Docker clients through the challenge that the server really sends.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use stories::peers::docker::{DEBIAN, DockerClient, NEWER};
use stories::peers::dockerd::Dockerd;
use stories::peers::notary::NotaryCli;
use stories::peers::registry::Registry;
use stories::peers::token_issuer::{Rights, TokenIssuer, User};
use stories::trust_server::TrustServer;

const GUN: &str = "example.com/team/tool";
const USERS: [User; 3] = [
    User { name: "alice", password: "alice's password", rights: Rights::All },
    User { name: "carol", password: "carol's password", rights: Rights::Push },
    User { name: "bob", password: "bob's password", rights: Rights::Pull },
];

/// The trust server with the configuration an operator of Notary has.
fn server(folder: &Path, issuer: &TokenIssuer) -> Result<TrustServer> {
    let config = json!({
        "server": {
            "http_addr": "127.0.0.1:4443",
            "tls_cert_file": "server.crt",
            "tls_key_file": "server.key",
        },
        "trust_service": { "type": "local" },
        "storage": { "backend": "memory" },
        "auth": {
            "type": "token",
            "options": {
                "realm": issuer.realm(),
                "service": "trust",
                "issuer": TokenIssuer::NAME,
                "rootcertbundle": issuer.bundle(),
            },
        },
    });
    let file = folder.join("auth.json");
    std::fs::write(&file, config.to_string())?;
    TrustServer::start_with_config(folder, &file)
}

struct World {
    server: TrustServer,
    issuer: TokenIssuer,
    folder: tempfile::TempDir,
}

impl World {
    fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let issuer = TokenIssuer::start(folder.path(), &USERS)?;
        Ok(Self { server: server(folder.path(), &issuer)?, issuer, folder })
    }

    fn notary(&self, name: &str) -> Result<NotaryCli> {
        NotaryCli::new(name, self.folder.path(), &self.server)
    }
}

#[test]
fn notary_publishes_with_the_right_to_push_and_reads_with_the_right_to_pull() -> Result<()> {
    let world = World::start()?;
    let alice = world.notary("alice")?.logged_in("alice", "alice's password");
    alice.file("one", "hello\n")?;
    alice.ok(&["init", GUN])?;
    alice.ok(&["add", GUN, "v1", "one", "-p"])?;

    let bob = world.notary("bob")?.logged_in("bob", "bob's password");
    ensure!(bob.list(GUN)? == [("v1".to_owned(), "targets".to_owned())]);
    bob.run(&["init", "example.com/team/other", "-p"])?.failure("401")?;
    bob.run(&["delete", GUN, "--remote"])?.failure("not authorized")?;

    // The keys of a publisher do not help without the right to push.
    let thief = alice.copy("thief")?.logged_in("bob", "bob's password");
    thief.file("two", "evil\n")?;
    thief.ok(&["add", GUN, "v1", "two"])?;
    let refused = thief.run(&["publish", GUN])?;
    ensure!(refused.code != 0, "published without the right to: {refused}");
    ensure!(bob.list(GUN)?.len() == 1);

    for stranger in [
        world.notary("anonymous")?,
        world.notary("mistyped")?.logged_in("alice", "wrong"),
        world.notary("nobody")?.logged_in("mallory", "x"),
    ] {
        let refused = stranger.run(&["list", GUN])?;
        ensure!(refused.code != 0 && !refused.stdout.contains("v1"), "{refused}");
    }
    Ok(())
}

#[test]
fn deleting_and_new_keys_at_the_server_need_every_right() -> Result<()> {
    let world = World::start()?;
    let carol = world.notary("carol")?.logged_in("carol", "carol's password");
    carol.file("one", "hello\n")?;
    carol.ok(&["init", GUN])?;
    carol.ok(&["add", GUN, "v1", "one", "-p"])?;
    let rotation = ["key", "rotate", GUN, "snapshot", "-r"];
    carol.run(&rotation)?.failure("")?;
    carol.run(&["delete", GUN, "--remote"])?.failure("not authorized")?;
    let bob = world.notary("bob")?.logged_in("bob", "bob's password");
    ensure!(bob.list(GUN)?.len() == 1);
    // The same keys, and a user who may.
    let alice = carol.copy("alice")?.logged_in("alice", "alice's password");
    alice.ok(&rotation)?.says("Successfully rotated")?;
    alice.ok(&["delete", GUN, "--remote"])?;
    // One without a cache.
    let bob = world.notary("bob-anew")?.logged_in("bob", "bob's password");
    bob.run(&["list", GUN])?.failure("does not have trust data")?;
    Ok(())
}

#[test]
fn an_expired_token_opens_nothing_and_the_next_one_does() -> Result<()> {
    let world = World::start()?;
    let alice = world.notary("alice")?.logged_in("alice", "alice's password");
    alice.file("one", "hello\n")?;
    alice.ok(&["init", GUN])?;
    alice.ok(&["add", GUN, "v1", "one", "-p"])?;
    let reader = |name: &str| Ok::<_, anyhow::Error>(world.notary(name)?.logged_in("bob", "bob's password"));
    world.issuer.set_lifetime(-120);
    let refused = reader("late")?.run(&["list", GUN])?;
    ensure!(refused.code != 0 && !refused.stdout.contains("v1"), "{refused}");
    world.issuer.set_lifetime(300);
    ensure!(reader("in time")?.list(GUN)?.len() == 1);
    Ok(())
}

/// `docker login` once, then trusted push and pull: the client follows both challenges by itself.
fn docker_with_one_login(binary: &'static str) -> Result<()> {
    let world = World::start()?;
    let registry = Registry::start_with_tokens(world.folder.path(), &world.issuer)?;
    let engine = Dockerd::start(world.folder.path())?;
    let user = |name: &str| DockerClient::new(binary, name, world.folder.path(), &engine, &world.server);
    let tag = format!("{}:v1", registry.repository("team/app"));

    let alice = user("alice")?;
    alice.make_image(&tag, "signed")?;
    let early = alice.trusted(&["push", &tag])?;
    ensure!(early.code != 0, "pushed without a login: {early}");
    alice.login(&registry.host(), "alice", "wrong")?.failure("")?;
    alice.login(&registry.host(), "alice", "alice's password")?.success()?.says("Login Succeeded")?;
    alice.trusted(&["push", &tag])?.success()?.says(&format!("Successfully signed {tag}"))?;
    alice.docker(&["rmi", &tag])?.success()?;

    let bob = user("bob")?;
    ensure!(bob.trusted(&["pull", &tag])?.code != 0, "pulled without a login");
    bob.login(&registry.host(), "bob", "bob's password")?.success()?;
    bob.trusted(&["pull", &tag])?.success()?.says("Pull (1 of 1)")?;
    let inspected = bob.docker(&["trust", "inspect", &tag])?.success()?.stdout;
    ensure!(inspected.contains("\"SignedTag\": \"v1\""), "{inspected}");

    // Bob may neither push nor sign.
    bob.make_image(&tag, "evil")?;
    let refused = bob.trusted(&["push", &tag])?;
    ensure!(refused.code != 0, "bob pushed: {refused}");
    alice.docker(&["rmi", "-f", &tag])?.success()?;
    alice.trusted(&["pull", &tag])?.success().context("what alice signed is still there")?;
    Ok(())
}

#[test]
fn docker_20_pushes_and_pulls_with_one_login() -> Result<()> {
    docker_with_one_login(DEBIAN)
}

#[test]
fn newer_docker_pushes_and_pulls_with_one_login() -> Result<()> {
    if !Path::new(NEWER).exists() {
        eprintln!("left out: there is no newer Docker client at {NEWER}");
        return Ok(());
    }
    docker_with_one_login(NEWER)
}
