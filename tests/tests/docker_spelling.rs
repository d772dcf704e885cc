//! `docker-trust` beside the real `docker trust`: two people with the same keys do the same, one with each, and are told
//! the same, line by line.

use std::path::Path;

use anyhow::{Result, ensure};
use stories::command::{Outcome, clean, run, run_with_input};
use stories::peers::docker::{DEBIAN, DockerClient, NEWER};
use stories::peers::dockerd::Dockerd;
use stories::peers::registry::Registry;
use stories::peers::trust::plugin;
use stories::trust_server::TrustServer;

/// The plugin as Docker 29 runs it, in the folder of a user of the real client.
struct Ours<'a> {
    user: &'a DockerClient,
    server: &'a TrustServer,
    engine: &'a Dockerd,
}

impl Ours<'_> {
    fn trust(&self, args: &[&str], input: &str) -> Result<Outcome> {
        let home = self.user.home();
        let mut command = clean(plugin()?);
        command.current_dir(home).env("HOME", home).env("DOCKER_CONTENT_TRUST_SERVER", self.server.url());
        command.env("DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE", "passphrase-root");
        command.env("DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE", "passphrase-repository");
        command.env("DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND", DEBIAN).env("DOCKER_HOST", self.engine.host());
        command.env("DOCKER_BUILDKIT", "0");
        run_with_input(command.arg("--config").arg(home.join("config")).arg("trust").args(args), input)
    }
}

struct World {
    server: TrustServer,
    registry: Registry,
    engine: Dockerd,
    folder: tempfile::TempDir,
}

impl World {
    fn new() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        Ok(Self {
            server: TrustServer::start(folder.path())?,
            registry: Registry::start(folder.path())?,
            engine: Dockerd::start(folder.path())?,
            folder,
        })
    }

    fn user(&self, name: &str) -> Result<DockerClient> {
        let binary = if Path::new(NEWER).exists() { NEWER } else { DEBIAN };
        DockerClient::new(binary, name, self.folder.path(), &self.engine, &self.server)
    }

    fn ours<'a>(&'a self, user: &'a DockerClient) -> Ours<'a> {
        Ours { user, server: &self.server, engine: &self.engine }
    }
}

/// What two programs said, each of its own repository and folder, with what must differ taken out: names, ids, digests,
/// layers.
fn plain(outcome: &Outcome, home: &Path, repository: &str) -> (i32, String, String) {
    let text = |text: &str| {
        let text = text.replace(&home.display().to_string(), "HOME").replace(repository, "REPOSITORY");
        let is_hex = |word: &str| word.len() >= 7 && word.chars().all(|c| c.is_ascii_hexdigit());
        let words = text.split_inclusive(|c: char| !c.is_ascii_alphanumeric());
        let plain = words.map(|word| {
            let inner = word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
            if is_hex(inner) { word.replace(inner, "HEX") } else { word.to_owned() }
        });
        plain.collect::<String>()
    };
    (outcome.code, text(&outcome.stdout), text(&outcome.stderr))
}

fn key(user: &DockerClient, name: &str) -> Result<()> {
    let mut openssl = clean("openssl");
    openssl.current_dir(user.home()).args(["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", name]);
    run(&mut openssl)?.success()?;
    Ok(())
}

