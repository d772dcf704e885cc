//! The transport against servers that misbehave. Good ones are in the stories.

mod answers;
mod bodies;
mod proxy;
mod tls;
mod tokens;

use std::sync::Arc;
use std::time::Duration;

use super::testing::{Seen, TestServer, answer};
use super::{HttpOptions, HttpTransport};
use crate::client::credentials::{Anonymous, Credentials};
use crate::client::transport::{RemoteFile, Transport as _, TransportError};
use crate::names::{Gun, RoleName};

fn gun() -> Gun {
    "reg.example/team/app".parse().unwrap()
}

/// Short times: these tests wait for them.
fn options() -> HttpOptions {
    HttpOptions {
        connect_time: Duration::from_secs(5),
        idle_time: Duration::from_millis(400),
        request_time: Duration::from_millis(1500),
        ..HttpOptions::default()
    }
}

fn transport(server: &TestServer) -> HttpTransport {
    with(server, Anonymous)
}

fn with(server: &TestServer, credentials: impl Credentials + 'static) -> HttpTransport {
    HttpTransport::new(server.url().parse().unwrap(), &options(), Arc::new(credentials)).unwrap()
}

async fn fetch(transport: &HttpTransport, limit: u64) -> Result<Vec<u8>, TransportError> {
    transport.fetch(&gun(), &RemoteFile::Current(RoleName::Root), limit).await
}
