//! The TUF client and repositories: whole processes of `trust tuf` beside python-tuf's client (in the column of Go's programs) and
//! sigstore-tuf's (in that of the limit), on the loopback address.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use stories::peers::{python_tuf, trust};
use stories::tuf::client::{Client, User};
use stories::tuf::maker::Maker;
use stories::tuf::site::{Answer, Site};

use super::command::time_and_peak;
use super::{Plan, Stage, progress};
use crate::report::{Bar, Cell, Report, Row, Unit};
use crate::stats::median;

/// Hash bins of the large repository, as a power of two, and its targets.
const BITS: u32 = 14;
const TARGETS: usize = 1_000_000;
/// python-tuf builds a repository this many times smaller, with as many targets in a bin; its time counts as many times.
const SMALLER: u32 = 16;

pub async fn measure(plan: &Plan, stage: &Stage, report: &mut Report) -> Result<()> {
    let (runs, scratch) = (if plan.rounds == 1 { 5 } else { 40 }, stage.scratch.join("tuf"));
    // The peers of stories wait in threads of their own.
    let rows = tokio::task::spawn_blocking(move || {
        let mut rows = refresh(&scratch, runs)?;
        rows.push(download(&scratch, runs)?);
        rows.push(ten_thousand(&scratch, runs)?);
        rows.extend(bins(&scratch, runs, &[])?);
        rows.extend(bins(&scratch, runs, &["--succinct"])?);
        Ok::<_, anyhow::Error>(rows)
    });
    report.rows.extend(rows.await??);
    Ok(())
}

/// A small repository: its first refresh, and later ones that find nothing new.
fn refresh(scratch: &Path, runs: usize) -> Result<Vec<Row>> {
    progress("refreshing a TUF repository, whole processes");
    let mut repository = Maker::new(&scratch.join("small/repository"))?;
    repository.add("targets", "file", "content")?;
    repository.publish_all()?;
    let site = Site::start(repository.folder())?;
    let mut first = Row::new("trust tuf refresh, first, whole process (python-tuf; sigstore-tuf)", Unit::Milliseconds);
    let mut warm = Row::new("the same, nothing new (python-tuf; sigstore-tuf)", Unit::Milliseconds);
    let mut peak = Row::new("peak memory of a refresh (python-tuf; sigstore-tuf)", Unit::Mebibytes);
    let clients = [Client::Ours, Client::PythonTuf, Client::SigstoreTuf];
    let (mut firsts, mut warms, mut peaks) = ([vec![], vec![], vec![]], [vec![], vec![], vec![]], [0.0_f64; 3]);
    for run in 0..runs {
        for (((client, firsts), warms), peak) in clients.into_iter().zip(&mut firsts).zip(&mut warms).zip(&mut peaks) {
            let user = User::new(
                client,
                &scratch.join("small"),
                &format!("{client:?}-{run}"),
                site.url(),
                &repository.root(),
            )?;
            firsts.push(milliseconds(user.refreshing()?)?);
            warms.push(milliseconds(user.refreshing()?)?);
            *peak = peak.max(time_and_peak(quiet(user.refreshing()?))?.1);
        }
    }
    for (row, figures) in [(&mut first, firsts), (&mut warm, warms)] {
        let [ours, python, sigstore] = figures.map(|times| median(times).map(Cell::value));
        (row.ours, row.go, row.limit) = (ours, python, sigstore);
        row.bars.extend(Bar::at_most("of python-tuf's", row.to_go(), 0.1));
        row.bars.extend(Bar::at_most("of sigstore-tuf's", row.to_limit(), 1.0));
    }
    let [ours, python, sigstore] = peaks.map(|peak| Some(Cell::value(peak)));
    (peak.ours, peak.go, peak.limit) = (ours, python, sigstore);
    peak.bars.extend(Bar::at_most("MiB", Some(peaks[0]), 7.0));
    Ok(vec![first, warm, peak])
}

