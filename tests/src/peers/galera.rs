//! A Galera cluster of MariaDB nodes, each in a network namespace of its own.
//!
//! Every node has two cables: one to the story (clients), one to the other nodes (the group). Pulling the second leaves a node
//! that still answers its clients but is cut off from the others; pulling both makes it vanish. The group's switch is a
//! bridge in a namespace of its own, where no firewall rule of the machine applies.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::command::{clean, run};
use crate::process::{Process, Stop, peer};

/// How long a node may take to start or to join.
const JOIN_LIMIT: Duration = Duration::from_secs(60);
/// Nodes of a cluster.
pub const NODES: usize = 3;

/// Three nodes, started in order.
pub struct Galera {
    nodes: Vec<Node>,
    fabric: Fabric,
    folder: PathBuf,
    _data: tempfile::TempDir,
}

struct Node {
    process: Option<Process>,
    data: PathBuf,
}

impl Galera {
    /// Makes three nodes and starts them; their logs go to `folder`.
    pub fn start(folder: &Path) -> Result<Self> {
        // Its own folder: the `mysql` user may not look into the story's.
        let data = tempfile::tempdir()?;
        run(Command::new("chown").arg("mysql").arg(data.path()))?.success()?;
        let fabric = Fabric::new()?;
        let nodes =
            (0..NODES).map(|index| Node { process: None, data: data.path().join(format!("node{index}")) }).collect();
        let mut cluster = Self { nodes, fabric, folder: folder.to_owned(), _data: data };
        for index in 0..NODES {
            cluster.install(index)?;
            cluster.launch(index, if index == 0 { Start::NewCluster } else { Start::Join })?;
            cluster.wait_until_ready(index)?;
        }
        for index in 0..NODES {
            let sql = "CREATE USER story@'%'; GRANT ALL ON *.* TO story@'%'; CREATE DATABASE trust";
            if index == 0 {
                cluster.as_root(index, sql)?;
            }
        }
        Ok(cluster)
    }

    /// A connection URL of a database that names all nodes, beginning with number `first`.
    pub fn url(&self, database: &str, first: usize) -> String {
        let hosts: Vec<String> =
            (0..NODES).map(|offset| format!("{}:3306", self.fabric.client_address((first + offset) % NODES))).collect();
        format!("mysql://story@{}/{database}", hosts.join(","))
    }

    /// Kills a node, as a loss of power would.
    pub fn kill(&mut self, index: usize) -> Result<()> {
        self.nodes[index].process.take().context("the node is not running")?.end(Stop::Kill)
    }

    /// Starts a node that was killed and waits until it is a full member again.
    pub fn revive(&mut self, index: usize) -> Result<()> {
        let position = self.last_position(index)?;
        self.launch(index, Start::Rejoin(position))?;
        self.wait_until_ready(index)
    }

    /// Pulls the cable to the other nodes; the node still answers its clients.
    pub fn cut_off(&self, index: usize) -> Result<()> {
        self.fabric.group_cable(index, "down")
    }

    /// Pulls both cables: to the other nodes and to clients, the node vanishes without a word.
    pub fn vanish(&self, index: usize) -> Result<()> {
        self.fabric.group_cable(index, "down")?;
        self.fabric.client_cable_state(index, "down")
    }

    /// Plugs in what [`Galera::cut_off`] or [`Galera::vanish`] pulled and waits until the node is a full member.
    pub fn heal(&mut self, index: usize) -> Result<()> {
        self.fabric.client_cable_state(index, "up")?;
        self.fabric.group_cable(index, "up")?;
        self.wait_until_ready(index)
    }

    /// Runs statements on one node as the story's user; gives what they select, without a header.
    pub fn query(&self, index: usize, database: &str, statements: &str) -> Result<String> {
        let mut client = clean("mariadb");
        client.args(["--no-defaults", "-N", "-B", "-u", "story", "-h", &self.fabric.client_address(index)]);
        client.args(["--connect-timeout=3", "-e", statements, database]);
        Ok(run(&mut client)?.success()?.stdout)
    }

    fn install(&self, index: usize) -> Result<()> {
        let temporary = self.temporary(index);
        std::fs::create_dir(&temporary)?;
        run(Command::new("chown").arg("mysql").arg(temporary))?.success()?;
        let mut install = clean("mariadb-install-db");
        install.args(["--no-defaults", "--user=mysql", "--auth-root-authentication-method=normal"]);
        install.arg(format!("--datadir={}", self.nodes[index].data.display()));
        run(&mut install)?.success()?;
        Ok(())
    }

