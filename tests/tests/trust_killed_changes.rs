//! `trust` is killed at any moment while it changes keys, or stages and publishes: keys, cache and staged changes stay
//! whole.

use std::process::Command;

use anyhow::{Result, ensure};
use stories::images;
use stories::peers::registry::Registry;
use stories::peers::trust::TrustCli;
use stories::trust_server::TrustServer;

/// Dropped in this order.
struct World {
    trust: TrustCli,
    registry: Registry,
    _server: TrustServer,
    _folder: tempfile::TempDir,
}

impl World {
    fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let server = TrustServer::start(folder.path())?;
        let registry = Registry::start(folder.path())?;
        let trust = TrustCli::new("owner", folder.path(), &server)?.trusting_first_use()?;
        let world = Self { trust, registry, _server: server, _folder: folder };
        world.trust.ok(&["init", &world.app()])?;
        Ok(world)
    }

    fn app(&self) -> String {
        self.registry.repository("team/app")
    }

    /// Runs `trust ARGS` and kills it after so many milliseconds, if it still runs.
    fn killed_after(&self, milliseconds: u64, args: &[&str]) -> Result<()> {
        let as_user = self.trust.command()?;
        let mut command = Command::new("timeout");
        command.args(["-s", "KILL", &format!("{}.{:03}", milliseconds / 1000, milliseconds % 1000)]);
        // What ends other commands after two minutes would outlive this one: its three arguments are left out.
        command.args(as_user.get_args().skip(3)).args(args).env_clear().current_dir(self.trust.home());
        command.envs(as_user.get_envs().filter_map(|(name, value)| Some((name, value?))));
        stories::command::run(&mut command)?;
        Ok(())
    }

    /// Everything can be read, and what is trusted is found.
    fn is_whole(&self) -> Result<()> {
        let listed = self.trust.ok(&["key", "list"])?;
        ensure!(!listed.stderr.contains("is not listed"), "{listed}");
        self.trust.ok(&["status", &self.app()])?;
        self.trust.ok(&["verify", &format!("{}:v1", self.app())])?;
        Ok(())
    }
}

/// How often each verb is killed: `STORY_KILLS`, else a few times.
fn kills() -> u64 {
    std::env::var("STORY_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(6)
}

#[test]
fn a_killed_command_leaves_everything_whole() -> Result<()> {
    let world = World::start()?;
    let app = world.app();
    images::push(&world.registry.host(), "team/app", "v1", "one")?;
    let v1 = format!("{app}:v1");
    world.trust.ok(&["sign", &v1])?;
    let verbs: [&[&str]; 5] = [
        &["key", "rotate", "--yes", &app, "targets"],
        &["witness", "--stage", &app, "targets"],
        &["publish", &app],
        &["key", "rotate", "--yes", &app, "snapshot"],
        &["verify", &v1],
    ];
    for round in 0..kills() {
        for verb in verbs {
            // Through the whole life of a command: most end within an eighth of a second.
            world.killed_after(3 + round * 120 / kills(), verb)?;
            world.is_whole()?;
        }
    }
    world.trust.ok(&["publish", &app])?;
    world.trust.ok(&["key", "rotate", "--yes", &app, "targets"])?;
    images::push(&world.registry.host(), "team/app", "v2", "two")?;
    world.trust.ok(&["sign", &format!("{app}:v2")])?;
    world.is_whole()
}