#[test]
fn the_same_commands_say_the_same() -> Result<()> {
    if !Path::new(NEWER).exists() {
        eprintln!("left out: there is no newer Docker client at {NEWER}");
        return Ok(());
    }
    let world = World::new()?;
    let (real, user) = (world.user("real")?, world.user("ours")?);
    let ours = world.ours(&user);
    let (one, two) = (world.registry.repository("team/one"), world.registry.repository("team/two"));
    for (person, repository) in [(&real, &one), (&user, &two)] {
        for tag in ["v1", "v2"] {
            person.make_image(&format!("{repository}:{tag}"), &format!("{tag} of {repository}"))?;
        }
        for name in ["bob.key", "open.key"] {
            key(person, name)?;
        }
        std::fs::write(person.home().join("not.key"), "no key\n")?;
        run(clean("chmod").arg("600").arg(person.home().join("not.key")).arg(person.home().join("bob.key")))?
            .success()?;
        run(clean("chmod").arg("644").arg(person.home().join("open.key")))?.success()?;
        let mut public = clean("openssl");
        run(public.current_dir(person.home()).args(["ec", "-in", "bob.key", "-pubout", "-out", "bob.pub"]))?
            .success()?;
    }
    let zeros = format!("REPOSITORY@sha256:{}", "0".repeat(64));
    let commands: &[(&str, &str)] = &[
        ("key generate alice", ""),
        ("key generate alice", ""),
        ("key generate Bad", ""),
        ("key generate --dir nowhere dave", ""),
        ("key load --name bob bob.key", ""),
        ("key load open.key", ""),
        ("key load not.key", ""),
        ("signer add --key alice.pub Bad REPOSITORY", ""),
        ("signer add --key alice.pub releases REPOSITORY", ""),
        ("signer add alice REPOSITORY", ""),
        ("signer add --key alice.pub alice REPOSITORY", ""),
        ("sign REPOSITORY", ""),
        (&format!("sign {zeros}"), ""),
        ("sign REPOSITORY:v1", ""),
        ("signer add --key bob.pub bob REPOSITORY", ""),
        ("sign REPOSITORY:v1", ""),
        ("sign REPOSITORY:v2", ""),
        ("sign --local REPOSITORY:v2", ""),
        ("revoke REPOSITORY:v9", ""),
        ("revoke REPOSITORY:v1", ""),
        ("revoke REPOSITORY", "n\n"),
        ("inspect --pretty REPOSITORY", ""),
        ("signer remove nobody REPOSITORY", ""),
        ("signer remove releases REPOSITORY", ""),
        ("revoke REPOSITORY", "y\n"),
        ("revoke REPOSITORY", "y\n"),
        ("inspect --pretty REPOSITORY", ""),
    ];
    for (line, input) in commands {
        let spelled = |repository: &str| line.replace("REPOSITORY", repository);
        let (theirs, own) = (spelled(&one), spelled(&two));
        let theirs: Vec<&str> = ["trust"].into_iter().chain(theirs.split(' ')).collect();
        let own: Vec<&str> = own.split(' ').collect();
        let theirs = plain(&real.docker_with_input(&theirs, input)?, real.home(), &one);
        let said = plain(&ours.trust(&own, input)?, user.home(), &two);
        // What our messages add about a cause stands behind theirs.
        let told =
            |(code, out, err): &(i32, String, String)| (*code, out.clone(), err.lines().next().map(str::to_owned));
        let same_error = |a: &Option<String>, b: &Option<String>| match (a, b) {
            (Some(a), Some(b)) => a.starts_with(b.as_str()) || b.starts_with("error importing key from not.key"),
            (a, b) => a == b,
        };
        let (a, b) = (told(&said), told(&theirs));
        ensure!((a.0, &a.1) == (b.0, &b.1) && same_error(&a.2, &b.2), "{line}:\n{said:#?}\n---\n{theirs:#?}");
    }
    Ok(())
}

#[test]
fn a_signer_who_is_removed_is_gone_also_for_docker() -> Result<()> {
    let world = World::new()?;
    let user = world.user("owner")?;
    let ours = world.ours(&user);
    let app = world.registry.repository("team/app");
    let image = format!("{app}:v1");
    for name in ["alice", "bob"] {
        ours.trust(&["key", "generate", name], "")?.success()?;
        ours.trust(&["signer", "add", "--key", &format!("{name}.pub"), name, &app], "")?.success()?;
    }
    user.make_image(&image, "one")?;
    ours.trust(&["sign", &image], "")?.success()?.says("Successfully signed")?;

    ours.trust(&["signer", "remove", "bob", &app], "")?.success()?.says("Successfully removed bob")?;
    let left = user.docker(&["trust", "inspect", "--pretty", &app])?.success()?.stdout;
    ensure!(left.contains("alice") && !left.contains("bob"), "{left}");
    user.trusted(&["pull", &image])?.success()?;

    let asked = ours.trust(&["signer", "remove", "alice", &app], "n\n")?.success()?;
    asked.says("will make")?;
    ensure!(user.docker(&["trust", "inspect", "--pretty", &app])?.stdout.contains("alice"));
    ours.trust(&["signer", "remove", "--force", "alice", &app], "")?.success()?.says("Successfully removed alice")?;
    let left = user.docker(&["trust", "inspect", "--pretty", &app])?.stdout;
    ensure!(!left.contains("alice"), "{left}");
    user.trusted(&["pull", &image])?.failure("No valid trust data")?;
    Ok(())
}

#[test]
fn a_revoked_tag_that_was_signed_before_there_were_signers_cannot_be_pulled() -> Result<()> {
    let world = World::new()?;
    let user = world.user("owner")?;
    let ours = world.ours(&user);
    let app = world.registry.repository("team/app");
    let image = format!("{app}:v1");
    user.make_image(&image, "one")?;
    user.trusted(&["push", &image])?.success()?;
    user.docker(&["trust", "key", "generate", "alice"])?.success()?;
    user.docker(&["trust", "signer", "add", "--key", "alice.pub", "alice", &app])?.success()?;
    user.docker(&["trust", "sign", &image])?.success()?;

    ours.trust(&["revoke", &image], "")?.success()?;
    user.trusted(&["pull", &image])?.failure("No valid trust data")?;
    Ok(())
}

