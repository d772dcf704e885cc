//! Images no registry has to give: a Debian base made by `debootstrap`, and what is built on it for the stories.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::dockerd::Dockerd;
use super::our_server;
use crate::command::{clean, run};

/// A Debian mirror answers slowly at times.
const DEBOOTSTRAP_SECONDS: &str = "900";
/// The image the others stand on.
const BASE: &str = "debian:12-slim";

/// What PostgreSQL's official image does, as far as a deployment relies on it.
const DATABASE_ENTRY: &str = r#"#!/bin/sh
set -eu
data=/var/lib/postgresql/data
if [ ! -s $data/PG_VERSION ]; then
  initdb -D $data -U postgres --pwfile="$POSTGRES_PASSWORD_FILE" --auth-local=trust --auth-host=scram-sha-256
  echo 'host all all all scram-sha-256' >>$data/pg_hba.conf
  pg_ctl -D $data -o "-c listen_addresses=''" -w start
  for file in /docker-entrypoint-initdb.d/*; do "$file"; done
  pg_ctl -D $data -m fast -w stop
fi
exec postgres -D $data -c listen_addresses='*'
"#;

/// Takes this machine's PostgreSQL into the folder `root`, with the libraries it links and without its compiler.
const DATABASE_FILES: &str = r#"
set -eu
mkdir root
tar -cf - --exclude='bitcode' --exclude='llvmjit*' /usr/lib/postgresql/15 /usr/share/postgresql/15 \
  | tar -C root -xf -
ldd /usr/lib/postgresql/15/bin/* /usr/lib/postgresql/15/lib/*.so | sed -n 's/.*=> \(\/[^ ]*\) (0x.*/\1/p' | sort -u \
  | while read -r library; do cp -L --parents "$(realpath "$(dirname "$library")")/$(basename "$library")" root; done
"#;

const DATABASE_FILE: &str = r#"FROM debian:12-slim
ENV PATH=/usr/lib/postgresql/15/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
COPY root /
COPY entry.sh /usr/local/bin/docker-entrypoint.sh
RUN useradd --system --home-dir /var/lib/postgresql postgres \
 && install -d -o postgres -g postgres -m 700 /var/lib/postgresql/data \
 && install -d -o postgres -g postgres -m 3777 /run/postgresql
ENTRYPOINT ["/usr/local/bin/docker-entrypoint.sh"]
"#;

/// Makes the image `notary-compiler`: a Debian with the binaries under test in `/out`, as the deployment's Dockerfile
/// takes them.
pub fn compiler(engine: &Dockerd, folder: &Path) -> Result<()> {
    import(engine, &tarball("debian", &["ca-certificates"])?, BASE)?;
    let context = folder.join("compiler");
    std::fs::create_dir_all(context.join("out"))?;
    for binary in [our_server::binary()?, signer_binary()?] {
        let name = binary.file_name().context("a program")?;
        std::fs::copy(&binary, context.join("out").join(name))?;
    }
    std::fs::write(context.join("Dockerfile"), format!("FROM {BASE}\nCOPY out /out\n"))?;
    build(engine, &context, "notary-compiler")
}

/// Makes the image `postgres-like`: this machine's PostgreSQL behind the entry point of its official image. It stands on
/// what [`compiler`] has imported.
pub fn database(engine: &Dockerd, folder: &Path) -> Result<()> {
    let context = folder.join("postgres-like");
    std::fs::create_dir_all(&context)?;
    run(clean("sh").current_dir(&context).args(["-c", DATABASE_FILES]))?.success()?;
    std::fs::write(context.join("Dockerfile"), DATABASE_FILE)?;
    let entry = context.join("entry.sh");
    std::fs::write(&entry, DATABASE_ENTRY)?;
    run(Command::new("chmod").arg("755").arg(entry))?.success()?;
    build(engine, &context, "postgres-like")
}

/// The signer under test: `NOTARY_SIGNER_BIN`, else beside the server.
fn signer_binary() -> Result<PathBuf> {
    let path = match std::env::var_os("NOTARY_SIGNER_BIN") {
        Some(path) => PathBuf::from(path),
        None => our_server::binary()?.with_file_name("notary-signer"),
    };
    if !path.exists() {
        bail!("{} is missing: cargo build --release --bin notary-signer", path.display());
    }
    Ok(path)
}

/// A Debian root file system with some packages, kept under `target` because it takes a minute to make.
fn tarball(name: &str, packages: &[&str]) -> Result<PathBuf> {
    let cache = match std::env::var_os("CARGO_TARGET_DIR") {
        Some(target) => PathBuf::from(target),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"),
    }
    .join("images");
    std::fs::create_dir_all(&cache)?;
    let kept = cache.join(format!("{name}.tar"));
    // Stories run side by side: one makes it, the others wait.
    let lock = File::create(cache.join(format!("{name}.lock")))?;
    lock.lock()?;
    if !kept.exists() {
        let root = tempfile::tempdir()?;
        let mut command = Command::new("timeout");
        command.args(["-k", "5", DEBOOTSTRAP_SECONDS, "debootstrap", "--variant=minbase"]);
        command.arg(format!("--include={}", packages.join(","))).arg("bookworm").arg(root.path());
        command.arg("http://deb.debian.org/debian");
        run(&mut command)?.success().context("debootstrap makes a Debian (it needs the Debian mirror)")?;
        let unfinished = cache.join(format!("{name}.unfinished"));
        let mut pack = clean("tar");
        pack.args(["--exclude=./var/cache/apt/*", "--exclude=./var/lib/apt/lists/*"]);
        pack.args(["doc", "locale", "man"].map(|name| format!("--exclude=./usr/share/{name}/*")));
        run(pack.arg("-C").arg(root.path()).arg("-cf").arg(&unfinished).arg("."))?.success()?;
        std::fs::rename(&unfinished, &kept)?;
    }
    Ok(kept)
}

fn import(engine: &Dockerd, tarball: &Path, name: &str) -> Result<()> {
    run(engine.docker().arg("import").arg(tarball).arg(name))?.success()?;
    Ok(())
}

fn build(engine: &Dockerd, context: &Path, name: &str) -> Result<()> {
    run(engine.docker().args(["build", "--network", "none", "-t", name]).arg(context))?.success()?;
    Ok(())
}
