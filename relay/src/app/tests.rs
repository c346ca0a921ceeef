//! A whole relay in this process: it starts, serves, tells how it is, and ends in order.

use std::net::SocketAddr;

use protocol::unit::{ByteSize, Span};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;

fn config(dir: &std::path::Path) -> Config {
    let mut config = Config {
        state_dir: dir.to_owned(),
        ..Config::default()
    };
    config.http.listen.set_port(0);
    config.spool.dir = dir.join("spool");
    config.spool.bytes_max = Some(ByteSize(64 << 20));
    config.spool.free_min = Some(ByteSize(0));
    config.spool.ballast_bytes = ByteSize(0);
    config.spool.append_timeout = Span(Duration::from_secs(60));
    config.link.dir = dir.to_owned();
    config
}

async fn send(addr: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.unwrap();
    reply
}

async fn get(addr: SocketAddr, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: relay\r\nConnection: close\r\n\r\n");
    send(addr, &request).await
}

async fn post_event(addr: SocketAddr) -> String {
    let body = "{}\n{\"type\":\"event\"}\n{\"message\":\"Bearer abcdefgh12345678\"}\n";
    let request = format!(
        "POST /api/1/envelope/?sentry_key=a1b2c3d4e5f60718293a4b5c6d7e8f90 HTTP/1.1\r\n\
         Host: relay\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    send(addr, &request).await
}

#[tokio::test]
async fn it_serves_tells_how_it_is_and_starts_again_with_its_counts() {
    let dir = tempfile::tempdir().unwrap();
    let relay = start(config(dir.path()), None).await.unwrap();
    let addr = relay.addr();
    assert!(post_event(addr).await.starts_with("HTTP/1.1 200"));
    for path in [
        "/health/live",
        "/health/ready",
        "/api/relay/healthcheck/live/",
        "/api/relay/healthcheck/ready/",
    ] {
        let reply = get(addr, path).await;
        assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
        assert!(reply.ends_with("{\"is_healthy\":true}"), "{reply}");
    }
    let metrics = get(addr, "/metrics").await;
    for line in [
        "vedette_relay_items_total{category=\"error\",outcome=\"accepted\",reason=\"\"} 1",
        "vedette_relay_requests_total{status=\"200\"} 1",
        "vedette_relay_ack_seconds_count 1",
        "vedette_relay_lane_records{lane=\"L1\"} 1",
        "vedette_relay_link_state{state=\"not_joined\"} 1",
        "vedette_relay_trouble{kind=\"revoked\"} 0",
        "vedette_relay_trouble{kind=\"disk\"} 0",
        "vedette_relay_roster_version 0",
        "vedette_relay_scrubbed_total{rule=\"@bearer\"} 1",
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
    let status = get(addr, "/status").await;
    assert!(status.contains("\"outcome\":\"received\""), "{status}");
    relay.end().await;
    assert!(TcpStream::connect(addr).await.is_err());

    let relay = start(config(dir.path()), None).await.unwrap();
    let metrics = get(relay.addr(), "/metrics").await;
    let line = "vedette_relay_items_total{category=\"error\",outcome=\"received\",reason=\"\"} 1";
    assert!(metrics.contains(line), "{metrics}");
    relay.end().await;
}

#[tokio::test]
async fn every_metric_has_its_help_and_a_sane_line() {
    let dir = tempfile::tempdir().unwrap();
    let relay = start(config(dir.path()), None).await.unwrap();
    let metrics = get(relay.addr(), "/metrics").await;
    let (_, text) = metrics.split_once("\r\n\r\n").unwrap();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').unwrap();
        let name = name.split('{').next().unwrap();
        let family = name.trim_end_matches("_bucket");
        let family = family.trim_end_matches("_sum").trim_end_matches("_count");
        assert!(text.contains(&format!("# TYPE {family} ")), "{line}");
        assert!(value.parse::<f64>().is_ok(), "{line}");
    }
    relay.end().await;
}

#[tokio::test]
async fn a_taken_port_is_an_error_at_start() {
    let dir = tempfile::tempdir().unwrap();
    let taken = StdListener::bind("127.0.0.1:0").unwrap();
    let mut config = config(dir.path());
    config.http.listen = taken.local_addr().unwrap();
    let error = start(config, None).await.unwrap_err();
    assert!(format!("{error:#}").contains("cannot listen on 127.0.0.1"));
}

#[tokio::test]
async fn it_ends_in_time_while_a_client_holds_its_request_open() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    config.shutdown_grace = Span(Duration::from_millis(100));
    let relay = start(config, None).await.unwrap();
    let mut stream = TcpStream::connect(relay.addr()).await.unwrap();
    let head = "POST /api/1/envelope/ HTTP/1.1\r\nHost: relay\r\nContent-Length: 99\r\n\r\n{";
    stream.write_all(head.as_bytes()).await.unwrap();
    let ended = timeout(Duration::from_secs(5), relay.end()).await;
    assert!(ended.is_ok());
}
