//! A gate before an OCI registry: only what is signed goes through.
//!
//! A pull by tag is sent on to the digest that is trusted under the tag, whatever the registry has there now. A pull by digest
//! goes through if a released tag has that digest, or if a trusted index that went through names it. Everything else is
//! refused with the reason.
//!
//! ```sh
//! cargo run -p libtrust --features client --example registry_middleware -- https://trust.example:4443 reg.example
//! ```
#![allow(clippy::disallowed_methods, reason = "an example is a program")]

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::{StatusCode, Uri};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use libtrust::client::{
    Anonymous, Client, Collection, FileCache, HttpOptions, HttpTransport, Offline, Registry, TrustedImage,
};
use libtrust::names::{Gun, ImageDigest, ImageReference};

/// A revocation is noticed after this long.
const AGE: Duration = Duration::from_secs(30);

struct Gate {
    client: Client,
    registry: Registry,
    host: String,
    collections: Mutex<HashMap<Gun, (Instant, Arc<Collection>)>>,
    /// Platforms of indexes that went through.
    children: Mutex<HashSet<(Gun, ImageDigest)>>,
}

type Refusal = (StatusCode, String);

impl Gate {
    /// What is trusted in a collection, at most [`AGE`] old.
    async fn collection(&self, gun: &Gun) -> Result<Arc<Collection>, Refusal> {
        let known = self.collections.lock().unwrap_or_else(PoisonError::into_inner).get(gun).cloned();
        if let Some((_, collection)) = known.filter(|(since, _)| since.elapsed() < AGE) {
            return Ok(collection);
        }
        let updated = self.client.update(gun, Offline::Never).await;
        let collection = Arc::new(updated.map_err(|error| (StatusCode::FORBIDDEN, error.to_string()))?);
        let mut collections = self.collections.lock().unwrap_or_else(PoisonError::into_inner);
        collections.insert(gun.clone(), (Instant::now(), Arc::clone(&collection)));
        Ok(collection)
    }

    /// The digest that a reference may be pulled by, and who signed it.
    async fn judge(&self, image: &ImageReference) -> Result<(String, Option<TrustedImage>), Refusal> {
        let refuse = |error: &dyn std::error::Error| (StatusCode::FORBIDDEN, error.to_string());
        let rules = self.client.policy().rules(image.gun());
        let collection = self.collection(image.gun()).await?;
        let Some(digest) = image.digest() else {
            let trusted = collection.image(image.tag().unwrap_or("latest"), rules).map_err(|error| refuse(&error))?;
            self.remember_platforms(image, &trusted).await?;
            return Ok((trusted.digest_text(), Some(trusted)));
        };
        let child = (image.gun().clone(), digest.clone());
        if self.children.lock().unwrap_or_else(PoisonError::into_inner).contains(&child) {
            return Ok((digest.to_string(), None));
        }
        let bytes: Option<[u8; 32]> = hex::decode(digest.hex()).ok().and_then(|bytes| bytes.try_into().ok());
        let bytes = bytes.ok_or_else(|| (StatusCode::FORBIDDEN, format!("{digest}: only sha256 is signed")))?;
        let trusted = collection.images_of(&bytes, rules).map_err(|error| refuse(&error))?.into_iter().next();
        if let Some(trusted) = &trusted {
            self.remember_platforms(image, trusted).await?;
        }
        Ok((digest.to_string(), trusted))
    }

    /// An index that is trusted vouches for the manifests it names: their digests are part of what was signed.
    async fn remember_platforms(&self, image: &ImageReference, trusted: &TrustedImage) -> Result<(), Refusal> {
        let unavailable = |error: &dyn std::error::Error| (StatusCode::BAD_GATEWAY, error.to_string());
        let digest: ImageDigest = trusted.digest_text().parse().map_err(|error| unavailable(&error))?;
        let platforms = self.registry.platforms(&image.with_digest(digest)).await;
        let platforms = platforms.map_err(|error| unavailable(&error))?;
        let mut children = self.children.lock().unwrap_or_else(PoisonError::into_inner);
        children.extend(platforms.into_iter().map(|platform| (image.gun().clone(), platform.descriptor.digest)));
        Ok(())
    }
}

/// Lets manifests through that are trusted, and everything that is no manifest: blobs are named by manifests.
async fn gate(State(gate): State<Arc<Gate>>, mut request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let parts = path.strip_prefix("/v2/").and_then(|rest| rest.rsplit_once("/manifests/"));
    let Some((name, reference)) = parts else { return next.run(request).await };
    let separator = if reference.contains(':') { '@' } else { ':' };
    let Ok(image) = format!("{}/{name}{separator}{reference}", gate.host).parse::<ImageReference>() else {
        return (StatusCode::BAD_REQUEST, "not an image").into_response();
    };
    match gate.judge(&image).await {
        Err(refusal) => refusal.into_response(),
        Ok((digest, trusted)) => {
            let signers = trusted.iter().flat_map(|image| &image.signers).map(|signer| signer.name.as_str());
            println!("{image} goes through as {digest}, signed by {:?}", signers.collect::<Vec<_>>());
            match format!("/v2/{name}/manifests/{digest}").parse::<Uri>() {
                Ok(pinned) => *request.uri_mut() = pinned,
                Err(error) => return (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
            }
            next.run(request).await
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(server), Some(host)) = (arguments.next(), arguments.next()) else {
        return Err("usage: registry_middleware TRUST_SERVER REGISTRY_HOST".into());
    };
    let options = HttpOptions::default();
    let transport = HttpTransport::new(server.parse()?, &options, Arc::new(Anonymous))?;
    let client = Client::new(Arc::new(transport), Arc::new(FileCache::new("trust-of-the-gate")));
    let registry = Registry::new(&host, &options, Arc::new(Anonymous))?;
    let state = Arc::new(Gate { client, registry, host, collections: Mutex::default(), children: Mutex::default() });
    // Here your registry, or a proxy to it, answers what went through.
    let behind = axum::Router::new().route("/{*path}", any(|uri: Uri| async move { format!("would serve {uri}\n") }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:5005").await?;
    println!("listening on http://127.0.0.1:5005/v2/");
    Ok(axum::serve(listener, behind.layer(from_fn_with_state(state, gate))).await?)
}
