//! Both sides of the server under one door: operators' paths first, then the trust API.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;

use super::ops::{Endpoint, Ops};
use crate::listen::{Application, Peer};

/// The whole server as one application.
pub struct App<T> {
    ops: Arc<Ops>,
    trust: Arc<T>,
}

impl<T: Application> App<T> {
    /// Operators are answered by `ops`, everyone else by `trust`.
    #[must_use]
    pub fn new(ops: Arc<Ops>, trust: Arc<T>) -> Self {
        Self { ops, trust }
    }
}

impl<T: Application> Application for App<T> {
    async fn respond(self: Arc<Self>, request: Request<Incoming>, peer: Arc<Peer>) -> Response<Full<Bytes>> {
        match Endpoint::of(request.method(), request.uri().path()) {
            Some(endpoint) => self.ops.respond(endpoint).await,
            None => Arc::clone(&self.trust).respond(request, peer).await,
        }
    }

    fn late(&self) -> Response<Full<Bytes>> {
        self.trust.late()
    }
}
