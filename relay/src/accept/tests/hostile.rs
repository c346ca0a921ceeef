//! Nothing that is sent costs more than the limits allow, nor stops the next request.

use std::time::Duration;

use protocol::unit::{ByteSize, Span};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::super::Config;
use super::harness::*;

const ID: &str = "9ec79c33ec9942ab8353589fcb2e04dc";

async fn assert_still_serves(relay: &Relay) {
    assert_eq!(relay.post(event(ID, "{}")).await.status, 200);
    relay.assert_adds_up().await;
}

#[tokio::test]
async fn garbage_is_answered_400() {
    let relay = start().await;
    for garbage in [
        "",
        "garbage",
        "\n\n\n",
        "{}\n{\"type\":\"event\",\"length\":99}\n{}",
        "{}\n{\"type\":\"event\",\"length\":1}\n{}",
        "{}\n{}\n{}",
        "{\"event_id\":\"abc\"}\n",
        "{\"dsn\":\"abc\"}\n",
        "{}\n{\"type\":",
    ] {
        let reply = relay.post(garbage).await;
        assert_eq!(reply.status, 400, "{garbage:?}: {}", reply.text());
        assert!(reply.text().starts_with("{\"detail\":"), "{}", reply.text());
    }
    let bytes: Vec<u8> = (0..=255).collect();
    assert_eq!(relay.post(bytes).await.status, 400);
    assert_still_serves(&relay).await;
}

#[tokio::test]
async fn bombs_stop_at_the_limit() {
    let relay = start().await;
    let path = format!("/api/1/envelope/?sentry_key={KEY}");
    let bomb = vec![b' '; 64 << 20];
    for (encoding, body) in [
        ("gzip", gzip(&bomb)),
        ("deflate", zlib(&bomb)),
        ("deflate", deflate(&bomb)),
        ("br", br(&bomb)),
        ("zstd", zstd(&bomb)),
    ] {
        let reply = relay
            .send("POST", &path, &[("Content-Encoding", encoding)], &body)
            .await;
        assert_eq!(reply.status, 413, "{encoding}: {}", reply.text());
    }
    assert_still_serves(&relay).await;
}

#[tokio::test]
async fn broken_compression_is_answered_400() {
    let relay = start().await;
    let path = format!("/api/1/envelope/?sentry_key={KEY}");
    let plain = event(ID, "{\"a\":\"some text to be cut\"}");
    for (encoding, packed) in [
        ("gzip", gzip(plain.as_bytes())),
        ("deflate", zlib(plain.as_bytes())),
        ("br", br(plain.as_bytes())),
        ("zstd", zstd(plain.as_bytes())),
    ] {
        let headers = [("Content-Encoding", encoding)];
        let cut = &packed[..packed.len() / 2];
        let reply = relay.send("POST", &path, &headers, cut).await;
        assert_eq!(reply.status, 400, "{encoding}: {}", reply.text());
        let reply = relay
            .send("POST", &path, &headers, b"not packed at all")
            .await;
        assert_eq!(reply.status, 400, "{encoding}: {}", reply.text());
    }
    assert!(
        relay
            .counts()
            .contains(&"unknown refused invalid_compression 8".to_owned())
    );
    assert_still_serves(&relay).await;
}