    fn temporary(&self, index: usize) -> PathBuf {
        self.nodes[index].data.with_file_name(format!("temporary{index}"))
    }

    fn options(&self, index: usize) -> Vec<String> {
        let data = self.nodes[index].data.display();
        let group: Vec<String> = (0..NODES).map(|node| self.fabric.group_address(node)).collect();
        let own = self.fabric.group_address(index);
        vec![
            "--no-defaults".to_owned(),
            format!("--datadir={data}"),
            // A server that starts removes the temporary tables of all that share its folder.
            format!("--tmpdir={}", self.temporary(index).display()),
            format!("--socket={data}/node.sock"),
            format!("--pid-file={data}/node.pid"),
            "--bind-address=0.0.0.0".to_owned(),
            "--skip-name-resolve".to_owned(),
            "--binlog-format=ROW".to_owned(),
            "--innodb-autoinc-lock-mode=2".to_owned(),
            "--innodb-buffer-pool-size=64M".to_owned(),
            "--wsrep-on=ON".to_owned(),
            "--wsrep-provider=/usr/lib/galera/libgalera_smm.so".to_owned(),
            format!("--wsrep-node-name=node{index}"),
            format!("--wsrep-node-address={own}"),
            format!("--wsrep-cluster-address=gcomm://{}", group.join(",")),
            "--wsrep-sst-method=rsync".to_owned(),
            "--wsrep-slave-threads=2".to_owned(),
            // A dead node is noticed in a second or two instead of five.
            format!(
                "--wsrep-provider-options=gmcast.listen_addr=tcp://{own}:4567;gcache.size=64M;\
                 evs.keepalive_period=PT0.3S;evs.suspect_timeout=PT1.5S;evs.inactive_timeout=PT4S;\
                 evs.inactive_check_period=PT0.3S;gmcast.peer_timeout=PT2S"
            ),
        ]
    }

    fn command(&self, index: usize) -> Command {
        let mut command = peer("ip", Stop::Kill);
        command.args(["netns", "exec", &self.fabric.node(index), "setpriv", "--reuid=mysql", "--regid=mysql"]);
        command.args(["--init-groups", "--pdeathsig", "KILL", "mariadbd"]).args(self.options(index));
        command
    }

    fn launch(&mut self, index: usize, start: Start) -> Result<()> {
        let mut command = self.command(index);
        match start {
            Start::NewCluster => drop(command.arg("--wsrep-new-cluster")),
            Start::Join => {}
            Start::Rejoin(position) => drop(command.arg(format!("--wsrep-start-position={position}"))),
        }
        let name = format!("galera-{index}");
        self.nodes[index].process = Some(Process::start(&name, &self.folder, Stop::Kill, &mut command)?);
        Ok(())
    }

    /// What the node had seen when it died: so that it is sent what it missed and not everything.
    fn last_position(&self, index: usize) -> Result<String> {
        let mut command = self.command(index);
        let log = self.folder.join(format!("galera-{index}-recovery.log"));
        command.arg("--wsrep-recover").arg(format!("--log-error={}/recovery.err", self.nodes[index].data.display()));
        let file = std::fs::File::create(&log)?;
        command.stdin(std::process::Stdio::null()).stdout(file.try_clone()?).stderr(file);
        command.status()?;
        let words = std::fs::read_to_string(self.nodes[index].data.join("recovery.err"))?;
        std::fs::remove_file(self.nodes[index].data.join("recovery.err"))?;
        let position = words.rsplit_once("WSREP: Recovered position: ").context("no position recovered")?.1;
        Ok(position.split_whitespace().next().context("no position recovered")?.to_owned())
    }