#[test]
fn a_key_that_docker_generated_is_loaded_for_real() -> Result<()> {
    let world = World::new()?;
    let (user, other) = (world.user("owner")?, world.user("other")?);
    user.docker(&["trust", "key", "generate", "alice"])?.success()?;
    let folder = user.home().join("config/trust/private");
    for entry in std::fs::read_dir(folder)? {
        std::fs::copy(entry?.path(), other.home().join("alice.key"))?;
    }
    let ours = world.ours(&other);
    ours.trust(&["key", "load", "--name", "alice", "alice.key"], "")?.success()?.says("Successfully imported")?;
    ensure!(std::fs::read_dir(other.home().join("config/trust/private"))?.count() == 1);
    Ok(())
}

#[test]
fn without_an_engine_what_the_registry_has_is_signed() -> Result<()> {
    let world = World::new()?;
    let (user, other) = (world.user("owner")?, world.user("other")?);
    let app = world.registry.repository("team/app");
    let image = format!("{app}:v1");
    user.make_image(&image, "one")?;
    let digest = user.push_unsigned(&image)?;
    user.docker(&["image", "rm", &image])?.success()?;

    let ours = world.ours(&other);
    ours.trust(&["sign", &image], "")?.success()?.says(&digest)?.says("Finished initializing")?;
    let seen = ours.trust(&["inspect", &image], "")?.success()?.stdout;
    ensure!(seen.contains(digest.trim_start_matches("sha256:")), "{seen}");
    ours.trust(&["sign", &format!("{app}:v9")], "")?.failure("v9")?;
    Ok(())
}

#[test]
fn what_is_pulled_run_or_built_is_what_was_signed() -> Result<()> {
    let world = World::new()?;
    let user = world.user("owner")?;
    let ours = world.ours(&user);
    let app = world.registry.repository("team/app");
    let image = format!("{app}:v1");
    let good = user.make_image(&image, "good")?;
    ours.trust(&["sign", &image], "")?.success()?;
    // Somebody else may push, and does.
    user.make_image(&image, "bad")?;
    user.push_unsigned(&image)?;

    ours.trust(&["pull", &image], "")?.success()?.says("Pull (1 of 1)")?;
    ensure!(user.image_id(&image)? == good, "the image that was signed should be under the tag");
    ours.trust(&["pull", &format!("{app}:v2")], "")?.failure("is not trusted")?;
    ours.trust(&["run", "--rm", &format!("{app}:v2")], "")?.failure("v2")?;
    ours.trust(&["run", "--brand-new", &image, "x"], "")?.failure("--brand-new is not known")?;

    let context = user.home().join("context");
    std::fs::create_dir(&context)?;
    std::fs::write(context.join("Dockerfile"), format!("FROM {image} AS base\nFROM base\nLABEL built=yes\n"))?;
    user.make_image(&image, "bad again")?;
    ours.trust(&["build", "--build-arg", "BUILDKIT_SYNTAX=x/y", "context"], "")?.failure("nobody would verify")?;
    ours.trust(&["build", "-t", "built:here", "context"], "")?.success()?;
    let layers = |name: &str| -> Result<String> {
        Ok(user.docker(&["image", "inspect", "--format", "{{.RootFS.Layers}}", name])?.success()?.stdout)
    };
    ensure!(layers("built:here")? == layers(&good)?, "what was built should stand on what was signed");
    std::fs::write(context.join("Dockerfile"), format!("FROM {app}:v2\n"))?;
    ours.trust(&["build", "-t", "built:there", "context"], "")?.failure("line 1")?;
    user.docker(&["image", "inspect", "built:there"])?.failure("No such")?;
    Ok(())
}

#[test]
fn the_real_client_runs_it_as_its_plugin_from_key_to_pull() -> Result<()> {
    let world = World::new()?;
    let user = world.user("owner")?;
    // A client that has `docker trust` built in refuses a plugin of that name.
    let plugins = user.home().join("config/cli-plugins");
    std::fs::create_dir_all(&plugins)?;
    std::fs::copy(plugin()?, plugins.join("docker-trustx"))?;
    let app = world.registry.repository("team/app");
    let image = format!("{app}:v1");
    let good = user.make_image(&image, "good")?;
    user.docker(&["trustx", "key", "generate", "alice"])?.success()?;
    user.docker(&["trustx", "signer", "add", "--key", "alice.pub", "alice", &app])?.success()?;
    // Options of the client itself stand before the plugin's name and hold for what it calls.
    let host = world.engine.host();
    user.docker(&["--host", &host, "--log-level", "error", "trustx", "sign", &image])?.success()?;
    user.docker(&["image", "rm", &image])?.success()?;
    user.docker(&["trustx", "pull", "-q", &image])?.success()?;
    ensure!(user.image_id(&image)? == good);
    user.docker(&["trustx", "revoke", &image])?.success()?;
    ensure!(user.docker(&["trustx", "pull", &image])?.code == 1);
    user.docker(&["trustx", "signer", "remove", "--force", "alice", &app])?.success()?;
    user.docker(&["trust", "inspect", "--pretty", &app])?.success()?.says("No signatures")?;
    Ok(())
}
