//! A web server that does all sorts of things.

use std::io::{self, ErrorKind};
use std::time::Duration;

use bytes::Bytes;
use futures_util::TryStreamExt as _;

use crate::client::http::HttpOptions;
use crate::client::http::testing::{TestServer, answer};
use crate::client::tuf::{HttpSource, MetadataName, Source, SourceError};
use crate::metadata::Version;
use crate::names::RoleName;

fn source(metadata: &str, targets: Option<&str>) -> HttpSource {
    let options = HttpOptions { idle_time: Duration::from_millis(500), ..HttpOptions::default() };
    let targets = targets.map(|url| url.parse().unwrap());
    HttpSource::new(metadata.parse().unwrap(), targets, &options).unwrap()
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn root(version: u64) -> MetadataName {
    MetadataName::versioned(RoleName::Root, Version::try_from(version).unwrap())
}

/// What reading root 1, at most five bytes long, from a server that answers so comes to.
fn read(given: Vec<u8>) -> Result<Option<Bytes>, SourceError> {
    let server = TestServer::start(move |_, out| out.write_all(&given));
    let source = source(&server.url(), None);
    wait(source.metadata(&root(1), 5))
}

#[test]
fn files_are_asked_for_by_their_encoded_names_over_one_connection() {
    let server = TestServer::start(|_, out| out.write_all(&answer(200, &[], "bytes")));
    let base = format!("{}/a%2Fb/", server.url());
    let source = source(&base, Some(&format!("{}/t", server.url())));
    wait(async {
        assert_eq!(source.metadata(&root(1), 5).await.unwrap().unwrap(), "bytes");
        let role = MetadataName::current("targets/a".parse().unwrap());
        assert_eq!(source.metadata(&role, 5).await.unwrap().unwrap(), "bytes");
        let pieces = source.artifact(&"x/y #".parse().unwrap(), Some("ab")).await.unwrap().unwrap();
        assert_eq!(pieces.try_collect::<Vec<Bytes>>().await.unwrap().concat(), b"bytes");
    });
    let asked: Vec<String> = server.seen().into_iter().map(|seen| seen.target).collect();
    assert_eq!(asked, ["/a%2Fb/1.root.json", "/a%2Fb/targets%2Fa.json", "/t/x/ab.y%20%23"]);
    assert_eq!(server.connections(), 1);
    assert_eq!(server.seen()[0].header("accept-encoding"), None);
}

#[test]
fn only_a_plain_no_means_absent() {
    assert_eq!(read(answer(404, &[], "x")), Ok(None));
    assert_eq!(read(answer(403, &[], "x")), Ok(None));
    for status in [204, 206, 301, 304, 401, 410, 429, 500, 503] {
        let read = read(answer(status, &[], ""));
        assert!(matches!(&read, Err(SourceError::Status { status: found, .. }) if *found == status), "{read:?}");
    }
}

#[test]
fn the_limit_counts_bytes_whatever_is_announced() {
    assert_eq!(read(answer(200, &[], "12345")).unwrap().unwrap(), "12345");
    assert!(matches!(read(answer(200, &[], "123456")), Err(SourceError::TooLarge { limit: 5, .. })));
    let unannounced = |body: &str| read(format!("HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n{body}").into());
    assert_eq!(unannounced("3\r\n123\r\n2\r\n45\r\n0\r\n\r\n").unwrap().unwrap(), "12345");
    assert!(matches!(unannounced("3\r\n123\r\n3\r\n456\r\n0\r\n\r\n"), Err(SourceError::TooLarge { .. })));
}

#[test]
fn what_breaks_off_or_falls_silent_is_no_absence() {
    let cut = TestServer::start(|_, out| {
        out.write_all(b"HTTP/1.1 200 X\r\nContent-Length: 5\r\n\r\n123")?;
        Err(io::Error::from(ErrorKind::BrokenPipe))
    });
    let read = wait(source(&cut.url(), None).metadata(&root(1), 5));
    assert!(matches!(read, Err(SourceError::Unreachable { .. })), "{read:?}");

    let silent = TestServer::start(|_, out| {
        out.write_all(b"HTTP/1.1 200 X\r\nContent-Length: 5\r\n\r\n123")?;
        out.flush()?;
        std::thread::sleep(Duration::from_secs(2));
        Ok(())
    });
    let read = wait(source(&silent.url(), None).metadata(&root(1), 5));
    assert!(matches!(read, Err(SourceError::Silent { .. })), "{read:?}");

    let read = wait(source("http://127.0.0.1:1/", None).metadata(&root(1), 5));
    assert!(matches!(read, Err(SourceError::Unreachable { .. })), "{read:?}");
}

#[test]
fn redirects_are_followed_a_few_times() {
    let server = TestServer::start(|seen, out| match seen.target.as_str() {
        "/m/1.root.json" => out.write_all(&answer(302, &["Location: /elsewhere"], "")),
        "/elsewhere" => out.write_all(&answer(200, &[], "root")),
        _ => out.write_all(&answer(302, &["Location: /again"], "")),
    });
    let source = source(&format!("{}/m", server.url()), None);
    wait(async {
        assert_eq!(source.metadata(&root(1), 5).await.unwrap().unwrap(), "root");
        let endless = source.metadata(&root(2), 5).await;
        assert!(matches!(endless, Err(SourceError::Status { status: 302, .. })), "{endless:?}");
    });
}

#[test]
fn without_an_address_of_targets_there_are_none() {
    let artifact = wait(source("http://127.0.0.1:1/", None).artifact(&"a".parse().unwrap(), None));
    assert!(matches!(artifact.map(|_| ()), Err(SourceError::NoTargets { .. })));
}
