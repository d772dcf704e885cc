//! An image collection of our server, read by TUF clients of four other makers: the targets are tags, and what is downloaded is
//! the image's manifest, byte for byte as the registry has it.

use anyhow::{Context, Result, ensure};
use serde_json::json;
use stories::images::push;
use stories::peers::our_server;
use stories::peers::registry::Registry;
use stories::peers::trust::TrustCli;
use stories::trust_server::TrustServer;
use stories::tuf::client::{Client, User};

/// A registry with an image, a trust server that knows the registry, and a publisher.
struct World {
    folder: tempfile::TempDir,
    registry: Registry,
    server: TrustServer,
    alice: TrustCli,
}

impl World {
    fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let registry = Registry::start(folder.path())?;
        let trust_service = json!({ "type": "local", "key_algorithm": "ecdsa" });
        let more = [("registry", json!({ "url": format!("https://{}", registry.host()) }))];
        let config = our_server::write_config(folder.path(), &trust_service, &json!({ "backend": "memory" }), &more)?;
        let server = our_server::with_config(folder.path(), &config, folder.path().join("ca.crt"))?;
        let alice = TrustCli::new("alice", folder.path(), &server)?.trusting_first_use()?;
        Ok(Self { folder, registry, server, alice })
    }

    fn gun(&self) -> String {
        self.registry.repository("team/app")
    }

    /// Pushes an image under a tag; gives its digest.
    fn push(&self, tag: &str, content: &str) -> Result<String> {
        push(&self.registry.host(), "team/app", tag, content)
    }

    /// Pushes and signs an image in both dialects; gives its digest.
    fn sign(&self, tag: &str, content: &str, more: &[&str]) -> Result<String> {
        let digest = self.push(tag, content)?;
        let image = format!("{}:{tag}", self.gun());
        let mut words = vec!["sign", image.as_str()];
        words.extend(more);
        self.alice.ok(&words)?;
        Ok(digest)
    }

    /// A reader of the collection, who begins with its first root.
    fn user(&self, client: Client, name: &str) -> Result<User> {
        let url = format!("{}/tuf/{}", self.server.url(), self.gun());
        let root = self.folder.path().join("first.root.json");
        if !root.exists() {
            let first = format!("{url}/metadata/1.root.json");
            let mut curl = stories::command::clean("curl");
            let done = curl.args(["--fail", "--silent", "--show-error", "--cacert"]).arg(self.server.ca());
            stories::command::run(done.arg("-o").arg(&root).arg(first))?.success()?;
        }
        Ok(User::new(client, self.folder.path(), name, &url, &root)?.trusting(self.server.ca()))
    }
}

/// Gets a tag's manifest, which must have this digest.
fn gets(client: Client, user: &User, target: &str, digest: &str) -> Result<()> {
    user.download(&[target])?.success()?;
    let manifest = user.take_target()?;
    let found = hex::encode(ring::digest::digest(&ring::digest::SHA256, &manifest));
    let wanted = digest.strip_prefix("sha256:").context("a digest of another kind")?;
    ensure!(found == wanted, "{client:?} got another manifest of {target}: {}", String::from_utf8_lossy(&manifest));
    Ok(())
}

#[test]
fn an_image_is_read_by_every_tuf_client() -> Result<()> {
    let world = World::start()?;
    let first = world.sign("v1", "one", &["--init", "--tuf"])?;
    let mut everybody = Vec::new();
    for client in [Client::Ours].into_iter().chain(Client::OTHERS) {
        let user = world.user(client, &format!("{client:?}"))?;
        gets(client, &user, "v1", &first)?;
        // The Rust clients take the colon in the file's name for that of a URL.
        if ![Client::Tough, Client::SigstoreTuf].contains(&client) {
            gets(client, &user, &first, &first)?;
        }
        everybody.push((client, user));
    }
    // The tag moves, another comes, and the keys that sign images are replaced.
    let second = world.sign("v1", "two", &[])?;
    let third = world.sign("v2", "three", &[])?;
    for (client, user) in &everybody {
        gets(*client, user, "v1", &second)?;
        gets(*client, user, "v2", &third)?;
    }
    world.alice.ok(&["key", "rotate", &world.gun(), "targets"])?;
    world.alice.ok(&["key", "rotate", &world.gun(), "root", "--yes"])?;
    for (client, user) in &everybody {
        gets(*client, user, "v2", &third)?;
    }
    // A tag that is taken back is nobody's target any more.
    world.alice.ok(&["revoke", &format!("{}:v2", world.gun())])?;
    for (client, user) in &everybody {
        ensure!(user.download(&["v2"])?.code != 0, "{client:?} still gets v2");
    }
    Ok(())
}

#[test]
fn a_collection_of_notary_is_taken_to_tuf_and_read() -> Result<()> {
    let world = World::start()?;
    let digest = world.sign("v1", "one", &["--init"])?;
    world.alice.ok(&["migrate", &world.gun()])?;
    for client in [Client::Ours].into_iter().chain(Client::OTHERS) {
        gets(client, &world.user(client, &format!("{client:?}"))?, "v1", &digest)?;
    }
    // Those who read it in Notary's dialect notice nothing.
    world.alice.ok(&["verify", &format!("{}:v1", world.gun())])?;
    Ok(())
}
