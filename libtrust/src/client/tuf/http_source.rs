//! A repository on a web server.

use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::stream;
use reqwest::redirect::{Attempt, Policy};
use reqwest::{Client, Response, Url};

use super::{ArtifactBytes, BaseUrl, MetadataName, Source, SourceError, TargetPath};
use crate::client::http::{Failure, HttpOptions, HttpOptionsError, causes, is_loopback};

/// How many redirects are followed.
const MAX_REDIRECTS: usize = 5;
/// How much room is made for a body before it comes, in bytes.
const FIRST_ROOM: u64 = 64 << 10;

/// A repository over HTTP/1.1, one connection kept alive. Addresses may be `http://`: metadata proves itself, and artifacts
/// are proven by it. Nothing is retried or decompressed.
///
/// Each piece must come within [`HttpOptions::idle_time`] and a metadata file within [`HttpOptions::request_time`].
pub struct HttpSource {
    metadata: Place,
    targets: Option<Place>,
    idle_time: Duration,
    request_time: Duration,
}

/// A base address and how it is reached.
struct Place {
    base: BaseUrl,
    client: Client,
}

impl HttpSource {
    /// Prepares to read from these addresses, without connecting; the certificates of the system are read only when a
    /// server shows one.
    ///
    /// # Errors
    /// If certificates or keys cannot be read.
    pub fn new(metadata: BaseUrl, targets: Option<BaseUrl>, options: &HttpOptions) -> Result<Self, HttpOptionsError> {
        let client = client(&metadata.url, options)?;
        let targets = match targets {
            None => None,
            Some(base) if base.url.origin() == metadata.url.origin() => Some(Place { base, client: client.clone() }),
            Some(base) => Some(Place { client: self::client(&base.url, options)?, base }),
        };
        let metadata = Place { base: metadata, client };
        Ok(Self { metadata, targets, idle_time: options.idle_time, request_time: options.request_time })
    }

    /// Asks for a file; nothing if the server says there is none.
    async fn ask(&self, place: &Place, file: &str) -> Result<Option<Response>, SourceError> {
        let url = place.base.join(file).ok_or_else(|| SourceError::Unreachable {
            origin: place.base.to_string(),
            file: file.to_owned(),
            cause: "it has no address".to_owned(),
        })?;
        let response = wait(self.idle_time, &place.base, file, place.client.get(url).send()).await?;
        match response.status().as_u16() {
            200 => Ok(Some(response)),
            // Object stores say 403 for what is not there.
            403 | 404 => Ok(None),
            status => Err(SourceError::Status { origin: place.base.to_string(), file: file.to_owned(), status }),
        }
    }

    async fn read(&self, file: &str, limit: u64) -> Result<Option<Bytes>, SourceError> {
        let base = &self.metadata.base;
        let too_large = || SourceError::TooLarge { origin: base.to_string(), file: file.to_owned(), limit };
        let Some(mut response) = self.ask(&self.metadata, file).await? else { return Ok(None) };
        let announced = response.content_length().unwrap_or(0);
        if announced > limit {
            return Err(too_large());
        }
        // Not the announced length at once: nobody has sent it yet.
        let mut body = BytesMut::with_capacity(usize::try_from(announced.min(FIRST_ROOM)).unwrap_or(0));
        while let Some(piece) = wait(self.idle_time, base, file, response.chunk()).await? {
            if (body.len() + piece.len()) as u64 > limit {
                return Err(too_large());
            }
            body.extend_from_slice(&piece);
        }
        Ok(Some(body.freeze()))
    }
}

#[async_trait]
impl Source for HttpSource {
    fn name(&self) -> &str {
        self.metadata.base.url.as_str()
    }

    async fn metadata(&self, name: &MetadataName, limit: u64) -> Result<Option<Bytes>, SourceError> {
        let file = name.encoded();
        match tokio::time::timeout(self.request_time, self.read(&file, limit)).await {
            Ok(read) => read,
            Err(_) => {
                let (origin, seconds) = (self.name().to_owned(), self.request_time.as_secs());
                Err(SourceError::Unreachable { origin, file, cause: format!("it took more than {seconds} s") })
            }
        }
    }

    async fn artifact(&self, path: &TargetPath, prefix: Option<&str>) -> Result<Option<ArtifactBytes>, SourceError> {
        let Some(place) = &self.targets else { return Err(SourceError::NoTargets { origin: self.name().to_owned() }) };
        let file = path.encoded(prefix);
        let Some(response) = self.ask(place, &file).await? else { return Ok(None) };
        let (base, idle_time) = (place.base.clone(), self.idle_time);
        let pieces = stream::try_unfold((response, base, file), move |(mut response, base, file)| async move {
            let piece = wait(idle_time, &base, &file, response.chunk()).await?;
            Ok(piece.map(|piece| (piece, (response, base, file))))
        });
        Ok(Some(Box::pin(pieces)))
    }
}

/// Waits for a server's next sign of life, not for ever.
async fn wait<T>(
    longest: Duration,
    base: &BaseUrl,
    file: &str,
    next: impl Future<Output = reqwest::Result<T>>,
) -> Result<T, SourceError> {
    let (origin, file) = (|| base.to_string(), || file.to_owned());
    match tokio::time::timeout(longest, next).await {
        Err(_) => Err(SourceError::Silent { origin: origin(), file: file(), seconds: longest.as_secs() }),
        Ok(result) => result.map_err(|error| match Failure::of(error) {
            Failure::Tls { cause, .. } => SourceError::Tls { origin: origin(), cause },
            Failure::Unreachable(cause) => SourceError::Unreachable { origin: origin(), file: file(), cause },
            Failure::TooLarge => SourceError::TooLarge { origin: origin(), file: file(), limit: 0 },
        }),
    }
}

fn client(url: &Url, options: &HttpOptions) -> Result<Client, HttpOptionsError> {
    let mut tls = options.tls.config(&host_of(url))?;
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    let builder = Client::builder()
        .tls_backend_preconfigured(tls)
        .user_agent(&options.user_agent)
        .connect_timeout(options.connect_time)
        .http1_only()
        .redirect(Policy::custom(follow))
        .referer(false);
    let builder = if is_loopback(url) { builder.no_proxy() } else { builder };
    builder.build().map_err(|error| HttpOptionsError::Other(causes(&error)))
}

/// Anywhere, a few times, but never from TLS to none.
fn follow(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    let safe =
        attempt.previous().last().is_none_or(|from| from.scheme() != "https" || attempt.url().scheme() == "https");
    if safe && attempt.previous().len() <= MAX_REDIRECTS { attempt.follow() } else { attempt.stop() }
}

fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}
