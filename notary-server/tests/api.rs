//! What a client notices of the HTTP API, above all where Notary v1 is weak.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod support;

use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use libtrust::keys::KeyAlgorithm;
use libtrust::names::RoleName;
use libtrust::testing::{Key, Publisher, version};
use notary_server::routes::RequestLimits;
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};
use support::{GUN, Server, Setup, multipart, post_body, upload};

const OTHER: &str = "registry.example/team/app2";

fn sha256(bytes: &[u8]) -> String {
    hex::encode(digest(&SHA256, bytes))
}

async fn published(server: &Server, gun: &str) -> Publisher {
    let mut publisher = server.server_held(gun).await;
    publisher.tag(3, 1);
    assert_eq!(server.publish_server_held(&publisher).await.status, StatusCode::OK);
    publisher
}

#[tokio::test]
async fn a_file_is_found_by_role_checksum_and_version() {
    let server = Server::new();
    published(&server, GUN).await;
    for role in ["root", "targets", "snapshot", "timestamp"] {
        let bytes = server.served(GUN, &format!("{role}.json")).await;
        assert_eq!(server.served(GUN, &format!("{role}.{}.json", sha256(&bytes))).await, bytes);
        assert_eq!(server.served(GUN, &format!("{role}.{}.json", sha256(&bytes).to_uppercase())).await, bytes);
        assert_eq!(server.served(GUN, &format!("1.{role}.json")).await, bytes);
        assert_eq!(server.served(GUN, &format!("001.{role}.json")).await, bytes);
    }
}

#[tokio::test]
async fn a_checksum_never_reaches_into_another_collection_or_role() {
    let server = Server::new();
    published(&server, GUN).await;
    published(&server, OTHER).await;
    let root = server.served(GUN, "root.json").await;
    let sum = sha256(&root);
    // Read once, so that it is in memory.
    server.served(GUN, &format!("root.{sum}.json")).await;
    for (gun, role) in [(OTHER, "root"), (GUN, "targets"), ("registry.example/team", "root")] {
        let answer = server.file(gun, &format!("{role}.{sum}.json")).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (StatusCode::NOT_FOUND, "METADATA_NOT_FOUND"),
            "{gun} {role}"
        );
    }
}

#[tokio::test]
async fn a_deleted_collection_is_gone_by_every_name_and_its_siblings_stay() {
    let server = Server::new();
    published(&server, GUN).await;
    published(&server, OTHER).await;
    let root = server.served(GUN, "root.json").await;
    let by_sum = format!("root.{}.json", sha256(&root));
    server.served(GUN, &by_sum).await;
    server.served(GUN, "1.root.json").await;
    let answer = server.delete(GUN).await;
    assert_eq!((answer.status, answer.body.len()), (StatusCode::OK, 0));
    for name in ["root.json", "timestamp.json", "1.root.json", &by_sum] {
        assert_eq!(server.file(GUN, name).await.status, StatusCode::NOT_FOUND, "{name}");
    }
    server.verify(OTHER).await;
    assert_eq!(server.delete(GUN).await.status, StatusCode::OK);
    let again = published(&server, GUN).await;
    assert_eq!(server.served(GUN, "1.root.json").await.len(), again.root_file().len());
    server.verify(GUN).await;
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let server = Server::new();
    published(&server, GUN).await;
    for name in
        ["targets/nobody.json", "0.root.json", "9.root.json", "99999999999999999999.root.json", "targets/A.json"]
    {
        let answer = server.file(GUN, name).await;
        assert_eq!((answer.status, answer.code().as_str()), (StatusCode::NOT_FOUND, "METADATA_NOT_FOUND"), "{name}");
    }
    let sum = "ab".repeat(64);
    assert_eq!(server.file(GUN, &format!("root.{sum}.json")).await.status, StatusCode::NOT_FOUND);
    let unknown = server.get("/v2/other").await;
    assert_eq!((unknown.status, unknown.error().get("detail")), (StatusCode::NOT_FOUND, None));
    let patch = server.request(Method::PATCH, "/v2/").await;
    assert_eq!((patch.status, patch.body.len()), (StatusCode::METHOD_NOT_ALLOWED, 0));
}