    /// Waits until a node takes statements as a member of the majority.
    pub fn wait_until_ready(&mut self, index: usize) -> Result<()> {
        let start = Instant::now();
        let socket = self.nodes[index].data.join("node.sock");
        loop {
            let mut client = clean("mariadb");
            client.args(["--no-defaults", "-N", "-B", "-u", "root"]).arg(format!("--socket={}", socket.display()));
            client.args(["-e", "SHOW STATUS LIKE 'wsrep_local_state_comment'; SHOW STATUS LIKE 'wsrep_ready'"]);
            let said = run(&mut client)?.stdout;
            if said.contains("Synced") && said.contains("ON") {
                return Ok(());
            }
            let log = self.nodes[index].process.as_ref().map(Process::log).unwrap_or_default();
            let tail: Vec<&str> = log.lines().rev().take(20).collect();
            ensure!(start.elapsed() < JOIN_LIMIT, "node {index} did not join: {said}\n{tail:#?}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn as_root(&self, index: usize, statements: &str) -> Result<()> {
        let mut client = clean("mariadb");
        client.args(["--no-defaults", "-u", "root"]);
        client.arg(format!("--socket={}/node.sock", self.nodes[index].data.display())).args(["-e", statements]);
        run(&mut client)?.success()?;
        Ok(())
    }
}

enum Start {
    NewCluster,
    Join,
    Rejoin(String),
}

/// Namespaces, cables and the group's switch. Gone when dropped.
struct Fabric {
    /// Tells stories of this machine apart; part of every name.
    tag: u32,
}

impl Fabric {
    fn new() -> Result<Self> {
        let fabric = Self { tag: std::process::id() % 10_000 };
        let switch = fabric.switch();
        ip(&["netns", "add", &switch])?;
        ip(&["-n", &switch, "link", "add", "hub", "type", "bridge"])?;
        ip(&["-n", &switch, "link", "set", "hub", "up"])?;
        for index in 0..NODES {
            let (node, cable) = (fabric.node(index), fabric.client_cable(index));
            ip(&["netns", "add", &node])?;
            ip(&["-n", &node, "link", "set", "lo", "up"])?;
            let inside = format!("i{}", &cable);
            ip(&["link", "add", &cable, "type", "veth", "peer", "name", &inside])?;
            ip(&["link", "set", &inside, "netns", &node])?;
            ip(&["addr", "add", &format!("{}.1/24", fabric.client_net(index)), "dev", &cable])?;
            ip(&["link", "set", &cable, "up"])?;
            let address = format!("{}/24", fabric.client_address(index));
            ip(&["-n", &node, "addr", "add", &address, "dev", &inside])?;
            ip(&["-n", &node, "link", "set", &inside, "up"])?;
            let (outer, inner) = (format!("g{index}"), "group0");
            ip(&["-n", &switch, "link", "add", &outer, "type", "veth", "peer", "name", inner, "netns", &node])?;
            ip(&["-n", &switch, "link", "set", &outer, "master", "hub"])?;
            ip(&["-n", &switch, "link", "set", &outer, "up"])?;
            let address = format!("{}/24", fabric.group_address(index));
            ip(&["-n", &node, "addr", "add", &address, "dev", inner])?;
            ip(&["-n", &node, "link", "set", inner, "up"])?;
        }
        Ok(fabric)
    }

    fn switch(&self) -> String {
        format!("story{}s", self.tag)
    }

    fn node(&self, index: usize) -> String {
        format!("story{}n{index}", self.tag)
    }

    fn client_cable(&self, index: usize) -> String {
        format!("story{}c{index}", self.tag)
    }

    fn client_net(&self, index: usize) -> String {
        format!("10.{}.{}", 200 + index, self.tag % 250)
    }

    fn client_address(&self, index: usize) -> String {
        format!("{}.2", self.client_net(index))
    }

    fn group_address(&self, index: usize) -> String {
        format!("10.210.{}.{}", self.tag % 250, index + 11)
    }

    /// The end of clients; the node's own keeps its address.
    fn client_cable_state(&self, index: usize, state: &str) -> Result<()> {
        let (node, cable) = (self.node(index), self.client_cable(index));
        ip(&["-n", &node, "link", "set", &format!("i{cable}"), state])
    }

    fn group_cable(&self, index: usize, state: &str) -> Result<()> {
        ip(&["-n", &self.switch(), "link", "set", &format!("g{index}"), state])
    }
}

impl Drop for Fabric {
    fn drop(&mut self) {
        for index in 0..NODES {
            let _ = ip(&["link", "del", &self.client_cable(index)]);
            let _ = ip(&["netns", "del", &self.node(index)]);
        }
        let _ = ip(&["netns", "del", &self.switch()]);
    }
}

fn ip(arguments: &[&str]) -> Result<()> {
    run(clean("ip").args(arguments))?.success()?;
    Ok(())
}