/// Peak memory of downloading 16 MiB.
fn download(scratch: &Path, runs: usize) -> Result<Row> {
    progress("downloading 16 MiB");
    let mut repository = Maker::new(&scratch.join("download/repository"))?;
    repository.tell("fill", &json!({"role": "targets", "path": "large", "length": 16 << 20}))?;
    repository.publish_all()?;
    let site = Site::start(repository.folder())?;
    let (mut times, mut peaks) = ([vec![], vec![], vec![]], [0.0_f64; 3]);
    for run in 0..runs.div_ceil(4) {
        let clients = [Client::Ours, Client::PythonTuf, Client::SigstoreTuf];
        for ((client, times), highest) in clients.into_iter().zip(&mut times).zip(&mut peaks) {
            let folder = scratch.join("download");
            let user = User::new(client, &folder, &format!("{client:?}-{run}"), site.url(), &repository.root())?;
            let (time, peak) = time_and_peak(quiet(user.downloading(&["large"])?))?;
            times.push(time);
            *highest = highest.max(peak);
            ensure!(user.take_target()?.len() == 16 << 20, "{client:?} got something else");
        }
    }
    let mut row = Row::new("peak memory of a download of 16 MiB (python-tuf; sigstore-tuf)", Unit::Mebibytes);
    let mut cells = times
        .into_iter()
        .zip(peaks)
        .map(|(times, peak)| Cell::value(peak).note(format!("{:.0} ms", median(times).unwrap_or_default())));
    (row.ours, row.go, row.limit) = (cells.next(), cells.next(), cells.next());
    row.bars.extend(Bar::at_most("MiB", Some(peaks[0]), 12.0));
    Ok(row)
}

/// The first refresh of a targets file with 10,000 entries.
fn ten_thousand(scratch: &Path, runs: usize) -> Result<Row> {
    progress("10,000 targets in one role");
    let mut repository = Maker::new(&scratch.join("many/repository"))?;
    repository.tell("many", &json!({"role": "targets", "count": 10_000}))?;
    repository.publish_all()?;
    let site = Site::start(repository.folder())?;
    let (mut times, mut highest) = ([vec![], vec![], vec![]], 0.0_f64);
    for run in 0..runs.div_ceil(2) {
        let clients = [Client::Ours, Client::PythonTuf, Client::SigstoreTuf];
        for (client, times) in clients.into_iter().zip(&mut times) {
            let new = |name: String| User::new(client, &scratch.join("many"), &name, site.url(), &repository.root());
            times.push(milliseconds(new(format!("{client:?}-{run}"))?.refreshing()?)?);
            if client == Client::Ours {
                highest = highest.max(time_and_peak(quiet(new(format!("{client:?}-{run}-peak"))?.refreshing()?))?.1);
            }
        }
    }
    let mut row = Row::new("10,000 targets: first refresh (python-tuf; sigstore-tuf)", Unit::Milliseconds);
    let [ours, python, sigstore] = times.map(|times| median(times).map(Cell::value));
    (row.ours, row.go, row.limit) = (ours.map(|cell| cell.note(format!("peak {highest:.0} MiB"))), python, sigstore);
    row.bars.extend(Bar::at_most("of sigstore-tuf's", row.to_limit(), 1.0));
    row.bars.extend(Bar::at_most("MiB", Some(highest), 24.0));
    Ok(row)
}

