//! `trust inspect`, `list`, `resolve`, `policy check` and `bundle`: what somebody sees who reads what others signed.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use libtrust::client::Init;
use stories::peers::trust::TrustCli;
use stories::person::Person;
use stories::trust_server::TrustServer;

const GUN: &str = "registry.example/team/app";

/// A server with a collection, and a reader who never saw it and may trust first use.
fn scene(folder: &Path) -> Result<(TrustServer, Person, TrustCli)> {
    let server = TrustServer::start(folder)?;
    let person = Person::new(folder.join("publisher"), &server)?;
    person.init(GUN, &Init::default())?;
    person.sign(GUN, "v1", "one\n")?;
    person.sign(GUN, "v2", "two\n")?;
    let reader = TrustCli::new("reader", folder, &server)?;
    allow_first_use(&reader)?;
    Ok((server, person, reader))
}

fn allow_first_use(reader: &TrustCli) -> Result<()> {
    std::fs::create_dir_all(reader.trust_dir())?;
    Ok(std::fs::write(reader.trust_dir().join("policy.json"), r#"{"version":1,"default":{"first_use":true}}"#)?)
}

fn digest(person: &Person, tag: &str) -> Result<String> {
    Ok(format!("sha256:{}", person.digest(GUN, tag)?))
}

#[test]
fn what_is_signed_is_listed_and_inspected() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (_server, person, reader) = scene(folder.path())?;
    let listed = reader.json(&["list", GUN])?;
    ensure!(listed["tags"][0]["tag"] == "v1" && listed["tags"][0]["digest"] == digest(&person, "v1")?.as_str());
    ensure!(listed["tags"].as_array().is_some_and(|tags| tags.len() == 2), "{listed}");
    reader.ok(&["list", GUN])?.says(&digest(&person, "v2")?)?;

    let inspected = reader.json(&["inspect", GUN])?;
    let collection = &inspected["collections"][0];
    ensure!(collection["root_trust"] == "seen-before", "{collection}");
    let roles = collection["roles"].as_array().context("roles")?;
    let versions: Vec<(&str, u64)> =
        roles.iter().filter_map(|role| Some((role["role"].as_str()?, role["version"].as_u64()?))).collect();
    ensure!(versions.contains(&("root", 1)) && versions.contains(&("targets", 3)), "{versions:?}");
    // The id it shows is the one a pin names.
    let pin = collection["root_keys"][0]["id"].as_str().context("a root key")?;
    let pinned = format!(r#"{{"version":1,"names":{{"{GUN}":{{"root":{{"keys":["{pin}"]}}}}}}}}"#);
    let pinned = reader.file("pinned.json", &pinned)?;
    let again = reader.json(&["inspect", GUN, "--policy", pinned])?;
    ensure!(again["collections"][0]["root_trust"] == "pinned", "{again}");
    reader.ok(&["inspect", &format!("{GUN}:v2")])?.says("ROOT KEY (FOR A PIN)")?;
    reader.fails(10, "trust init", &["inspect", "registry.example/team/none"])?;
    Ok(())
}

#[test]
fn images_in_files_are_replaced_by_their_digests_or_nothing_is() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (_server, person, reader) = scene(folder.path())?;
    let (one, two) = (digest(&person, "v1")?, digest(&person, "v2")?);
    let resolved = reader.ok(&["resolve", &format!("{GUN}:v1")])?.stdout;
    ensure!(resolved == format!("{GUN}:v1@{one}\n"), "{resolved}");

    let text = format!("# build\nARG V=v2\nFROM {GUN}:v1 AS base  # x\n").replace("  # x", "");
    let text = format!("{text}RUN make\nFROM {GUN}:$V\nCOPY --from=base /a /a\n");
    let dockerfile = reader.file("Dockerfile", &text)?;
    let expected = text.replace(":v1", &format!(":v1@{one}")).replace(":$V", &format!(":v2@{two}"));
    ensure!(reader.ok(&["resolve", "-f", dockerfile])?.stdout == expected);
    ensure!(std::fs::read_to_string(reader.home().join(dockerfile))? == text);
    let standard_input = reader.run_with_input(&["resolve", "-f", "-", "--kind", "dockerfile"], &text)?.success()?;
    ensure!(standard_input.stdout == expected);

    let compose = format!("services:\n  app:\n    image: {GUN}:v1 # the app\n  other: {{ image: '{GUN}:v2' }}\n");
    let file = reader.file("compose.yaml", &compose)?;
    reader.ok(&["resolve", "-f", dockerfile, "-f", file, "--write"])?;
    ensure!(std::fs::read_to_string(reader.home().join(dockerfile))? == expected);
    let expected = compose.replace(":v1", &format!(":v1@{one}")).replace(":v2", &format!(":v2@{two}"));
    ensure!(std::fs::read_to_string(reader.home().join(file))? == expected);
    // What is pinned already stays so, as long as that is what is signed.
    reader.ok(&["resolve", "-f", file, "--write"])?;
    ensure!(std::fs::read_to_string(reader.home().join(file))? == expected);
    person.sign(GUN, "v1", "another one\n")?;
    reader.fails(15, "line 3", &["resolve", "-f", file, "--write"])?;

    // One image that is not signed, and no file changes: neither it nor the one before it.
    let good = reader.file("good.yaml", &compose)?;
    let bad = reader.file("bad.yaml", &compose.replace(":v2", ":v9"))?;
    reader.fails(10, "line 4", &["resolve", "-f", good, "-f", bad, "--write"])?;
    ensure!(std::fs::read_to_string(reader.home().join(good))? == compose);
    let variable = reader.file("variable.yaml", &compose.replace(":v2", ":${TAG}"))?;
    reader.fails(1, "line 4", &["resolve", "-f", variable])?;
    Ok(())
}

#[test]
fn a_policy_is_shown_and_checked() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (_server, _person, reader) = scene(folder.path())?;
    let image = format!("{GUN}:v1");
    reader.ok(&["policy", "check", &image])?.says("satisfies")?;
    let strict = format!(
        r#"{{"version":1,"names":{{"{GUN}":{{"signers":{{"any_of":["alice"]}},"first_use":true,"fresh":"1h"}}}}}}"#
    );
    let strict = reader.file("strict.json", &strict)?;
    let outcome = reader.fails(14, "alice", &["policy", "check", "--policy", strict, &image, "-o", "json"])?;
    let told: serde_json::Value = serde_json::from_str(&outcome.stdout)?;
    ensure!(told["images"][0]["satisfied"] == false && told["images"][0]["rule"] == GUN, "{told}");
    ensure!(told["rules"][0]["fresh_seconds"] == 3600, "{told}");
    let wrong = reader.file("wrong.json", r#"{"version":1,"names":{"a":{"rooot":{}}}}"#)?;
    reader.fails(14, "rooot", &["policy", "check", "--policy", wrong])?;
    Ok(())
}

#[test]
fn a_bundle_is_verified_without_a_network() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (mut server, person, reader) = scene(folder.path())?;
    reader.ok(&["bundle", "create", "old.bundle", GUN])?;
    person.sign(GUN, "v3", "three\n")?;
    reader.ok(&["bundle", "create", "app.bundle", GUN])?;
    let bundle = reader.home().join("app.bundle").display().to_string();
    let old = reader.home().join("old.bundle").display().to_string();

    let inside = TrustCli::new("inside", folder.path(), &server)?;
    server.stop(stories::process::Stop::Kill)?;
    // Nobody there has decided to trust whoever comes first.
    inside.fails(14, "pin", &["bundle", "verify", &bundle])?;
    allow_first_use(&inside)?;
    inside.ok(&["bundle", "verify", &bundle, &format!("{GUN}:v3")])?.says("good until")?;
    inside.fails(10, "v9", &["bundle", "verify", &bundle, &format!("{GUN}:v9")])?;
    inside.fails(10, "is not in", &["bundle", "verify", &bundle, "registry.example/other"])?;
    // Verifying remembers nothing.
    inside.fails(10, "not in the cache", &["list", "--offline", GUN])?;
    inside.ok(&["bundle", "import", &bundle])?;
    inside.ok(&["verify", "--offline", &format!("{GUN}:v3")])?;
    inside.fails(13, "version", &["bundle", "import", &old])?;

    // For an audit: what held then, whatever was trusted since.
    let now = chrono::Utc::now();
    inside.ok(&["bundle", "verify", &old, "--as-of", &now.to_rfc3339()])?;
    let later = (now + chrono::TimeDelta::days(60)).format("%F").to_string();
    inside.fails(13, "expired", &["bundle", "verify", &bundle, "--as-of", &later])?;

    // A bundle somebody changed.
    let text = std::fs::read_to_string(&bundle)?;
    let changed = text.replacen("v3", "v4", 1);
    ensure!(changed != text);
    std::fs::write(&bundle, changed)?;
    let stranger = TrustCli::new("stranger", folder.path(), &server)?;
    allow_first_use(&stranger)?;
    stranger.fails(11, GUN, &["bundle", "verify", &bundle])?;
    std::fs::write(&bundle, "{}")?;
    inside.fails(1, "not a bundle", &["bundle", "verify", &bundle])?;
    Ok(())
}
