use std::io::Error;
use std::time::{Duration, Instant};

use super::*;

fn cut() -> Error {
    Error::other("cut")
}

#[tokio::test]
async fn a_file_comes_as_it_is_over_one_connection() {
    let server = TestServer::start(|_, out| out.write_all(&answer(200, &[], "the root")));
    let transport = transport(&server);
    for _ in 0..3 {
        assert_eq!(fetch(&transport, 8).await.unwrap(), b"the root");
    }
    assert_eq!(server.connections(), 1);
    let seen = &server.seen()[0];
    assert_eq!((seen.method.as_str(), seen.target.as_str()), ("GET", "/v2/reg.example/team/app/_trust/tuf/root.json"));
    assert_eq!(seen.header("user-agent"), Some(concat!("trust/", env!("CARGO_PKG_VERSION"))));
    assert_eq!(seen.header("accept-encoding"), None);
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_before_it_is_read() {
    let server = TestServer::start(|_, out| out.write_all(&answer(200, &[], "123456789")));
    let error = fetch(&transport(&server), 8).await.unwrap_err();
    let expected = TransportError::TooLarge { server: server.url(), file: "root.json".to_owned(), limit: 8 };
    assert_eq!(error, expected);
}

#[tokio::test]
async fn endless_data_ends_at_the_limit() {
    let server = TestServer::start(|_, out| {
        out.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
        loop {
            out.write_all(b"1000\r\n")?;
            out.write_all(&[b'x'; 0x1000])?;
            out.write_all(b"\r\n")?;
        }
    });
    let start = Instant::now();
    assert!(matches!(
        fetch(&transport(&server), 1 << 20).await,
        Err(TransportError::TooLarge { limit: 0x10_0000, .. })
    ));
    assert!(start.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn a_connection_that_is_cut_gives_nothing() {
    let server = TestServer::start(|_, out| {
        out.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this")?;
        Err(cut())
    });
    let error = fetch(&transport(&server), 1000).await.unwrap_err();
    assert!(matches!(error, TransportError::Unreachable { .. }), "{error}");
    let silent = TestServer::start(|_, _| Err(cut()));
    assert!(matches!(fetch(&transport(&silent), 1000).await, Err(TransportError::Unreachable { .. })));
}

#[tokio::test]
async fn a_chunked_body_without_its_end_gives_nothing() {
    let server = TestServer::start(|_, out| {
        out.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nonly\r\n")?;
        Err(cut())
    });
    assert!(matches!(fetch(&transport(&server), 1000).await, Err(TransportError::Unreachable { .. })));
}

#[tokio::test]
async fn a_body_ends_where_its_length_says() {
    let server = TestServer::start(|_, out| {
        out.write_all(
            b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbodyHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
        )
    });
    let transport = transport(&server);
    for _ in 0..3 {
        assert_eq!(fetch(&transport, 1000).await.unwrap(), b"body");
    }
}

#[tokio::test]
async fn a_server_that_falls_silent_is_left() {
    let server = TestServer::start(|_, out| {
        out.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegin")?;
        out.flush()?;
        std::thread::sleep(Duration::from_secs(10));
        Err(cut())
    });
    let start = Instant::now();
    let error = fetch(&transport(&server), 1000).await.unwrap_err().to_string();
    assert!(error.contains("it took too long"), "{error}");
    assert!(start.elapsed() < Duration::from_millis(1300));
}

#[tokio::test]
async fn a_server_that_sends_a_byte_now_and_then_is_left() {
    let server = TestServer::start(|_, out| {
        out.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")?;
        for _ in 0..100 {
            out.write_all(b"x")?;
            out.flush()?;
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    });
    let start = Instant::now();
    let error = fetch(&transport(&server), 1000).await.unwrap_err();
    assert!(matches!(error, TransportError::Unreachable { .. }), "{error}");
    assert!(start.elapsed() > Duration::from_secs(1) && start.elapsed() < Duration::from_secs(4));
}

#[tokio::test]
async fn an_error_that_never_ends_is_cut() {
    let server = TestServer::start(|_, out| {
        out.write_all(b"HTTP/1.1 503 X\r\nTransfer-Encoding: chunked\r\n\r\n")?;
        loop {
            out.write_all(b"1000\r\n")?;
            out.write_all(&[b'x'; 0x1000])?;
            out.write_all(b"\r\n")?;
        }
    });
    match fetch(&transport(&server), 1 << 30).await.unwrap_err() {
        TransportError::Unavailable { status: 503, message, .. } => assert_eq!(message, "x".repeat(500)),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn an_error_that_is_cut_is_still_that_error() {
    let server = TestServer::start(|_, out| {
        out.write_all(b"HTTP/1.1 404 X\r\nContent-Length: 100\r\n\r\n{")?;
        Err(cut())
    });
    assert!(matches!(fetch(&transport(&server), 100).await, Err(TransportError::NotFound { .. })));
}

#[tokio::test]
async fn nothing_is_decompressed() {
    // Ten bytes that a decoder would make a megabyte of are ten bytes.
    let server = TestServer::start(|_, out| {
        out.write_all(&answer(200, &["Content-Encoding: gzip"], b"\x1f\x8b\x08\0\0\0\0\0\0\x03"))
    });
    assert_eq!(fetch(&transport(&server), 10).await.unwrap(), b"\x1f\x8b\x08\0\0\0\0\0\0\x03");
}

#[tokio::test]
async fn endless_headers_are_refused() {
    let server = TestServer::start(|_, out| {
        out.write_all(b"HTTP/1.1 200 OK\r\n")?;
        loop {
            out.write_all(b"X-More: and more\r\n")?;
        }
    });
    assert!(matches!(fetch(&transport(&server), 1000).await, Err(TransportError::Unreachable { .. })));
}