/// A million targets in hash bins, named one by one as every client reads them or in the short form: building that, and
/// looking one up with nothing known but the root.
fn bins(scratch: &Path, runs: usize, form: &[&str]) -> Result<Vec<Row>> {
    let is_named = form.is_empty();
    let of = if is_named { "" } else { ", in short form" };
    progress(&format!("building a repository of {TARGETS} targets in {} hash bins{of}", 1 << BITS));
    let home = scratch.join(if is_named { "bins" } else { "short-bins" });
    let repository = home.join("repository");
    std::fs::create_dir_all(&home)?;
    milliseconds(keeper(&home, &["init", "repository"])?)?;
    std::fs::write(home.join("list"), list())?;
    let bits = BITS.to_string();
    let delegate = [&["delegate", "repository", "bin", "--bins", &bits], form].concat();
    let mut built = milliseconds(keeper(&home, &delegate)?)?;
    built += milliseconds(keeper(&home, &["add", "repository", "--list", "list", "--publish"])?)?;
    let mut build = Row::new(
        format!("build a repository of {TARGETS} targets in {} hash bins{of} (python-tuf, bins by name)", 1 << BITS),
        Unit::Milliseconds,
    );
    build.ours = Some(Cell::value(built));
    build.go = Some(python_build(&home.join("python"))?);
    build.bars.extend(Bar::at_least("times python-tuf", build.to_go().map(|ratio| 1.0 / ratio), 20.0));

    progress("looking one of them up");
    let site = Site::start(&repository)?;
    let path = "file-777777";
    let content = path.as_bytes();
    site.answer(&format!("targets/{}.{path}", digest(content)), Answer::Bytes(content.to_vec()));
    let (mut times, mut highest, mut requests) = (vec![], 0.0_f64, 0);
    let root = repository.join("metadata/1.root.json");
    for run in 0..runs {
        let user = User::new(Client::Ours, &home, &format!("user-{run}"), site.url(), &root)?;
        site.asked();
        times.push(milliseconds(user.downloading(&[path])?)?);
        // All but the one for the file itself.
        requests = site.asked().iter().filter(|asked| asked.starts_with("metadata/")).count();
        ensure!(user.take_target()? == content, "another file");
        let user = User::new(Client::Ours, &home, &format!("user-{run}-peak"), site.url(), &root)?;
        highest = highest.max(time_and_peak(quiet(user.downloading(&[path])?))?.1);
    }
    let name = format!("look one of them up{of} and download it, nothing known but the root");
    let mut look = Row::new(name, Unit::Milliseconds);
    let time = median(times);
    let note = format!("{requests} requests for metadata, peak {highest:.0} MiB");
    look.ours = time.map(|time| Cell::value(time).note(note));
    look.bars.extend(Bar::at_most("ms", time, 60.0));
    look.bars.extend(Bar::at_most("requests", Some(requests as f64), 5.0));
    look.bars.extend(Bar::at_most("MiB", Some(highest), 64.0));
    Ok(vec![build, look])
}

/// The targets as `trust tuf add --list` takes them.
fn list() -> String {
    let line = |number| {
        let path = format!("file-{number}");
        let digest = digest(path.as_bytes());
        format!("{{\"path\":\"{path}\",\"length\":{},\"hashes\":{{\"sha256\":\"{digest}\"}}}}\n", path.len())
    };
    (0..TARGETS).map(line).collect()
}

/// How long python-tuf takes for a smaller one, times how much smaller it is: its work grows with bins and targets alike.
fn python_build(folder: &Path) -> Result<Cell> {
    let smaller = (BITS - SMALLER.ilog2()).to_string();
    let targets = (TARGETS / SMALLER as usize).to_string();
    let mut command = python_tuf::bare("build_bins.py")?;
    let done = command.arg(folder).args([smaller, targets]).stderr(Stdio::inherit()).output()?;
    ensure!(done.status.success(), "{command:?} ended with {}", done.status);
    let seconds: f64 = String::from_utf8(done.stdout)?.trim().parse()?;
    let note = format!("{SMALLER} times the {:.1} s that one {SMALLER} times smaller took", seconds);
    Ok(Cell::value(seconds * 1000.0 * f64::from(SMALLER)).note(note))
}

/// `trust tuf ...` as somebody whose keys and files are in this folder.
fn keeper(home: &Path, words: &[&str]) -> Result<Command> {
    let program: PathBuf = trust::binary()?;
    let mut command = Command::new(program);
    command.env_clear().env("HOME", home).env("DOCKER_CONFIG", home).current_dir(home).arg("tuf").args(words);
    for role in ["ROOT", "REPOSITORY"] {
        command.env(format!("DOCKER_CONTENT_TRUST_{role}_PASSPHRASE"), "passphrase-of-all");
    }
    Ok(command)
}

fn digest(bytes: &[u8]) -> String {
    hex::encode(ring::digest::digest(&ring::digest::SHA256, bytes))
}

fn quiet(mut command: Command) -> Command {
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command
}

/// How long a process takes from its start to its end.
fn milliseconds(command: Command) -> Result<f64> {
    let begun = Instant::now();
    let mut command = quiet(command);
    let status = command.stderr(Stdio::inherit()).status().with_context(|| format!("{command:?}"))?;
    let time = begun.elapsed().as_secs_f64() * 1000.0;
    ensure!(status.success(), "{command:?} ended with {status}");
    Ok(time)
}
