//! The client: whole processes of `trust` beside `notary`, and verification in this process beside the bare signatures.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use libtrust::client::{Cache as _, Client, FileCache, MemoryCache, MemoryTransport, Offline};
use libtrust::dialect::{Dialect, Envelope};
use libtrust::edit::Change;
use libtrust::keys::KeyAlgorithm;
use libtrust::limits::Limits;
use libtrust::names::RoleName;
use libtrust::policy::NameRules;
use libtrust::testing::{Key, Publisher, now};
use libtrust::verify::{CertificateDates, Expiration, Known, TrustedRoot, first_root};
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use stories::images::push;
use stories::peers::registry::Registry;
use stories::person::{Person, target};
use stories::trust_server::TrustServer;

use super::{Plan, Stage, progress};
use crate::report::{Bar, Cell, Report, Row, Unit};
use crate::stats::median;

/// The programs under `target/release`, and Debian's.
const NOTARY: &str = "/usr/bin/notary";
/// Runs of a whole process, of which the median is taken; ours and theirs take turns.
const RUNS: usize = 60;
/// Tags of the large collection, and of the large publication.
const MANY_TAGS: usize = 100_000;
const SIGNED_TAGS: usize = 1_000;

pub async fn measure(_: &Plan, stage: &mut Stage, report: &mut Report) -> Result<()> {
    let Some(slot) = &mut stage.ours else { return Ok(()) };
    let (port, authority) = (slot.site().await?.port, slot.authority().to_owned());
    let scratch = stage.scratch.join("command");
    // The peers of stories wait in threads of their own.
    let rows = tokio::task::spawn_blocking(move || Commands::new(port, authority, scratch)?.rows()).await??;
    report.rows.extend(rows);
    report.rows.push(tokio::task::spawn_blocking(from_bytes).await??);
    Ok(())
}

struct Commands {
    trust: PathBuf,
    server: TrustServer,
    scratch: PathBuf,
}

impl Commands {
    fn new(port: u16, authority: PathBuf, scratch: PathBuf) -> Result<Self> {
        std::fs::create_dir_all(&scratch)?;
        let beside = std::env::current_exe()?.parent().context("the program's folder")?.to_owned();
        let trust = beside.join("trust");
        ensure!(trust.is_file(), "{} is missing: build the package cli", trust.display());
        Ok(Self { trust, server: TrustServer::elsewhere(port, authority), scratch })
    }

    fn rows(&self) -> Result<Vec<Row>> {
        Ok(vec![self.verify()?, self.many_tags()?, self.sign()?, self.start()?, self.size()?])
    }

    fn trust(&self, folder: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.trust);
        command.env_clear().env("HOME", &self.scratch).env("DOCKER_CONFIG", &self.scratch);
        command.env("DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE", "passphrase-of-all");
        command.env("DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE", "passphrase-of-all");
        command.arg("--trust-dir").arg(folder).args(["--server", &self.server.url()]);
        command.arg("--tlscacert").arg(self.server.ca()).args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    fn verify(&self) -> Result<Row> {
        progress("verifying one image, whole processes");
        let folder = self.scratch.join("verify");
        let person = Person::new(&folder, &self.server)?;
        person.init("bench.example/app", &Default::default())?;
        for tag in ["v1", "v2", "v3"] {
            person.sign("bench.example/app", tag, tag)?;
        }
        person.digest("bench.example/app", "v1")?;
        let ours = || self.trust(&folder, &["verify", "--no-registry", "bench.example/app:v1"]);
        let theirs = || {
            let mut command = Command::new(NOTARY);
            command.env_clear().env("HOME", &self.scratch).arg("-d").arg(&folder);
            command.args(["-s", &self.server.url()]).arg("--tlscacert").arg(self.server.ca());
            command.args(["lookup", "bench.example/app", "v1"]).stdin(Stdio::null()).stdout(Stdio::null());
            command
        };
        let (mut of_ours, mut of_theirs) = (Vec::new(), Vec::new());
        for _ in 0..RUNS {
            of_ours.push(milliseconds(ours())?);
            of_theirs.push(milliseconds(theirs())?);
        }
        let mut row = Row::new("trust verify beside notary lookup, whole process, warm cache", Unit::Milliseconds);
        row.ours = median(of_ours).map(Cell::value);
        row.go = median(of_theirs).map(Cell::value);
        row.bars.extend(Bar::at_most("of notary's", row.to_go(), 0.5));
        Ok(row)
    }

