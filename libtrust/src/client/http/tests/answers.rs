use super::*;

/// What an answer of this status and body becomes, for a read.
async fn error(status: u16, headers: &'static [&'static str], body: &'static str) -> TransportError {
    let server = TestServer::start(move |_, out| out.write_all(&answer(status, headers, body)));
    fetch(&transport(&server), 1000).await.unwrap_err()
}

#[tokio::test]
async fn every_refusal_has_its_error() {
    let missing = error(404, &[], r#"{"errors":[{"code":"METADATA_NOT_FOUND","message":"m","detail":{}}]}"#).await;
    assert!(matches!(missing, TransportError::NotFound { ref file, .. } if file == "root.json"), "{missing}");
    let conflict = error(400, &[], r#"{"errors":[{"code":"VERSION","message":"newer","detail":{}}]}"#).await;
    assert!(matches!(conflict, TransportError::Conflict { ref message, .. } if message == "newer"), "{conflict}");
    let invalid = r#"{"errors":[{"code":"INVALID_UPDATE","message":"m","detail":{"Name":"ErrBadTargets","Error":{"Msg":"expired"}}}]}"#;
    match error(400, &[], invalid).await {
        TransportError::Rejected { message, status: 400, kind: Some(kind), .. } => {
            assert_eq!((message.as_str(), kind.as_str()), ("expired", "ErrBadTargets"));
        }
        other => panic!("{other}"),
    }
    let other = error(400, &[], "no json").await;
    assert!(
        matches!(other, TransportError::Rejected { ref message, kind: None, .. } if message == "no json"),
        "{other}"
    );
    for status in [401, 403] {
        let denied =
            error(status, &[], r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}"#).await;
        assert!(matches!(denied, TransportError::Unauthorized { action: "read", .. }), "{denied}");
        assert!(denied.to_string().contains("authentication required"), "{denied}");
    }
    for status in [429, 500, 502, 503] {
        let away = error(status, &[], "<html>x</html>").await;
        assert!(matches!(away, TransportError::Unavailable { status: found, .. } if found == status), "{away}");
    }
    let large =
        error(413, &[], r#"{"errors":[{"code":"TOO_LARGE","message":"m","detail":"limits.upload_bytes"}]}"#).await;
    assert!(matches!(large, TransportError::Rejected { status: 413, .. }), "{large}");
}

#[tokio::test]
async fn a_redirect_to_another_host_is_not_followed() {
    let elsewhere = TestServer::start(|_, out| out.write_all(&answer(200, &[], "evil")));
    let target = format!("Location: {}/v2/x", elsewhere.url());
    let server = TestServer::start(move |_, out| out.write_all(&answer(307, &[&target], "")));
    let error = fetch(&transport(&server), 1000).await.unwrap_err();
    let expected = format!("it leads to {}, which is not followed", elsewhere.url());
    assert!(matches!(error, TransportError::Rejected { ref message, .. } if *message == expected), "{error}");
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn a_redirect_on_the_same_server_is_followed_but_not_for_ever() {
    let server = TestServer::start(|seen, out| match seen.target.as_str() {
        "/moved" => out.write_all(&answer(200, &[], "here")),
        target if target.contains("/snapshot") => out.write_all(&answer(302, &[&format!("Location: {target}")], "")),
        _ => out.write_all(&answer(301, &["Location: /moved"], "")),
    });
    let transport = transport(&server);
    assert_eq!(fetch(&transport, 1000).await.unwrap(), b"here");
    let looped = transport.fetch(&gun(), &RemoteFile::Current(RoleName::Snapshot), 1000).await.unwrap_err();
    assert!(looped.to_string().contains("redirects"), "{looped}");
}

#[tokio::test]
async fn a_publication_that_is_redirected_was_not_published() {
    let server = TestServer::start(|seen, out| match seen.target.as_str() {
        "/moved" | "/v2/" => out.write_all(&answer(200, &[], "{}")),
        _ => out.write_all(&answer(301, &["Location: /moved"], "")),
    });
    let transport = transport(&server);
    assert!(matches!(transport.publish(&gun(), &[]).await, Err(TransportError::Rejected { status: 301, .. })));
    assert!(matches!(transport.delete(&gun()).await, Err(TransportError::Rejected { status: 301, .. })));
    let key = transport.new_server_key(&gun(), &RoleName::Snapshot).await;
    assert!(matches!(key, Err(TransportError::Rejected { status: 301, .. })));
    assert!(server.seen().iter().all(|seen| seen.target != "/moved"));
}

#[tokio::test]
async fn a_key_that_is_none_is_refused() {
    let server = TestServer::start(|_, out| out.write_all(&answer(200, &[], r#"{"keytype":"ecdsa"}"#)));
    let error = transport(&server).server_key(&gun(), &RoleName::Timestamp).await.unwrap_err();
    assert!(error.to_string().contains("timestamp.key"), "{error}");
}

#[tokio::test]
async fn an_upload_has_the_form_notary_wants() {
    let server = TestServer::start(|_, out| out.write_all(&answer(200, &[], "")));
    let files = [(RoleName::Root, b"{}".to_vec()), ("targets/a/b".parse().unwrap(), b"\r\n--x\r\n".to_vec())];
    transport(&server).publish(&gun(), &files).await.unwrap();
    let seen = server.seen().pop().unwrap();
    assert_eq!((seen.method.as_str(), seen.target.as_str()), ("POST", "/v2/reg.example/team/app/_trust/tuf/"));
    let boundary = seen.header("content-type").unwrap().strip_prefix("multipart/form-data; boundary=").unwrap();
    let part = |name: &str, body: &str| {
        format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"files\"; filename=\"{name}\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n{body}\r\n"
        )
    };
    let expected = format!("{}{}--{boundary}--\r\n", part("root", "{}"), part("targets/a/b", "\r\n--x\r\n"));
    assert_eq!(String::from_utf8(seen.body).unwrap(), expected);
}

#[tokio::test]
async fn a_name_that_would_lead_elsewhere_is_never_asked_for() {
    let server = TestServer::start(|_, out| out.write_all(&answer(200, &[], "x")));
    let gun = "reg.example/../other".parse().unwrap();
    let error = transport(&server).fetch(&gun, &RemoteFile::Current(RoleName::Root), 10).await.unwrap_err();
    assert!(matches!(error, TransportError::Rejected { status: 0, .. }), "{error}");
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn nobody_there_is_unreachable() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let transport = HttpTransport::new(address.parse().unwrap(), &options(), Arc::new(Anonymous)).unwrap();
    let error = fetch(&transport, 10).await.unwrap_err();
    assert!(matches!(error, TransportError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains("refused"), "{error}");
}
