//! Prints how fast the SQLite store publishes and reads on this disk.
//!
//! `cargo run --release -p notary-server --example storage_speed -- [DIRECTORY]`: makes a database in DIRECTORY (default:
//! here) and removes it again.
#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use bytes::Bytes;
use chrono::DateTime;
use libtrust::metadata::Version;
use libtrust::names::Gun;
use notary_server::storage::sqlite::{Sqlite, SqliteOptions};
use notary_server::storage::{Base, NewFile, Storage};
use ring::digest;
use tokio::task::JoinSet;

const DURATION: Duration = Duration::from_secs(1);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let directory = std::env::args_os().nth(1).map_or_else(|| PathBuf::from("."), PathBuf::from);
    let directory = directory.join(format!("storage-speed-{}", std::process::id()));
    std::fs::create_dir(&directory).with_context(|| format!("cannot make {}", directory.display()))?;
    let measured = measure(&directory.join("trust.db")).await;
    std::fs::remove_dir_all(&directory)?;
    measured
}

async fn measure(path: &std::path::Path) -> anyhow::Result<()> {
    let store = Arc::new(Sqlite::open(path, &SqliteOptions::default()).await?);
    for (publishers, files, size) in [(1, 4, 1_000), (8, 4, 1_000), (64, 4, 1_000), (8, 3, 4_000), (8, 4, 200_000)] {
        let (rate, median, p99) = publish(&store, publishers, files, size).await?;
        println!(
            "publish: {publishers:3} publishers, {files} files of {size:6} bytes: {rate:6.0}/s, \
             median {median:?}, p99 {p99:?}"
        );
    }
    let gun = "speed/8/4/1000/0".parse()?;
    for readers in [1, 8] {
        println!("read newest: {readers} readers: {:.0}/s", read(&store, &gun, readers).await?);
    }
    store.close().await;
    drop(store);
    let begun = Instant::now();
    let store = Sqlite::open(path, &SqliteOptions::default()).await?;
    store.newest(&gun, &"timestamp".parse()?).await?;
    println!("open and first read: {:?} of a database of {} MiB", begun.elapsed(), path.metadata()?.len() >> 20);
    let begun = Instant::now();
    store.stale_timestamps(DateTime::UNIX_EPOCH, None, 100).await?;
    println!("walk for stale timestamps: {:?}", begun.elapsed());
    store.close().await;
    Ok(())
}

async fn publish(
    store: &Arc<Sqlite>,
    publishers: usize,
    files: usize,
    size: usize,
) -> anyhow::Result<(f64, Duration, Duration)> {
    let begun = Instant::now();
    let mut tasks = JoinSet::new();
    for publisher in 0..publishers {
        let store = store.clone();
        tasks.spawn(async move {
            let gun: Gun = format!("speed/{publishers}/{files}/{size}/{publisher}").parse()?;
            let mut times = Vec::new();
            for number in 1.. {
                if begun.elapsed() >= DURATION {
                    break;
                }
                let set = set(&gun, files, size, number)?;
                let now = DateTime::from_timestamp(1_800_000_000, 0).context("time")?;
                let asked = Instant::now();
                store.publish(&gun, Base::Any, set, now).await?;
                times.push(asked.elapsed());
            }
            anyhow::Ok(times)
        });
    }
    let mut times = Vec::new();
    for result in tasks.join_all().await {
        times.extend(result?);
    }
    let rate = times.len() as f64 / begun.elapsed().as_secs_f64();
    times.sort_unstable();
    let quantile = |part: f64| times.get((times.len() as f64 * part) as usize).copied().unwrap_or_default();
    Ok((rate, quantile(0.5), quantile(0.99)))
}

fn set(gun: &Gun, files: usize, size: usize, number: u64) -> anyhow::Result<Vec<NewFile>> {
    let roles = ["timestamp", "snapshot", "targets", "targets/releases"];
    let file = |role: &str| {
        let mut bytes = format!("{gun} {role} {number} ").into_bytes();
        bytes.resize(size, b'x');
        let sha256 = digest::digest(&digest::SHA256, &bytes).as_ref().try_into()?;
        anyhow::Ok(NewFile {
            role: role.parse()?,
            version: Version::try_from(number)?,
            bytes: Bytes::from(bytes),
            sha256,
        })
    };
    roles.into_iter().take(files).map(file).collect()
}

async fn read(store: &Arc<Sqlite>, gun: &Gun, readers: usize) -> anyhow::Result<f64> {
    let begun = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..readers {
        let (store, gun) = (store.clone(), gun.clone());
        tasks.spawn(async move {
            let mut count = 0_u32;
            while begun.elapsed() < DURATION / 3 {
                store.newest(&gun, &"timestamp".parse()?).await?.context("the file is gone")?;
                count += 1;
            }
            anyhow::Ok(count)
        });
    }
    let mut count = 0;
    for result in tasks.join_all().await {
        count += result?;
    }
    Ok(f64::from(count) / begun.elapsed().as_secs_f64())
}