    fn many_tags(&self) -> Result<Row> {
        progress(&format!("a collection of {MANY_TAGS} tags"));
        let folder = self.scratch.join("many");
        // Valid today.
        let (today, timestamp_key) = (chrono::Utc::now(), Key::new(KeyAlgorithm::Ecdsa));
        let mut publisher = Publisher::new("bench.example/many", today, &timestamp_key.public, None);
        publisher.tag(MANY_TAGS, 1);
        let (root, targets) = (publisher.root_file(), publisher.targets_file());
        let snapshot = publisher.snapshot_file(1, &[(&RoleName::Root, &root), (&RoleName::Targets, &targets)]);
        let timestamp = publisher.timestamp_file(None, &snapshot, &timestamp_key);
        let files: [(&RoleName, &[u8]); 4] = [
            (&RoleName::Root, &root),
            (&RoleName::Targets, &targets),
            (&RoleName::Snapshot, &snapshot),
            (&RoleName::Timestamp, &timestamp),
        ];
        FileCache::new(&folder).commit(&publisher.gun, None, &files, publisher.now)?;
        let (mut times, mut highest) = (Vec::new(), 0.0_f64);
        for _ in 0..RUNS / 6 {
            let look = self.trust(&folder, &["verify", "--offline", "bench.example/many:tag-077777"]);
            let (time, peak) = time_and_peak(look)?;
            times.push(time);
            highest = highest.max(peak);
        }
        let mut row = Row::new(
            format!("{MANY_TAGS} tags from the cache: load, verify, look one up, whole process"),
            Unit::Milliseconds,
        );
        let time = median(times);
        row.ours = time.map(|time| Cell::value(time).note(format!("peak {highest:.0} MiB")));
        row.bars.extend(Bar::at_most("ms", time, 250.0));
        row.bars.extend(Bar::at_most("MiB", Some(highest), 200.0));
        Ok(row)
    }

    fn sign(&self) -> Result<Row> {
        progress(&format!("signing {SIGNED_TAGS} tags"));
        let folder = self.scratch.join("sign");
        let registry = Registry::start(&self.scratch)?;
        let images: Vec<String> =
            (0..SIGNED_TAGS).map(|n| format!("{}:v{n}", registry.repository("bench/signed"))).collect();
        for n in 0..SIGNED_TAGS {
            push(&registry.host(), "bench/signed", &format!("v{n}"), &n.to_string())?;
        }
        let person = Person::new(&folder, &self.server)?;
        let gun = registry.repository("bench/signed");
        person.init(&gun, &Default::default())?;
        person.publish(
            &gun,
            &[Change::AddTarget { role: RoleName::Targets, name: "old".into(), target: target("old") }],
        )?;
        let before = person.update(&gun)?.timestamp().version;
        let mut arguments = vec!["sign"];
        arguments.extend(images.iter().map(String::as_str));
        let time = milliseconds(self.trust(&folder, &arguments))?;
        let after = person.update(&gun)?;
        ensure!(after.released().count() == SIGNED_TAGS + 1, "not all tags are signed");
        ensure!(after.timestamp().version == before.next(), "more than one publication");
        let mut row =
            Row::new(format!("trust sign of {SIGNED_TAGS} tags: registry, one publication"), Unit::Milliseconds);
        row.ours = Some(Cell::value(time));
        row.bars.extend(Bar::at_most("ms", Some(time), 2_000.0));
        Ok(row)
    }

    fn start(&self) -> Result<Row> {
        let mut row = Row::new("start of the program (--version)", Unit::Milliseconds);
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..RUNS {
            ours.push(milliseconds(version(&self.trust, "--version"))?);
            theirs.push(milliseconds(version(Path::new(NOTARY), "version"))?);
        }
        row.ours = median(ours).map(Cell::value);
        row.go = median(theirs).map(Cell::value);
        let found = row.ours.as_ref().and_then(|cell| cell.value);
        row.bars.extend(Bar::at_most("ms", found, 5.0));
        Ok(row)
    }

    fn size(&self) -> Result<Row> {
        let stripped = self.scratch.join("trust.stripped");
        let done = Command::new("strip").arg("-o").arg(&stripped).arg(&self.trust).status();
        ensure!(done.context("strip (Debian package binutils)")?.success(), "strip failed");
        let mib = |path: &Path| -> Result<f64> { Ok(std::fs::metadata(path)?.len() as f64 / f64::from(1 << 20)) };
        let mut row = Row::new("size of the program, stripped", Unit::Mebibytes);
        row.ours = Some(Cell::value(mib(&stripped)?));
        row.go = Some(Cell::value(mib(Path::new(NOTARY))?));
        row.bars.extend(Bar::at_most("MiB", Some(mib(&stripped)?), 15.0));
        Ok(row)
    }
}

fn version(program: &Path, argument: &str) -> Command {
    let mut command = Command::new(program);
    command.arg(argument).env_clear().env("HOME", "/").stdin(Stdio::null()).stdout(Stdio::null());
    command
}

/// How long a process takes from its start to its end.
fn milliseconds(command: Command) -> Result<f64> {
    time_and_peak(command).map(|(time, _)| time)
}