#[tokio::test]
async fn deep_and_long_payloads_are_dropped_or_refused() {
    let relay = start().await;
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(relay.post(event(ID, &deep)).await.status, 200);
    let deep = format!("{}1{}", "{\"a\":".repeat(100_000), "}".repeat(100_000));
    assert_eq!(relay.post(event(ID, &deep)).await.status, 200);
    assert!(relay.kept().await.is_empty());
    let long = format!("{{\"message\":\"{}\"}}", "x".repeat(10 << 20));
    assert_eq!(relay.post(event(ID, &long)).await.status, 413);
    assert!(
        relay
            .counts()
            .contains(&"error refused too_large 1".to_owned())
    );
    let many = format!("{{}}\n{}", "{\"type\":\"session\"}\n{}\n".repeat(501));
    assert_eq!(relay.post(many).await.status, 413);
    let many = format!("{{}}\n{}", "{\"type\":\"x_future\"}\n{}\n".repeat(500));
    assert_eq!(relay.post(many).await.status, 200);
    assert_still_serves(&relay).await;
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_before_it_is_read() {
    let relay = start().await;
    let head = format!(
        "POST /api/1/envelope/?sentry_key={KEY} HTTP/1.1\r\nHost: relay\r\n\
         Connection: close\r\nContent-Length: 99999999999\r\n\r\n"
    );
    let reply = relay.exchange(head.as_bytes()).await;
    assert_eq!(reply.status, 413);
    let path = format!("/api/1/envelope/?sentry_key={KEY}");
    let body = vec![b' '; 21 << 20];
    let headers = [("Transfer-Encoding", "chunked")];
    assert_eq!(relay.send("POST", &path, &headers, &body).await.status, 413);
    assert_still_serves(&relay).await;
}

#[tokio::test]
async fn memory_that_is_used_up_is_answered_503() {
    let config = Config {
        in_flight_bytes_max: ByteSize(64 << 10),
        ..Config::default()
    };
    let relay = start_with(config, Some(projects())).await;
    let mut slow = TcpStream::connect(relay.addr).await.unwrap();
    let head = format!(
        "POST /api/1/envelope/?sentry_key={KEY} HTTP/1.1\r\nHost: r\r\nConnection: close\r\n\
         Content-Length: 50000\r\n\r\n{{}}\n"
    );
    slow.write_all(head.as_bytes()).await.unwrap();
    // What it says it will send is not held for it; what comes is.
    assert_still_serves(&relay).await;
    slow.write_all(&vec![b' '; 20_000]).await.unwrap();
    let reply = loop {
        let reply = relay.post(event(ID, "{}")).await;
        // The slow one may come second.
        if reply.status != 200 {
            break reply;
        }
    };
    assert_eq!((reply.status, reply.header("retry-after")), (503, "5"));
    let counts = relay.counts();
    assert!(
        counts.contains(&"unknown refused overload 1".to_owned()),
        "{counts:?}"
    );
    slow.write_all(&vec![b' '; 29_997]).await.unwrap();
    let mut reply = vec![0; 12];
    slow.read_exact(&mut reply).await.unwrap();
    assert_eq!(reply, b"HTTP/1.1 200");
    assert_still_serves(&relay).await;
}

fn impatient() -> Config {
    let ms = |n| Span(Duration::from_millis(n));
    Config {
        header_timeout: ms(100),
        body_pause_timeout: ms(100),
        idle_timeout: ms(300),
        ..Config::default()
    }
}

#[tokio::test]
async fn slow_headers_and_bodies_are_cut() {
    let relay = start_with(impatient(), Some(projects())).await;
    for begun in ["", "P", "POST /api/1/env", "PRI * HTTP"] {
        let mut stream = TcpStream::connect(relay.addr).await.unwrap();
        stream.write_all(begun.as_bytes()).await.unwrap();
        let mut rest = Vec::new();
        let ended = stream.read_to_end(&mut rest);
        let ended = tokio::time::timeout(Duration::from_secs(5), ended).await;
        assert!(ended.is_ok(), "{begun:?} is cut");
    }
    let mut stream = TcpStream::connect(relay.addr).await.unwrap();
    let head = format!(
        "POST /api/1/envelope/?sentry_key={KEY} HTTP/1.1\r\nHost: r\r\nContent-Length: 50\r\n\r\n{{}}"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut reply = vec![0; 12];
    stream.read_exact(&mut reply).await.unwrap();
    assert_eq!(reply, b"HTTP/1.1 408");
    assert_still_serves(&relay).await;
}

#[tokio::test]
async fn a_body_that_ends_early_is_not_taken() {
    let relay = start().await;
    let mut stream = TcpStream::connect(relay.addr).await.unwrap();
    let head = format!(
        "POST /api/1/envelope/?sentry_key={KEY} HTTP/1.1\r\nHost: r\r\nContent-Length: 500\r\n\r\n{}",
        event(ID, "{}")
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut rest = Vec::new();
    drop(stream.read_to_end(&mut rest).await);
    assert!(relay.kept().await.is_empty());
    assert_still_serves(&relay).await;
}

#[tokio::test]
async fn a_body_that_dribbles_is_cut_though_it_never_pauses() {
    let relay = start_with(impatient(), Some(projects())).await;
    let mut stream = TcpStream::connect(relay.addr).await.unwrap();
    let head = format!(
        "POST /api/1/envelope/?sentry_key={KEY} HTTP/1.1\r\nHost: r\r\nContent-Length: 5000\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let (mut answer, mut to) = stream.into_split();
    let mut reply = vec![0; 12];
    let dribbling = async {
        let mut tick = tokio::time::interval(Duration::from_millis(30));
        for _ in 0..4000 {
            tick.tick().await;
            if to.write_all(b" ").await.is_err() {
                break;
            }
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        read = answer.read_exact(&mut reply) => drop(read.unwrap()),
        () = dribbling => {}
    }
    assert_eq!(reply, b"HTTP/1.1 408");
    assert_still_serves(&relay).await;
}

#[tokio::test]
async fn a_crowd_that_says_nothing_makes_room_for_who_asks() {
    let config = Config {
        connections_max: 4,
        header_timeout: Span(Duration::from_secs(3600)),
        ..Config::default()
    };
    let relay = start_with(config, Some(projects())).await;
    let mut silent = Vec::new();
    for _ in 0..12 {
        let mut stream = TcpStream::connect(relay.addr).await.unwrap();
        stream.write_all(b"POST /api/1/env").await.unwrap();
        silent.push(stream);
    }
    let served = tokio::time::timeout(Duration::from_secs(60), assert_still_serves(&relay));
    served.await.expect("served beside those who are silent");
}

#[tokio::test]
async fn connections_are_bounded_and_served_in_turn() {
    let config = Config {
        connections_max: 2,
        ..impatient()
    };
    let relay = start_with(config, Some(projects())).await;
    let idle: Vec<_> = [(); 2].map(|()| TcpStream::connect(relay.addr)).into();
    let mut open = Vec::new();
    for stream in idle {
        open.push(stream.await.unwrap());
    }
    assert_still_serves(&relay).await;
}
