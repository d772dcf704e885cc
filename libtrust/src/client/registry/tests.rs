use std::sync::Arc;

use super::*;
use crate::client::credentials::Anonymous;
use crate::client::http::testing::{Seen, TestServer, answer};

const KIND: &str = "application/vnd.oci.image.manifest.v1+json";
const MANIFEST: &str = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json"}"#;

fn registry(server: &TestServer) -> Registry {
    Registry::new(&server.host(), &HttpOptions::default(), Arc::new(Anonymous)).unwrap()
}

fn image(server: &TestServer, rest: &str) -> ImageReference {
    format!("{}/team/app{rest}", server.host()).parse().unwrap()
}

/// The answer of a registry that behaves; without a body to `HEAD`.
fn proper(seen: &Seen, digest: &ImageDigest) -> Vec<u8> {
    let headers = [format!("Content-Type: {KIND}"), format!("Docker-Content-Digest: {digest}")];
    let whole = answer(200, &[&headers[0], &headers[1]], MANIFEST);
    let length = if seen.method == "HEAD" { whole.len() - MANIFEST.len() } else { whole.len() };
    whole[..length].to_vec()
}

#[tokio::test]
async fn a_tag_is_resolved_without_reading_the_manifest() {
    let digest = ImageDigest::of(MANIFEST.as_bytes());
    let served = digest.clone();
    let server = TestServer::start(move |seen, out| out.write_all(&proper(seen, &served)));
    let registry = registry(&server);
    let expected = Descriptor { digest, size: MANIFEST.len() as u64, media_type: KIND.to_owned() };
    assert_eq!(registry.resolve(&image(&server, ":v1")).await.unwrap(), expected);
    assert_eq!(registry.resolve(&image(&server, "")).await.unwrap(), expected);
    let seen: Vec<_> = server.seen().into_iter().filter(|seen| seen.method == "HEAD").collect();
    let targets: Vec<_> = seen.iter().map(|seen| seen.target.as_str()).collect();
    assert_eq!(targets, ["/v2/team/app/manifests/v1", "/v2/team/app/manifests/latest"]);
    assert!(seen[0].header("accept").unwrap().contains(KIND));
}

#[tokio::test]
async fn a_registry_on_this_machine_that_speaks_no_tls_is_spoken_to_without() {
    // Go's servers answer a TLS greeting with a plain 400, others close the connection.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut begin = [0; 1024];
            let length = std::io::Read::read(&mut stream, &mut begin).unwrap();
            let reply = if begin[..length].starts_with(b"HEAD ") { answer(404, &[], "") } else { answer(400, &[], "") };
            std::io::Write::write_all(&mut stream, &reply).unwrap();
        }
    });
    let registry = Registry::new(&host, &HttpOptions::default(), Arc::new(Anonymous)).unwrap();
    let error = registry.resolve(&format!("{host}/a").parse().unwrap()).await.unwrap_err();
    assert!(matches!(error, RegistryError::NotFound { .. }), "{error}");
}

#[tokio::test]
async fn a_registry_that_says_too_little_is_asked_for_the_bytes() {
    let server = TestServer::start(|seen, out| {
        let headers: &[&str] = if seen.method == "HEAD" { &[] } else { &["Content-Type: application/json"] };
        out.write_all(&answer(200, headers, if seen.method == "HEAD" { "" } else { MANIFEST }))
    });
    let found = registry(&server).resolve(&image(&server, ":v1")).await.unwrap();
    assert_eq!(found.digest, ImageDigest::of(MANIFEST.as_bytes()));
    assert_eq!((found.size, found.media_type.as_str()), (MANIFEST.len() as u64, KIND));
}

#[tokio::test]
async fn bytes_that_have_another_digest_are_refused() {
    let other = ImageDigest::of(b"other");
    let served = other.clone();
    let server = TestServer::start(move |seen, out| out.write_all(&proper(seen, &served)));
    let registry = registry(&server);
    // The registry's own claim is wrong.
    let claimed = registry.manifest(&image(&server, ":v1")).await.unwrap_err();
    assert!(matches!(claimed, RegistryError::OtherDigest { ref expected, .. } if *expected == other), "{claimed}");
    // What was asked for is not what came, or what is announced.
    let asked = image(&server, &format!("@{}", ImageDigest::of(b"asked")));
    assert!(matches!(registry.manifest(&asked).await, Err(RegistryError::OtherDigest { .. })));
    assert!(matches!(registry.resolve(&asked).await, Err(RegistryError::OtherDigest { .. })));
}

#[tokio::test]
async fn a_manifest_that_never_ends_is_refused() {
    let server = TestServer::start(|_, out| {
        out.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
        loop {
            out.write_all(b"10000\r\n")?;
            out.write_all(&[b'x'; 0x10000])?;
            out.write_all(b"\r\n")?;
        }
    });
    let error = registry(&server).manifest(&image(&server, ":v1")).await.unwrap_err();
    assert!(matches!(error, RegistryError::TooLarge { limit: 0x40_0000, .. }), "{error}");
}

#[tokio::test]
async fn refusals_are_told_apart() {
    let server = TestServer::start(|seen, out| {
        let status = seen.target.rsplit('/').next().and_then(|tag| tag.strip_prefix('s')?.parse().ok()).unwrap_or(400);
        out.write_all(&answer(status, &[], ""))
    });
    let registry = registry(&server);
    let ask = async |tag: &str| registry.resolve(&image(&server, tag)).await.unwrap_err();
    assert!(matches!(ask(":s404").await, RegistryError::NotFound { .. }));
    assert!(matches!(ask(":s401").await, RegistryError::Unauthorized { .. }));
    assert!(matches!(ask(":s503").await, RegistryError::Refused { status: 503, .. }));
    let other: ImageReference = "alpine".parse().unwrap();
    assert!(matches!(registry.resolve(&other).await, Err(RegistryError::OtherRegistry { .. })));
}

#[test]
fn only_registries_on_this_machine_may_be_without_tls() {
    let open = |host: &str| Registry::new(host, &HttpOptions::default(), Arc::new(Anonymous)).unwrap();
    assert!(open("localhost:5000").plain.is_some() && open("127.9.9.9").plain.is_some());
    assert!(open("reg.example:5000").plain.is_none());
    let hub = open("docker.io");
    assert_eq!(hub.client.server().host(), "registry-1.docker.io");
    assert!(Registry::new("no host", &HttpOptions::default(), Arc::new(Anonymous)).is_err());
}
