//! nginx as a web server of files, over TLS.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use crate::ports;
use crate::process::{Process, Stop, peer};
use crate::tls::Authority;
use crate::trust_server::TrustServer;

/// Serves the files in `FOLDER/files`, and nothing else, as a trust server that only reads.
pub fn serve(folder: &Path) -> Result<TrustServer> {
    std::fs::create_dir_all(folder.join("files"))?;
    let authority = Authority::new(folder)?;
    authority.issue("server")?;
    let port = ports::free()?;
    let home = folder.to_owned();
    std::fs::write(folder.join("nginx.conf"), configuration(folder, port))?;
    TrustServer::launched(port, authority.certificate(), vec![], move || {
        let mut command = peer("nginx", Stop::Kill);
        command.arg("-p").arg(&home).arg("-c").arg(home.join("nginx.conf")).arg("-e").arg(home.join("error.log"));
        let mut process = Process::start("nginx", &home, Stop::Kill, &mut command)?;
        process.wait_until(Duration::from_secs(20), || ports::answers(port))?;
        Ok(process)
    })
}

fn configuration(home: &Path, port: u16) -> String {
    let home = home.display();
    format!(
        "daemon off;
master_process off;
pid {home}/pid;
events {{ worker_connections 64; }}
http {{
    access_log off;
    default_type application/json;
    client_body_temp_path {home}/t1; proxy_temp_path {home}/t2; fastcgi_temp_path {home}/t3;
    uwsgi_temp_path {home}/t4; scgi_temp_path {home}/t5;
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {home}/server.crt;
        ssl_certificate_key {home}/server.key;
        root {home}/files;
    }}
}}
"
    )
}
