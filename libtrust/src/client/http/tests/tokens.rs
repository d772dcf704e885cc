use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use base64::prelude::{BASE64_STANDARD, Engine as _};

use super::*;
use crate::client::credentials::{Credential, CredentialsError, CredentialsRequest, Secret};

fn alice() -> Credential {
    Credential::Password { user: "alice".to_owned(), password: Secret::from("pass word".to_owned()) }
}

fn basic() -> String {
    format!("Basic {}", BASE64_STANDARD.encode("alice:pass word"))
}

/// A trust server and token service in one: `anonymous` says what the service does without credentials, `lets_in` which
/// tokens the server takes for reading.
fn world(anonymous: u16, lets_in: &'static [&'static str]) -> TestServer {
    let count = AtomicUsize::new(0);
    TestServer::start(move |seen, out| {
        let host = seen.header("host").unwrap();
        if seen.target.starts_with("/token") {
            let kind = match seen.header("authorization") {
                None if seen.method == "POST" => "refreshed",
                None if anonymous != 200 => {
                    return out.write_all(&answer(anonymous, &[], r#"{"details":"who are you"}"#));
                }
                None => "anonymous",
                Some(shown) if shown == basic() => "alice",
                Some(_) => return out.write_all(&answer(401, &[], r#"{"details":"wrong password"}"#)),
            };
            let number = count.fetch_add(1, Ordering::SeqCst);
            let body = format!(r#"{{"token":"unused","access_token":"{kind}-{number}","expires_in":300}}"#);
            return out.write_all(&answer(200, &[], body));
        }
        let shown = seen.header("authorization").and_then(|shown| shown.strip_prefix("Bearer ")).unwrap_or_default();
        if lets_in.iter().any(|kind| shown.starts_with(kind)) {
            return out.write_all(&answer(200, &[], "the file"));
        }
        let challenge = format!(
            r#"WWW-Authenticate: Bearer realm="http://{host}/token?x=1",service="trust service",scope="repository:other:push""#
        );
        out.write_all(&answer(401, &[&challenge], r#"{"errors":[{"code":"UNAUTHORIZED","message":"who?"}]}"#))
    })
}

fn story(server: &TestServer) -> Vec<String> {
    let line = |seen: Seen| {
        let path = seen.target.split('?').next().unwrap().rsplit('/').next().unwrap().to_owned();
        let shown = seen.header("authorization").unwrap_or("-").replace(&basic(), "password");
        format!("{} {path} {shown}", seen.method)
    };
    server.seen().into_iter().map(line).collect()
}

#[tokio::test]
async fn an_anonymous_token_does_for_public_reading_and_is_kept() {
    let server = world(200, &["anonymous"]);
    let transport = with(&server, alice());
    assert_eq!(fetch(&transport, 100).await.unwrap(), b"the file");
    assert_eq!(fetch(&transport, 100).await.unwrap(), b"the file");
    let expected =
        ["GET root.json -", "GET token -", "GET root.json Bearer anonymous-0", "GET root.json Bearer anonymous-0"];
    assert_eq!(story(&server), expected);
    let asked = &server.seen()[1].target;
    assert_eq!(asked, "/token?x=1&service=trust+service&scope=repository%3Areg.example%2Fteam%2Fapp%3Apull");
}

#[tokio::test]
async fn credentials_follow_when_the_server_wants_more_than_an_anonymous_token() {
    let server = world(200, &["alice"]);
    let transport = with(&server, alice());
    assert_eq!(fetch(&transport, 100).await.unwrap(), b"the file");
    let other = transport.fetch(&"reg.example/b".parse().unwrap(), &RemoteFile::Current(RoleName::Root), 100).await;
    assert_eq!(other.unwrap(), b"the file");
    let expected = [
        "GET root.json -",
        "GET token -",
        "GET root.json Bearer anonymous-0",
        "GET token password",
        "GET root.json Bearer alice-1",
        // What was learnt holds for the next collection.
        "GET token password",
        "GET root.json Bearer alice-2",
    ];
    assert_eq!(story(&server), expected);
}

#[tokio::test]
async fn credentials_follow_when_the_service_gives_no_anonymous_tokens() {
    let server = world(401, &["alice"]);
    assert_eq!(fetch(&with(&server, alice()), 100).await.unwrap(), b"the file");
    assert_eq!(
        story(&server),
        ["GET root.json -", "GET token -", "GET token password", "GET root.json Bearer alice-0"]
    );
    assert!(server.seen()[2].target.ends_with("&account=alice"));
}

#[tokio::test]
async fn nobody_without_credentials_is_told_to_log_in() {
    for server in [world(401, &["alice"]), world(200, &["alice"])] {
        let error = fetch(&transport(&server), 100).await.unwrap_err();
        assert!(matches!(error, TransportError::Unauthorized { .. }), "{error}");
        assert!(error.to_string().contains("log in to reg.example"), "{error}");
    }
}

#[tokio::test]
async fn wrong_and_insufficient_credentials_are_told_apart_and_not_shown() {
    let wrong = Credential::Password { user: "alice".to_owned(), password: Secret::from("hunter2".to_owned()) };
    let server = world(401, &["alice"]);
    let error = fetch(&with(&server, wrong), 100).await.unwrap_err().to_string();
    assert!(error.contains("wrong password") && !error.contains("hunter2"), "{error}");
    let server = world(401, &["root"]);
    let error = fetch(&with(&server, alice()), 100).await.unwrap_err().to_string();
    assert!(error.contains("your login at reg.example does not allow it"), "{error}");
}

#[tokio::test]
async fn publishing_asks_for_its_token_first_and_sends_the_files_once() {
    let server = world(200, &["alice"]);
    let files = [(RoleName::Root, b"{}".to_vec())];
    with(&server, alice()).publish(&gun(), &files).await.unwrap();
    assert_eq!(story(&server), ["GET  -", "GET token password", "POST  Bearer alice-0"]);
    assert!(server.seen()[1].target.contains("%3Apush%2Cpull&account"));
    let server = world(200, &["alice"]);
    with(&server, alice()).delete(&gun()).await.unwrap();
    assert!(server.seen()[1].target.contains("%3A*&account"), "{:?}", server.seen()[1]);
}

#[tokio::test]
async fn an_identity_token_is_refreshed_in_a_form() {
    let server = world(401, &["refreshed"]);
    let token = Credential::IdentityToken(Secret::from("a b&c".to_owned()));
    assert_eq!(fetch(&with(&server, token), 100).await.unwrap(), b"the file");
    let form = String::from_utf8(server.seen()[2].body.clone()).unwrap();
    assert_eq!(
        form,
        "service=trust+service&scope=repository%3Areg.example%2Fteam%2Fapp%3Apull&grant_type=refresh_token\
         &client_id=trust&refresh_token=a+b%26c"
    );
}

#[tokio::test]
async fn a_token_that_has_run_out_is_replaced() {
    let last = Mutex::new(String::new());
    let count = AtomicUsize::new(0);
    // Every token does for two requests.
    let uses = AtomicUsize::new(0);
    let server = TestServer::start(move |seen, out| {
        if seen.target.starts_with("/token") {
            uses.store(0, Ordering::SeqCst);
            *last.lock().unwrap() = format!("t{}", count.fetch_add(1, Ordering::SeqCst));
            return out.write_all(&answer(200, &[], format!(r#"{{"token":"{}"}}"#, last.lock().unwrap())));
        }
        let good = seen.header("authorization") == Some(&format!("Bearer {}", last.lock().unwrap()));
        if good && uses.fetch_add(1, Ordering::SeqCst) < 2 {
            return out.write_all(&answer(200, &[], "the file"));
        }
        let challenge = format!(r#"WWW-Authenticate: Bearer realm="http://{}/token""#, seen.header("host").unwrap());
        out.write_all(&answer(401, &[&challenge], ""))
    });
    let transport = transport(&server);
    for _ in 0..4 {
        assert_eq!(fetch(&transport, 100).await.unwrap(), b"the file");
    }
    assert_eq!(server.seen().iter().filter(|seen| seen.target.starts_with("/token")).count(), 2);
}

#[tokio::test]
async fn many_requests_at_once_ask_for_one_token() {
    let server = world(200, &["anonymous"]);
    let transport = transport(&server);
    let all = futures_util::future::join_all((0..8).map(|_| fetch(&transport, 100))).await;
    assert!(all.iter().all(Result::is_ok), "{all:?}");
    assert_eq!(server.seen().iter().filter(|seen| seen.target.starts_with("/token")).count(), 1);
}

#[tokio::test]
async fn a_password_is_shown_to_a_server_that_wants_one() {
    let server = TestServer::start(|seen, out| match seen.header("authorization") {
        Some(shown) if shown == basic() => out.write_all(&answer(200, &[], "the file")),
        _ => out.write_all(&answer(401, &[r#"WWW-Authenticate: Basic realm="x""#], "")),
    });
    let transport = with(&server, alice());
    assert_eq!(fetch(&transport, 100).await.unwrap(), b"the file");
    assert_eq!(fetch(&transport, 100).await.unwrap(), b"the file");
    assert_eq!(server.seen().len(), 3);
}

#[tokio::test]
async fn passwords_go_nowhere_without_tls() {
    let server = TestServer::start(|_, out| {
        let challenge = r#"WWW-Authenticate: Bearer realm="http://auth.example/token""#;
        out.write_all(&answer(401, &[challenge], ""))
    });
    let error = fetch(&with(&server, alice()), 100).await.unwrap_err();
    assert!(error.to_string().contains("token service auth.example without TLS"), "{error}");
    for realm in ["", "x", "file:///etc/passwd", "https:///"] {
        let challenge = format!("WWW-Authenticate: Bearer realm=\"{realm}\"");
        let server = TestServer::start(move |_, out| out.write_all(&answer(401, &[&challenge], "")));
        let error = fetch(&with(&server, alice()), 100).await.unwrap_err();
        assert!(
            matches!(error, TransportError::Unauthorized { .. } | TransportError::Unreachable { .. }),
            "{realm}: {error}"
        );
    }
}

#[tokio::test]
async fn a_token_service_that_is_away_is_named() {
    let server = world(503, &["alice"]);
    let error = fetch(&with(&server, alice()), 100).await.unwrap_err();
    assert!(matches!(error, TransportError::Unavailable { status: 503, .. }), "{error}");
    assert!(error.to_string().contains("token service 127.0.0.1"), "{error}");
}

struct Failing;

#[async_trait]
impl Credentials for Failing {
    async fn credential(&self, _: CredentialsRequest<'_>) -> Result<Option<Credential>, CredentialsError> {
        Err(CredentialsError::Malformed { place: "config.json".to_owned(), why: "broken".to_owned() })
    }
}

#[tokio::test]
async fn credentials_are_not_asked_for_unless_needed() {
    let server = world(200, &["anonymous"]);
    assert!(fetch(&with(&server, Failing), 100).await.is_ok());
    let server = world(401, &["alice"]);
    let error = fetch(&with(&server, Failing), 100).await.unwrap_err().to_string();
    assert!(error.contains("config.json: broken"), "{error}");
}