/// The same, and its highest resident memory in MiB as far as it was seen.
pub(super) fn time_and_peak(mut command: Command) -> Result<(f64, f64)> {
    let begun = Instant::now();
    let mut child = command.stderr(Stdio::piped()).spawn().with_context(|| format!("{command:?}"))?;
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0.0_f64;
    loop {
        if let Some(ended) = child.try_wait()? {
            let time = begun.elapsed().as_secs_f64() * 1000.0;
            if !ended.success() {
                let said = child.wait_with_output()?.stderr;
                anyhow::bail!("{command:?} ended with {ended}: {}", String::from_utf8_lossy(&said));
            }
            return Ok((time, peak));
        }
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
        peak = peak.max(kib.unwrap_or_default() / 1024.0);
        std::thread::sleep(Duration::from_micros(200));
    }
}

/// Verifies a collection of four ECDSA roles and ten tags from bytes, beside its four signatures alone.
fn from_bytes() -> Result<Row> {
    progress("verifying from bytes");
    let timestamp_key = Key::new(KeyAlgorithm::Ecdsa);
    let mut publisher = Publisher::new("bench.example/app", now(), &timestamp_key.public, None);
    publisher.tag(10, 1);
    let (root, targets) = (publisher.root_file(), publisher.targets_file());
    let snapshot = publisher.snapshot_file(1, &[(&RoleName::Root, &root), (&RoleName::Targets, &targets)]);
    let timestamp = publisher.timestamp_file(None, &snapshot, &timestamp_key);
    let limits = Limits::default();
    let parse = |role, bytes| Envelope::parse(Dialect::Notary, role, bytes, &limits);
    let verify = || -> Result<()> {
        let (dates, expiration) = (CertificateDates::Enforced(now()), Expiration::Enforced(now()));
        let root = first_root(&parse(RoleName::Root, &root)?, &publisher.gun, dates, expiration)?;
        let chain =
            TrustedRoot::new(root, expiration).timestamp(&parse(RoleName::Timestamp, &timestamp)?, Known::Nothing)?;
        let chain = chain.snapshot(&parse(RoleName::Snapshot, &snapshot)?, Known::Nothing)?;
        let chain = chain.targets(&parse(RoleName::Targets, &targets)?, None)?;
        ensure!(chain.find("tag-000001", &[RoleName::Targets]).is_some());
        Ok(())
    };
    verify()?;

    // What the client makes of them is the same.
    let server = MemoryTransport::new("bytes");
    for (role, bytes) in [
        (RoleName::Root, &root),
        (RoleName::Targets, &targets),
        (RoleName::Snapshot, &snapshot),
        (RoleName::Timestamp, &timestamp),
    ] {
        server.put(&publisher.gun, &role, bytes);
    }
    let client = Client::new(Arc::new(server), Arc::new(MemoryCache::default())).with_clock(now());
    client.update_blocking(&publisher.gun, Offline::Never)?.image("tag-000001", &NameRules::default())?;

    let keys = [&publisher.root_key, &publisher.targets_key, &publisher.snapshot_key, &timestamp_key];
    let files = [
        (RoleName::Root, &root),
        (RoleName::Targets, &targets),
        (RoleName::Snapshot, &snapshot),
        (RoleName::Timestamp, &timestamp),
    ];
    let mut signed = Vec::new();
    for (key, (role, bytes)) in keys.iter().zip(files) {
        let envelope = parse(role, bytes)?;
        let signature = envelope.signatures().first().context("a signature")?.bytes.clone();
        let public = key.signing.public_key().public.clone();
        // The point is the end of the SubjectPublicKeyInfo.
        let point = public.get(public.len() - 65..).context("a point")?.to_vec();
        signed.push((point, envelope.canonical().to_vec(), signature));
    }
    let bare = || -> Result<()> {
        for (point, message, signature) in &signed {
            let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
            key.verify(message, signature).map_err(|_| anyhow::anyhow!("a bare signature does not verify"))?;
        }
        Ok(())
    };
    let (mut ours, mut limit) = (Vec::new(), Vec::new());
    for _ in 0..2_000 {
        ours.push(once(&verify)?);
        limit.push(once(&bare)?);
    }
    let mut row = Row::new("verify a collection from bytes beside its four signatures alone", Unit::Milliseconds);
    row.ours = median(ours).map(Cell::value);
    row.limit = median(limit).map(Cell::value);
    row.bars.extend(Bar::at_most("of the signatures", row.to_limit(), 1.3));
    Ok(row)
}

fn once(work: &dyn Fn() -> Result<()>) -> Result<f64> {
    let begun = Instant::now();
    work()?;
    Ok(begun.elapsed().as_secs_f64() * 1000.0)
}
