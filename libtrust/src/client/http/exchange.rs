//! One request and its bounded answer.

use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION, WWW_AUTHENTICATE};
use reqwest::{Method, Response, Url};

use super::address::{ServerAddress, host_of, is_loopback};
use super::failure::{Failure, causes};
use super::options::{HttpOptions, HttpOptionsError};

/// How much of an error's body is read, in bytes. Servers explain themselves in less.
const MAX_ERROR_BODY: u64 = 8 << 10;
/// How many redirects are followed.
const MAX_REDIRECTS: usize = 5;

/// Where a redirect may lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::client) enum Redirects {
    /// To the same server.
    Same,
    /// To any server with TLS, which then sees no authorization. For what is checked by its digest.
    Anywhere,
}

/// A request.
#[derive(Debug, Clone)]
pub(in crate::client) struct Request {
    pub method: Method,
    pub url: Url,
    pub accept: Option<&'static str>,
    /// Its type and bytes.
    pub body: Option<(HeaderValue, Bytes)>,
    /// Longest body of the answer, in bytes.
    pub limit: u64,
    pub redirects: Redirects,
    /// Instead of the time the options give.
    pub time: Option<Duration>,
}

impl Request {
    pub(in crate::client) const fn new(method: Method, url: Url, limit: u64) -> Self {
        Self { method, url, accept: None, body: None, limit, redirects: Redirects::Same, time: None }
    }
}

/// An answer of any status. The body of one that is no success is cut.
#[derive(Debug)]
pub(in crate::client) struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    /// The certificate the server showed, as DER.
    pub certificate: Option<Vec<u8>>,
}

impl Answer {
    pub(in crate::client) const fn is_success(&self) -> bool {
        self.status >= 200 && self.status < 300
    }
}

/// Connections to a server and to the token service it names: one pool, kept alive.
#[derive(Debug, Clone)]
pub(in crate::client) struct HttpClient {
    direct: reqwest::Client,
    proxied: reqwest::Client,
    idle_time: Duration,
}

impl HttpClient {
    pub(in crate::client) fn new(server: &ServerAddress, options: &HttpOptions) -> Result<Self, HttpOptionsError> {
        let tls = options.tls.config(server.host())?;
        let build = |direct: bool| {
            let builder = reqwest::Client::builder()
                .tls_backend_preconfigured(tls.clone())
                .user_agent(&options.user_agent)
                .connect_timeout(options.connect_time)
                .timeout(options.request_time)
                // Followed by hand: some of them change what is asked, and where a password goes.
                .redirect(reqwest::redirect::Policy::none())
                .referer(false)
                .tls_info(true);
            let builder = if direct { builder.no_proxy() } else { builder };
            builder.build().map_err(|error| HttpOptionsError::Other(causes(&error)))
        };
        Ok(Self { direct: build(true)?, proxied: build(false)?, idle_time: options.idle_time })
    }

    /// Sends a request; follows its redirects, if it only reads, as far as allowed. An answer that leads elsewhere is
    /// given as it is.
    pub(in crate::client) async fn send(
        &self,
        request: &Request,
        authorization: Option<&HeaderValue>,
    ) -> Result<Answer, Failure> {
        let (mut url, mut authorization) = (request.url.clone(), authorization);
        for _ in 0..MAX_REDIRECTS {
            let response = self.once(request, &url, authorization).await?;
            let Some(target) = redirect(request, &url, &response) else {
                let mut answer = self.read(response, request).await?;
                // How another server lets people in is no reason to show it the login of this one.
                if url.origin() != request.url.origin() {
                    answer.headers.remove(WWW_AUTHENTICATE);
                }
                return Ok(answer);
            };
            if target.origin() != url.origin() {
                authorization = None;
            }
            url = target;
        }
        Err(Failure::Unreachable(format!("more than {MAX_REDIRECTS} redirects")))
    }

    async fn once(
        &self,
        request: &Request,
        url: &Url,
        authorization: Option<&HeaderValue>,
    ) -> Result<Response, Failure> {
        let client = if is_loopback(url) { &self.direct } else { &self.proxied };
        let mut builder = client.request(request.method.clone(), url.clone());
        if let Some(accept) = request.accept {
            builder = builder.header(ACCEPT, accept);
        }
        if let Some(value) = authorization {
            builder = builder.header(AUTHORIZATION, value);
        }
        if let Some((kind, bytes)) = &request.body {
            builder = builder.header(CONTENT_TYPE, kind).body(bytes.clone());
        }
        if let Some(time) = request.time {
            builder = builder.timeout(time);
        }
        match &request.body {
            // Sending, and judging what was sent, may take its time.
            Some(_) => builder.send().await.map_err(Failure::of),
            None => self.not_silent(builder.send()).await,
        }
    }

    /// Reads the body, holding no more than the limit.
    async fn read(&self, mut response: Response, request: &Request) -> Result<Answer, Failure> {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let shown = response.extensions().get::<reqwest::tls::TlsInfo>();
        let certificate = shown.and_then(|tls| tls.peer_certificate()).map(<[u8]>::to_vec);
        let is_success = response.status().is_success();
        let limit = if is_success { request.limit } else { MAX_ERROR_BODY };
        let announced = response.content_length();
        if is_success && request.method != Method::HEAD && announced.is_some_and(|length| length > limit) {
            return Err(Failure::TooLarge);
        }
        // Not the announced length at once: nobody has sent it yet.
        let mut body = Vec::with_capacity(usize::try_from(announced.unwrap_or(0).min(64 << 10)).unwrap_or(0));
        loop {
            let chunk = match self.not_silent(response.chunk()).await {
                Ok(Some(chunk)) => chunk,
                Ok(None) => break,
                Err(failure) if is_success => return Err(failure),
                // The status says enough.
                Err(_) => break,
            };
            let room = usize::try_from(limit).unwrap_or(usize::MAX).saturating_sub(body.len());
            if chunk.len() > room {
                if is_success {
                    return Err(Failure::TooLarge);
                }
                body.extend_from_slice(chunk.get(..room).unwrap_or_default());
                break;
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, headers, body, certificate })
    }

    /// Waits for the server's next sign of life, not for ever.
    async fn not_silent<T>(&self, next: impl Future<Output = reqwest::Result<T>>) -> Result<T, Failure> {
        match tokio::time::timeout(self.idle_time, next).await {
            Ok(result) => result.map_err(Failure::of),
            Err(_) => {
                let seconds = self.idle_time.as_secs_f32();
                Err(Failure::Unreachable(format!("it took too long: nothing came for {seconds} s")))
            }
        }
    }
}

/// Where to go on, if the answer says so and it is allowed.
fn redirect(request: &Request, url: &Url, response: &Response) -> Option<Url> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    // A publication that is sent elsewhere, or turned into a read, was not published.
    if !matches!(request.method, Method::GET | Method::HEAD) {
        return None;
    }
    let target = url.join(response.headers().get(LOCATION)?.to_str().ok()?).ok()?;
    let allowed = match request.redirects {
        _ if target.origin() == url.origin() => true,
        Redirects::Same => false,
        Redirects::Anywhere => target.scheme() == "https",
    };
    allowed.then_some(target)
}

/// For messages: where an answer leads that was not followed.
pub(in crate::client) fn led_to(answer: &Answer, asked: &Url) -> Option<String> {
    let target = answer.headers.get(LOCATION)?.to_str().ok()?;
    asked.join(target).ok().map(|target| format!("{}://{}", target.scheme(), host_of(&target)))
}
