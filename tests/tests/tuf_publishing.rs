//! What `trust tuf` writes and exports, read by four other people's clients: python-tuf, tuf-js, tough and sigstore-tuf.

use std::fs;
use std::path::PathBuf;

use anyhow::{Result, bail, ensure};
use stories::tuf::client::{Client, User};
use stories::tuf::keeper::Keeper;
use stories::tuf::site::Site;

/// A keeper with a repository, and readers of it by every client.
struct World {
    folder: tempfile::TempDir,
    keeper: Keeper,
    site: Site,
    exports: std::cell::Cell<u32>,
}

impl World {
    fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let keeper = Keeper::new(folder.path())?;
        let site = Site::start(folder.path())?;
        Ok(Self { folder, keeper, site, exports: std::cell::Cell::new(0) })
    }

    /// Exports the repository and shows that.
    fn show(&self) -> Result<PathBuf> {
        self.exports.set(self.exports.get() + 1);
        let export = self.keeper.export(&format!("export-{}", self.exports.get()))?;
        self.site.show(&export);
        Ok(export)
    }

    fn user(&self, client: Client) -> Result<User> {
        let name = format!("{client:?}-{}", self.exports.get());
        User::new(client, self.folder.path(), &name, self.site.url(), &self.keeper.first_root())
    }

    fn everybody(&self) -> Result<Vec<(Client, User)>> {
        let all = [Client::Ours].into_iter().chain(Client::OTHERS);
        all.map(|client| Ok((client, self.user(client)?))).collect()
    }
}

/// Gets a target, which must have this content.
fn gets(client: Client, user: &User, path: &str, content: &str) -> Result<()> {
    let outcome = user.download(&[path])?.success()?;
    let found = user.take_target()?;
    ensure!(found == content.as_bytes(), "{client:?} got {:?}: {outcome}", String::from_utf8_lossy(&found));
    Ok(())
}

/// Asks for a target in vain.
fn gets_nothing(client: Client, user: &User, path: &str) -> Result<()> {
    let outcome = user.download(&[path])?;
    if outcome.code == 0 || !user.targets()?.is_empty() {
        bail!("{client:?} got {path}: {outcome}");
    }
    Ok(())
}

#[test]
fn targets_of_the_top_role_are_read_by_everybody() -> Result<()> {
    let world = World::start()?;
    world.keeper.add("app.bin", "application 1", &[])?;
    world.keeper.add("lib/one.so", "library", &["--publish"])?;
    world.show()?;
    let everybody = world.everybody()?;
    for (client, user) in &everybody {
        gets(*client, user, "app.bin", "application 1")?;
        gets_nothing(*client, user, "absent.bin")?;
        // tough puts the digest before the folders, where no specification has it.
        if *client != Client::Tough {
            gets(*client, user, "lib/one.so", "library")?;
        }
    }
    world.keeper.add("app.bin", "application 2", &["--publish"])?;
    world.show()?;
    for (client, user) in &everybody {
        gets(*client, user, "app.bin", "application 2")?;
    }
    Ok(())
}

#[test]
fn every_key_can_be_replaced_under_readers() -> Result<()> {
    let world = World::start()?;
    world.keeper.add("app.bin", "application 1", &["--publish"])?;
    world.show()?;
    let everybody = world.everybody()?;
    for (client, user) in &everybody {
        gets(*client, user, "app.bin", "application 1")?;
    }
    for role in ["timestamp", "snapshot", "targets", "root"] {
        world.keeper.tuf("rotate", &[role, "--publish"])?;
    }
    world.keeper.add("app.bin", "application 2", &["--publish"])?;
    world.show()?;
    // Those who knew the old keys, and those who begin with the first root now.
    for (client, user) in everybody.iter().chain(&world.everybody()?) {
        gets(*client, user, "app.bin", "application 2")?;
    }
    Ok(())
}

#[test]
fn delegations_are_read_by_everybody() -> Result<()> {
    let world = World::start()?;
    world.keeper.add("app.bin", "application", &[])?;
    world.keeper.tuf("delegate", &["team", "--path", "team-*", "--path", "both.bin"])?;
    world.keeper.tuf("delegate", &["others", "--path", "others-*", "--path", "both.bin", "--terminating"])?;
    world.keeper.add("team-1.bin", "of the team", &["--role", "team"])?;
    world.keeper.add("others-1.bin", "of others", &["--role", "others"])?;
    world.keeper.add("both.bin", "of the team, which comes first", &["--role", "team", "--publish"])?;
    // Some readers reject a file that lists more than it may, and none finds it there.
    ensure!(
        world.keeper.add("others-3.bin", "not of the team", &["--role", "team"]).is_err(),
        "the team lists anything"
    );
    let targets = fs::read_dir(world.keeper.repository().join("targets"))?.collect::<Result<Vec<_>, _>>()?;
    let copied = targets.iter().any(|file| file.file_name().to_string_lossy().ends_with("others-3.bin"));
    ensure!(!copied, "what is refused is copied");
    world.show()?;
    for (client, user) in world.everybody()? {
        gets(client, &user, "app.bin", "application")?;
        gets(client, &user, "team-1.bin", "of the team")?;
        gets(client, &user, "others-1.bin", "of others")?;
        gets(client, &user, "both.bin", "of the team, which comes first")?;
        gets_nothing(client, &user, "others-2.bin")?;
    }
    Ok(())
}

#[test]
fn hash_bins_are_read_by_everybody() -> Result<()> {
    let world = World::start()?;
    world.keeper.tuf("delegate", &["bin", "--bins", "4", "--publish"])?;
    for number in 0..6 {
        world.keeper.add(&format!("file-{number}"), &format!("content {number}"), &["--publish"])?;
    }
    world.show()?;
    for (client, user) in world.everybody()? {
        for number in [0, 5] {
            gets(client, &user, &format!("file-{number}"), &format!("content {number}"))?;
        }
        gets_nothing(client, &user, "file-6")?;
    }
    Ok(())
}

/// The two clients that know them.
#[test]
fn succinct_bins_are_read_by_those_who_know_them() -> Result<()> {
    let world = World::start()?;
    world.keeper.tuf("delegate", &["bin", "--bins", "4", "--succinct", "--publish"])?;
    for number in 0..6 {
        world.keeper.add(&format!("file-{number}"), &format!("content {number}"), &["--publish"])?;
    }
    world.show()?;
    for client in [Client::Ours, Client::PythonTuf, Client::TufJs] {
        let user = world.user(client)?;
        gets(client, &user, "file-3", "content 3")?;
        gets_nothing(client, &user, "file-6")?;
    }
    Ok(())
}

#[test]
fn what_expired_is_refused_by_everybody_until_it_is_renewed() -> Result<()> {
    let world = World::start()?;
    world.keeper.add("app.bin", "application", &["--timestamp-lifetime", "2d", "--publish"])?;
    world.show()?;
    let now = chrono::DateTime::<chrono::Utc>::from(std::time::SystemTime::now());
    let in_days = |days: u64| (now + chrono::Days::new(days)).format("%Y-%m-%d %H:%M:%S").to_string();
    let mut everybody = Vec::new();
    for (client, user) in world.everybody()? {
        gets(client, &user, "app.bin", "application")?;
        let user = user.at(&in_days(7));
        gets_nothing(client, &user, "app.bin")?;
        // Later again: tough remembers what time it was.
        everybody.push((client, user.at(&in_days(8))));
    }
    world.keeper.tuf("publish", &["--timestamp-lifetime", "30d"])?;
    world.show()?;
    for (client, user) in &everybody {
        gets(*client, user, "app.bin", "application")?;
    }
    Ok(())
}