#[tokio::test]
async fn clients_that_ask_again_are_told_nothing_changed() {
    let server = Server::new();
    published(&server, GUN).await;
    let first = server.file(GUN, "timestamp.json").await;
    let etag = first.headers["etag"].clone();
    assert_eq!(etag.to_str().unwrap(), format!("\"{}\"", sha256(&first.body)));
    let again = |name: &str| {
        let uri = format!("/v2/{GUN}/_trust/tuf/{name}");
        Request::builder().uri(uri).header("if-none-match", etag.clone()).body(Body::empty()).unwrap()
    };
    let unchanged = server.send(again("timestamp.json")).await;
    assert_eq!((unchanged.status, unchanged.body.len()), (StatusCode::NOT_MODIFIED, 0));
    assert_eq!(unchanged.headers["etag"], etag);
    assert_eq!(server.send(again("root.json")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn headers_say_what_the_body_is_and_how_long_it_lasts() {
    let server = Server::new();
    published(&server, GUN).await;
    let current = server.file(GUN, "root.json").await;
    assert_eq!(current.headers["cache-control"], "public, max-age=300, s-maxage=300, must-revalidate");
    assert_eq!(current.headers["content-type"], "application/json");
    assert_eq!(current.headers["last-modified"], "Fri, 15 Jan 2027 08:00:00 GMT");
    let fixed = server.file(GUN, "1.root.json").await;
    assert_eq!(fixed.headers["cache-control"], "public, max-age=2592000, s-maxage=2592000");
    let head = server.request(Method::HEAD, &format!("/v2/{GUN}/_trust/tuf/root.json")).await;
    assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
    assert_eq!(head.headers["content-length"], current.body.len().to_string().as_str());
    let missing = server.file(GUN, "9.root.json").await;
    assert!(!missing.headers.contains_key("cache-control"));
    assert_eq!(missing.headers["content-type"], "application/json; charset=utf-8");
}

#[tokio::test]
async fn keys_are_the_same_until_used_and_new_after_a_rotation() {
    let server = Server::new();
    let first = server.key(GUN, "timestamp").await;
    assert_eq!(server.key(GUN, "timestamp").await, first);
    let mut publisher = published(&server, GUN).await;
    assert_eq!(server.key(GUN, "timestamp").await, first);
    let path = format!("/v2/{GUN}/_trust/tuf/timestamp.key");
    let rotated = support::public_key(&server.request(Method::POST, &path).await.body);
    assert_ne!(rotated, first);
    assert_eq!(support::public_key(&server.request(Method::POST, &path).await.body), rotated);
    publisher.root.version = version(2);
    publisher.rotate(RoleName::Timestamp, &rotated);
    assert_eq!(server.post(GUN, &[("root", &publisher.root_file())]).await.status, StatusCode::OK);
    assert_eq!(server.key(GUN, "timestamp").await, rotated);
    server.verify(GUN).await;
    let body = server.file(GUN, "snapshot.key").await.body;
    assert!(
        body.starts_with(br#"{"keytype":"ecdsa","keyval":{"public":""#) && body.ends_with(br#"","private":null}}"#)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn however_many_ask_for_a_first_key_they_get_one() {
    let server = Arc::new(Server::new());
    let asked: Vec<_> = (0..32)
        .map(|_| {
            let server = server.clone();
            tokio::spawn(async move { server.key(GUN, "snapshot").await })
        })
        .collect();
    let first = server.key(GUN, "snapshot").await;
    for key in asked {
        assert_eq!(key.await.unwrap(), first);
    }
}

#[tokio::test]
async fn bodies_that_are_no_upload_are_refused_and_nothing_crashes() {
    let server = Server::new();
    let publisher = published(&server, GUN).await;
    let form = "multipart/form-data; boundary=boundary";
    let whole = multipart(&[("targets", &publisher.targets_file())]);
    let truncated = Bytes::from(whole[..whole.len() / 2].to_vec());
    for (content_type, body) in [
        (form, Bytes::new()),
        (form, truncated),
        (form, Bytes::from_static(b"--boundary")),
        ("text/plain", Bytes::from_static(b"x")),
        ("multipart/form-data", Bytes::from_static(b"x")),
    ] {
        let answer = server.send(post_body(GUN, content_type, body)).await;
        assert_eq!((answer.status, answer.code().as_str()), (StatusCode::BAD_REQUEST, "MALFORMED_UPLOAD"));
    }
    let mixed = server.send(post_body(GUN, "multipart/mixed; boundary=boundary", multipart(&[]))).await;
    assert_eq!(mixed.status, StatusCode::OK);
    let nameless = b"--boundary\r\nContent-Disposition: form-data; name=\"files\"\r\n\r\n{}\r\n--boundary--\r\n";
    assert_eq!(server.send(post_body(GUN, form, &nameless[..])).await.code(), "NO_FILENAME");
    let strange = server.post(GUN, &[("targets/../root", b"{}")]).await;
    assert_eq!((strange.code().as_str(), &strange.error()["detail"]), ("INVALID_ROLE", &json!("targets/../root")));
    assert_eq!(server.version(GUN, "timestamp").await, 1);
}

#[tokio::test]
async fn an_upload_may_arrive_in_any_pieces() {
    let server = Server::new();
    let mut publisher = published(&server, GUN).await;
    for (number, piece) in (2..).zip([1, 7, 100, 4096]) {
        publisher.targets.version = version(number);
        let whole = multipart(&[("targets", &publisher.targets_file())]);
        let pieces: Vec<Bytes> = whole.chunks(piece).map(Bytes::copy_from_slice).collect();
        let (send, receive) = tokio::sync::mpsc::channel::<Bytes>(1);
        let body = Body::new(Trickle(receive));
        let sending = tokio::spawn(async move {
            for piece in pieces {
                tokio::task::yield_now().await;
                send.send(piece).await.unwrap();
            }
        });
        let answer = server.send(post_body(GUN, "multipart/form-data; boundary=boundary", body)).await;
        sending.await.unwrap();
        assert_eq!(answer.status, StatusCode::OK, "{}", String::from_utf8_lossy(&answer.body));
    }
}

/// A body of what arrives on a channel.
struct Trickle(tokio::sync::mpsc::Receiver<Bytes>);

impl hyper::body::Body for Trickle {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, Self::Error>>> {
        self.0.poll_recv(context).map(|piece| piece.map(|bytes| Ok(hyper::body::Frame::data(bytes))))
    }
}

#[tokio::test]
async fn parts_that_are_not_metadata_are_refused_with_the_place() {
    let server = Server::new();
    published(&server, GUN).await;
    for part in
        ["", "{}", "null", "[]", "{\"signatures\":[]}", r#"{"signed":{"_type":1}}"#, "{\"signed\":null}", "\u{feff}{}"]
    {
        for role in ["root", "targets", "snapshot", "timestamp", "targets/a"] {
            let answer = server.post(GUN, &[(role, part.as_bytes())]).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{role} {part}");
            if role != "targets/a" {
                assert_eq!(answer.code(), "MALFORMED_JSON", "{role} {part}");
                assert!(answer.error()["detail"].as_str().unwrap().contains(role), "{role} {part}");
            }
        }
    }
    assert_eq!(server.version(GUN, "timestamp").await, 1);
}

#[tokio::test]
async fn uploads_are_bounded_in_bytes_parts_and_depth() {
    let limits = RequestLimits { upload_bytes: 64 << 10, upload_parts: 5, changefeed_records: 10 };
    let server = Server::with(Setup { limits, ..Setup::default() });
    let big = vec![b' '; 65 << 10];
    let declared = server.post(GUN, &[("targets", &big)]).await;
    assert_eq!((declared.status, declared.code().as_str()), (StatusCode::PAYLOAD_TOO_LARGE, "TOO_LARGE"));
    let mut undeclared = upload(GUN, &[("targets", &big)]);
    undeclared.headers_mut().remove("content-length");
    assert_eq!(server.send(undeclared).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    let names: Vec<String> = (0..6).map(|n| format!("targets/{n}")).collect();
    let parts: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b"{}"[..])).collect();
    assert_eq!(server.post(GUN, &parts).await.code(), "TOO_LARGE");
    let deep = format!("{{\"signed\":{}{}}}", "[".repeat(5000), "]".repeat(5000));
    let answer = server.post(GUN, &[("root", deep.as_bytes())]).await;
    assert_eq!(answer.code(), "MALFORMED_JSON");
    assert!(answer.error()["detail"].as_str().unwrap().contains("deeper"), "{}", answer.error());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_announce_much_and_send_little_stop_nobody() {
    let limits = RequestLimits { upload_bytes: 1 << 20, upload_parts: 5, changefeed_records: 10 };
    let server = Arc::new(Server::with(Setup { limits, budget: 1 << 20, ..Setup::default() }));
    let mut publisher = published(&server, GUN).await;
    let mut idle = Vec::new();
    for _ in 0..8 {
        let (send, receive) = tokio::sync::mpsc::channel::<Bytes>(1);
        let mut request = post_body(GUN, "multipart/form-data; boundary=boundary", Body::new(Trickle(receive)));
        request.headers_mut().insert("content-length", (1 << 20).into());
        let server = server.clone();
        idle.push((tokio::spawn(async move { server.send(request).await }), send));
    }
    for (_, send) in &idle {
        send.send(Bytes::from_static(b"--")).await.unwrap();
    }
    publisher.targets.version = version(2);
    assert_eq!(server.post(GUN, &[("targets", &publisher.targets_file())]).await.status, StatusCode::OK);
    // One that really sends as much as there is room for leaves none; who comes then is told to try again.
    idle[0].1.send(vec![b'-'; (1 << 20) - 40_960].into()).await.unwrap();
    idle[0].1.send(Bytes::from_static(b"-")).await.unwrap();
    let full = server.post(GUN, &[("targets", &vec![b' '; 50_000])]).await;
    assert_eq!((full.status, full.code().as_str()), (StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE"));
    assert!(full.headers.contains_key("retry-after"));
    for (sending, send) in idle {
        drop(send);
        assert_eq!(sending.await.unwrap().code(), "MALFORMED_UPLOAD");
    }
    publisher.targets.version = version(3);
    assert_eq!(server.post(GUN, &[("targets", &publisher.targets_file())]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn tighter_limits_do_not_hide_what_is_stored() {
    let storage: Arc<dyn notary_server::storage::Storage> = Arc::new(notary_server::storage::memory::Memory::new());
    let server = Server::with(Setup { storage: storage.clone(), ..Setup::default() });
    published(&server, GUN).await;
    let file_limits = libtrust::limits::Limits { file_bytes: 100, json_depth: 2, ..Default::default() };
    let server = Server::with(Setup { storage, file_limits, ..Setup::default() });
    server.verify(GUN).await;
}

#[tokio::test]
async fn error_bodies_fit_into_what_clients_read() {
    let server = Server::new();
    let publisher = published(&server, GUN).await;
    let mut targets = publisher.targets.clone();
    targets.version = version(2);
    let strangers: Vec<Key> = (0..40).map(|_| Key::new(KeyAlgorithm::Ed25519)).collect();
    let file = libtrust::testing::file(&targets, &strangers.iter().collect::<Vec<_>>());
    let answer = server.post(GUN, &[("targets", &file)]).await;
    assert!(answer.body.len() <= 1024 && answer.refusal().starts_with("ErrBadTargets"), "{}", answer.body.len());
}

#[tokio::test]
async fn the_change_feed_pages_forwards_backwards_and_by_name() {
    let server = Server::new();
    let mut publisher = published(&server, GUN).await;
    published(&server, OTHER).await;
    for number in 2..5 {
        publisher.targets.version = version(number);
        server.post(GUN, &[("targets", &publisher.targets_file())]).await;
    }
    server.delete(OTHER).await;
    let page = async |query: &str| -> Vec<(String, String, u64)> {
        let body: Value = serde_json::from_slice(&server.get(query).await.body).unwrap();
        assert_eq!(body["count"], body["records"].as_array().unwrap().len());
        let row = |r: &Value| {
            let text = |name: &str| r[name].as_str().unwrap().to_owned();
            (text("GUN"), text("Category"), r["Version"].as_u64().unwrap())
        };
        body["records"].as_array().unwrap().iter().map(row).collect()
    };
    let all = page("/v2/_trust/changefeed?records=100").await;
    assert_eq!(all.len(), 6);
    assert_eq!(all[0], (GUN.to_owned(), "update".to_owned(), 1));
    assert_eq!(all[5], (OTHER.to_owned(), "deletion".to_owned(), 0));
    assert_eq!(page("/v2/_trust/changefeed?records=-2").await, all[4..]);
    assert_eq!(page("/v2/_trust/changefeed?records=2&change_id=1").await, all[1..3]);
    assert_eq!(page("/v2/_trust/changefeed?records=-2&change_id=4").await, all[1..3]);
    assert_eq!(page(&format!("/v2/{GUN}/_trust/changefeed?records=0")).await.len(), 4);
    assert!(page("/v2/nobody/_trust/changefeed?records=-5").await.is_empty());
    for query in ["", "?records=x", "?records=1&change_id=x"] {
        assert_eq!(server.get(&format!("/v2/_trust/changefeed{query}")).await.code(), "INVALID_PARAMETERS", "{query}");
    }
    let body: Value = serde_json::from_slice(&server.get("/v2/_trust/changefeed?records=1").await.body).unwrap();
    let timestamp = server.served(GUN, "1.timestamp.json").await;
    assert_eq!(body["records"][0]["SHA256"], sha256(&timestamp));
    assert_eq!(body["records"][0]["ID"], "1");
}

#[tokio::test]
async fn pages_of_the_change_feed_are_bounded() {
    let limits = RequestLimits { upload_bytes: 1 << 20, upload_parts: 5, changefeed_records: 2 };
    let server = Server::with(Setup { limits, ..Setup::default() });
    for n in 0..4 {
        published(&server, &format!("registry.example/{n}")).await;
    }
    for records in ["2147483647", "-2147483648"] {
        let body = server.get(&format!("/v2/_trust/changefeed?records={records}")).await.body;
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["count"], 2);
    }
}

#[tokio::test]
async fn names_outside_the_prefixes_do_not_exist() {
    let server = Server::with(Setup { prefixes: vec!["docker.io/".to_owned()], ..Setup::default() });
    let answer = server.post("ex.test/a", &[]).await;
    assert_eq!((answer.status, answer.code().as_str()), (StatusCode::BAD_REQUEST, "INVALID_GUN"));
    assert_eq!(answer.error()["detail"], "Require GUNs with prefix: [docker.io/]");
    let answer = server.file("ex.test/a", "timestamp.key").await;
    assert_eq!((answer.status, answer.error().get("detail")), (StatusCode::NOT_FOUND, None));
    assert_eq!(server.file("docker.io/library/a", "timestamp.key").await.status, StatusCode::OK);
}

#[tokio::test]
async fn unclean_paths_are_redirected() {
    let server = Server::new();
    let answer = server.get("/v2//a/../b/_trust/tuf/root.json?x=1").await;
    assert_eq!((answer.status, answer.body.len()), (StatusCode::MOVED_PERMANENTLY, 0));
    assert_eq!(answer.headers["location"], "/v2/b/_trust/tuf/root.json?x=1");
    let ping = server.get("/v2/").await;
    assert_eq!((ping.status, &ping.body[..]), (StatusCode::OK, &b"{}"[..]));
}

#[tokio::test]
async fn an_image_name_that_cannot_be_stored_is_refused() {
    let server = Server::new();
    // Longer than Notary's column, and longer than this server is configured for.
    for long in ["a".repeat(256), "a".repeat(101)] {
        let answer = server.post(&long, &[]).await;
        assert_eq!((answer.status, answer.code().as_str()), (StatusCode::BAD_REQUEST, "INVALID_GUN"));
        assert_eq!(server.file(&long, "timestamp.key").await.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_beside_publishers_always_see_a_whole_collection() {
    let server = Arc::new(Server::new());
    let mut publisher = published(&server, GUN).await;
    let readers: Vec<_> = (0..8)
        .map(|_| {
            let server = server.clone();
            tokio::spawn(async move {
                for _ in 0..50 {
                    // By the names the files give each other, as clients read.
                    server.verify(GUN).await;
                }
            })
        })
        .collect();
    for number in 2..60 {
        publisher.targets.version = version(number);
        publisher.tag(2, number);
        assert_eq!(server.post(GUN, &[("targets", &publisher.targets_file())]).await.status, StatusCode::OK);
        assert_eq!(server.version(GUN, "timestamp").await, number, "an acknowledged publication is seen at once");
    }
    for reader in readers {
        reader.await.unwrap();
    }
}
