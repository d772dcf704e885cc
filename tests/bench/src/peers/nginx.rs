//! The limit of reading: nginx serving the same bytes as files, over TLS, under the same paths.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::Tools;
use crate::client::{Connection, Site};
use crate::process::{Process, free_port};
use crate::tls::{self, Certificate};

/// A running nginx.
pub struct Nginx {
    process: Process,
    files: PathBuf,
    pub site: Site,
}

impl Nginx {
    pub async fn start(tools: &Tools, scratch: &Path, certificate: &Certificate) -> Result<Self> {
        let home = scratch.join("nginx");
        let files = home.join("files");
        fs::create_dir_all(&files)?;
        let port = free_port()?;
        let config = home.join("nginx.conf");
        fs::write(&config, configuration(&home, port, certificate))?;
        let mut command = Command::new(&tools.nginx);
        command.arg("-p").arg(&home).arg("-c").arg(&config).arg("-e").arg(home.join("error.log"));
        let process = Process::start("nginx", command, &home.join("log"))?;
        let site = Site { port, tls: tls::client(&certificate.certificate)? };
        let mut nginx = Self { process, files, site };
        let begun = Instant::now();
        while Connection::open(&nginx.site).await.is_err() {
            nginx.process.check()?;
            if begun.elapsed() > Duration::from_secs(10) {
                bail!("nginx does not answer");
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(nginx)
    }

    /// Serves these bytes under this path.
    pub fn serve(&self, path: &str, bytes: &[u8]) -> Result<()> {
        let file = self.files.join(path.trim_start_matches('/'));
        fs::create_dir_all(file.parent().context("a path below the root")?)?;
        Ok(fs::write(file, bytes)?)
    }
}

/// A plain static site at its best: no logs, open files cached, connections never closed.
fn configuration(home: &Path, port: u16, certificate: &Certificate) -> String {
    let home = home.display();
    let (public, key) = (certificate.certificate.display(), certificate.key.display());
    format!(
        "daemon off;
worker_processes auto;
pid {home}/pid;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    default_type application/json;
    keepalive_timeout 1h;
    keepalive_requests 1000000000;
    open_file_cache max=1000;
    client_body_temp_path {home}/t1; proxy_temp_path {home}/t2; fastcgi_temp_path {home}/t3;
    uwsgi_temp_path {home}/t4; scgi_temp_path {home}/t5;
    add_header Cache-Control 'public, max-age=300, s-maxage=300, must-revalidate';
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {public};
        ssl_certificate_key {key};
        ssl_protocols TLSv1.2 TLSv1.3;
        root {home}/files;
    }}
}}
"
    )
}
