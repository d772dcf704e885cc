//! Calls that no client of ours makes: garbage, wrong sizes, wrong methods, wrong protocols.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

mod support;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use signer_proto::proto::SignatureRequest;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tower::{Service as _, ServiceExt as _};

use support::{GUN, Place, TIMESTAMP, key_id};

const SIGN: &str = "/proto.Signer/Sign";

/// Sends a body as it is; gives the HTTP status and gRPC's code.
async fn send(channel: &Channel, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> (u16, Option<Code>) {
    let mut request = http::Request::post(path);
    if !headers.iter().any(|(name, _)| *name == "content-type") {
        request = request.header("content-type", "application/grpc");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = tonic::body::Body::new(Full::new(Bytes::from(body)).map_err(|never| match never {}));
    let mut channel = channel.clone();
    let response = channel.ready().await.unwrap().call(request.body(body).unwrap()).await.unwrap();
    let (head, body) = response.into_parts();
    let code = |headers: &http::HeaderMap| Status::from_header_map(headers).map(|status| status.code());
    let trailers = body.collect().await.ok().and_then(|body| body.trailers().cloned());
    (head.status.as_u16(), code(&head.headers).or_else(|| code(&trailers?)))
}

/// gRPC's frame: not compressed, length, message.
fn frame(message: &[u8]) -> Vec<u8> {
    let mut frame = vec![0];
    frame.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
    frame.extend(message);
    frame
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_is_refused_and_the_next_call_served() {
    let place = Place::new();
    let mut signer = place.start();
    let client = place.client(&signer, "server").await;
    let huge_length = [&[0, 0xff, 0xff, 0xff, 0xff][..], b"x"].concat();
    let deep = frame(&[0x0a, 0x02].repeat(5_000));
    for (what, body) in [
        ("nothing", vec![]),
        ("an empty message", frame(b"")),
        ("no protobuf", frame(&[0xff; 64])),
        ("a cut message", frame(b"\x0a\x40ab")),
        ("a cut frame", vec![0, 0, 0]),
        ("a frame without its message", vec![0, 0, 0, 1, 0]),
        ("a wrong wire type", frame(b"\x08\x01\x12\x00")),
        ("text that is not UTF-8", frame(b"\x0a\x04\x0a\x02\xff\xfe")),
        ("a length of 4 GiB", huge_length),
        ("a compressed frame", vec![1, 0, 0, 0, 1, 0]),
        ("an unknown frame flag", vec![9, 0, 0, 0, 0]),
        ("nesting", deep),
    ] {
        for path in [SIGN, "/proto.KeyManagement/GetKeyInfo", "/proto.KeyManagement/DeleteKey"] {
            let (status, code) = send(&client.channel, path, &[], body.clone()).await;
            assert_eq!(status, 200, "{what}");
            assert!(code.is_some_and(|code| code != Code::Ok), "{what} to {path}: {code:?}");
        }
        let (_, code) = send(&client.channel, "/proto.KeyManagement/CreateKey", &[], body).await;
        assert!(code.is_some_and(|code| code != Code::Ok), "{what}: {code:?}");
    }
    let id = client.new_key().await;
    client.sign(&id, TIMESTAMP).await.unwrap();
    signer.signal("-TERM");
    assert_eq!(signer.wait().code(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unknown_methods_and_other_protocols_are_told_apart() {
    let place = Place::new();
    let signer = place.start();
    let client = place.client(&signer, "server").await;
    for path in ["/proto.Signer/Sing", "/proto.Signer/", "/", "/grpc.health.v1.Health/Watch", "/proto.Admin/DropAll"] {
        assert_eq!(send(&client.channel, path, &[], frame(b"")).await, (200, Some(Code::Unimplemented)), "{path}");
    }
    for kind in ["application/json", "text/html", "application/grpcx"] {
        assert_eq!(send(&client.channel, SIGN, &[("content-type", kind)], frame(b"")).await.0, 415, "{kind}");
    }
    let compressed = send(&client.channel, SIGN, &[("grpc-encoding", "gzip")], frame(b"")).await;
    assert_eq!(compressed, (200, Some(Code::Unimplemented)));
    let time = send(&client.channel, SIGN, &[("grpc-timeout", "soon")], frame(b"")).await;
    assert_eq!(time, (200, Some(Code::InvalidArgument)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_over_the_limit_is_resource_exhausted_and_one_within_is_signed() {
    let place = Place::new();
    let signer = place.start();
    let client = place.client(&signer, "server").await;
    let id = client.new_key().await;
    let content = |bytes: usize| {
        let mut content = br#"{"_type":"Timestamp","x":""#.to_vec();
        content.resize(bytes - 2, b'x');
        content.extend(b"\"}");
        content
    };
    client.sign(&id, &content((4 << 20) - 128)).await.unwrap();
    for bytes in [4 << 20, 32 << 20] {
        let request =
            SignatureRequest { key_id: Some(key_id(&id)), content: content(bytes), ..SignatureRequest::default() };
        assert_eq!(client.sign_request(request).await.unwrap_err().code(), Code::ResourceExhausted);
    }
    client.sign(&id, TIMESTAMP).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_calls_at_once_wait_their_turn() {
    let place = Place::new();
    let signer = place.start_with(|config| config["limits"] = serde_json::json!({ "requests": 2 }));
    let client = place.client(&signer, "server").await;
    let id = client.new_key().await;
    let calls: Vec<_> = (0..200)
        .map(|_| {
            let (client, id) = (client.clone(), id.clone());
            tokio::spawn(async move { client.sign(&id, TIMESTAMP).await })
        })
        .collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    assert_eq!(client.create(GUN, "timestamp", "ecdsa").await.map(|_| ()).map_err(|e| e.code()), Ok(()));
}
