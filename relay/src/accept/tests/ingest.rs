//! What is taken, what is refused, and how the answers look.

use super::harness::*;

const ID: &str = "9ec79c33ec9942ab8353589fcb2e04dc";

#[tokio::test]
async fn an_event_is_answered_with_its_id_once_it_is_kept() {
    let relay = start().await;
    let payload = "{\"message\":\"hello\", \"odd\":[1,2]}";
    let reply = relay.post(event(ID, payload)).await;
    assert_eq!(
        (reply.status, reply.text()),
        (200, format!("{{\"id\":\"{ID}\"}}"))
    );
    assert_eq!(reply.header("x-vedette-durability"), "fsync");
    assert_eq!(reply.header("access-control-allow-origin"), "*");
    let kept = relay.kept().await;
    let (lane, items) = &kept[0];
    assert_eq!(lane.index(), 1);
    assert_eq!(items.project.get(), 1);
    assert_eq!(items.event_id.unwrap().to_string(), ID);
    assert_eq!(items.remote_addr.as_deref(), Some("127.0.0.1"));
    assert_eq!(items.items[0].payload, payload, "byte for byte");
    assert_eq!(items.items[0].header, "{\"type\":\"event\"}");
    assert_eq!(relay.counts(), ["error accepted 1", "error received 1"]);
    relay.assert_adds_up().await;
}

#[tokio::test]
async fn every_encoding_is_undone() {
    let relay = start().await;
    let path = format!("/api/1/envelope/?sentry_key={KEY}");
    let body = event(ID, "{\"message\":\"packed\"}");
    let plain = body.as_bytes();
    let bodies: [(&str, Vec<u8>); 11] = [
        ("gzip", gzip(plain)),
        ("GZIP", gzip(plain)),
        ("deflate", zlib(plain)),
        ("deflate", deflate(plain)),
        ("br", br(plain)),
        ("zstd", zstd(plain)),
        ("", plain.to_vec()),
        ("UTF-8", plain.to_vec()),
        ("identity", plain.to_vec()),
        ("gzip, identity", gzip(plain)),
        ("UTF-8, br", br(plain)),
    ];
    for (encoding, body) in bodies {
        let reply = relay
            .send("POST", &path, &[("Content-Encoding", encoding)], &body)
            .await;
        assert_eq!(reply.status, 200, "{encoding}: {}", reply.text());
        let headers = [
            ("Content-Encoding", encoding),
            ("Transfer-Encoding", "chunked"),
        ];
        let reply = relay.send("POST", &path, &headers, &body).await;
        assert_eq!(reply.status, 200, "{encoding} in chunks: {}", reply.text());
    }
    for encoding in ["rot13", "gzip, br"] {
        let headers = [("Content-Encoding", encoding)];
        let reply = relay.send("POST", &path, &headers, plain).await;
        assert_eq!(reply.status, 415, "{encoding}");
    }
    assert_eq!(relay.kept().await.len(), 22);
    relay.assert_adds_up().await;
}

#[tokio::test]
async fn credentials_come_from_any_source_and_may_not_contradict() {
    let relay = start().await;
    let auth = format!("sentry sentry_key={KEY}, sentry_version=7, sentry_client=test/1.0");
    let basic = "Basic YTFiMmMzZDRlNWY2MDcxODI5M2E0YjVjNmQ3ZThmOTA6";
    let body = event(ID, "{}");
    let check =
        async |path: &str, headers: &[(&str, &str)], body: &str, status: u16, says: &str| {
            let reply = relay.send("POST", path, headers, body.as_bytes()).await;
            assert_eq!(reply.status, status, "{path} {headers:?}: {}", reply.text());
            assert!(reply.text().contains(says), "{says:?} in {}", reply.text());
            if status >= 400 {
                assert!(!reply.header("x-sentry-error").is_empty());
            }
        };
    let path = "/api/1/envelope/";
    check(path, &[("X-Sentry-Auth", &auth)], &body, 200, ID).await;
    check(path, &[("Authorization", &auth)], &body, 200, ID).await;
    check(path, &[("Authorization", basic)], &body, 200, ID).await;
    let query = format!("{path}?sentry_key={KEY}&sentry_version=7");
    check(&query, &[("X-Sentry-Auth", &auth)], &body, 200, ID).await;
    let tunnelled = format!("{{\"dsn\":\"https://{KEY}@h/1\"}}\n{{\"type\":\"session\"}}\n{{}}");
    check(path, &[], &tunnelled, 200, "{}").await;

    check(path, &[], &body, 401, "missing").await;
    check(
        path,
        &[("X-Sentry-Auth", "nonsense")],
        &body,
        401,
        "malformed",
    )
    .await;
    let other = format!("{path}?sentry_key={LIMITED}");
    check(&other, &[("X-Sentry-Auth", &auth)], &body, 401, "multiple").await;
    check(&other, &[], &tunnelled, 400, "different keys").await;
    let elsewhere = tunnelled.replace("@h/1", "@h/3");
    check(
        path,
        &[("X-Sentry-Auth", &auth)],
        &elsewhere,
        400,
        "different projects",
    )
    .await;
    let newer = auth.replace("version=7", "version=8");
    check(path, &[("X-Sentry-Auth", &newer)], &body, 400, "version").await;
    let bad = format!("{path}?sentry_key=abc");
    check(&bad, &[], &body, 400, "public key").await;
    check(
        "/api/nonsense/envelope/",
        &[("X-Sentry-Auth", &auth)],
        &body,
        400,
        "project",
    )
    .await;
    check(
        "/api/2/envelope/",
        &[("X-Sentry-Auth", &auth)],
        &body,
        403,
        "another project",
    )
    .await;
    let unknown = format!("{path}?sentry_key={}", "f".repeat(32));
    check(&unknown, &[], &body, 403, "unknown key").await;
    let off = format!("{path}?sentry_key={OFF}");
    check(&off, &[], &body, 403, "disabled").await;
    relay.assert_adds_up().await;
    assert!(
        relay.counts().contains(&"error refused auth 5".to_owned()),
        "{:?}",
        relay.counts()
    );
    assert!(
        relay
            .counts()
            .contains(&"error refused unknown_key 2".to_owned())
    );
}

#[tokio::test]
async fn paths_are_forgiving() {
    let relay = start().await;
    for path in [
        "/api/1/envelope",
        "//api/1//envelope/",
        "/errors/api/1/envelope/",
        "/api/1/store/",
        "/api/store/",
    ] {
        let path = format!("{path}?sentry_key={KEY}");
        let headers = [("Content-Type", "application/x-sentry-envelope")];
        let reply = relay
            .send("POST", &path, &headers, event(ID, "{}").as_bytes())
            .await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
    }
    assert_eq!(
        relay.send("GET", "/api/1/nothing/", &[], b"").await.status,
        404
    );
    assert_eq!(
        relay.send("GET", "/health/live", &[], b"").await.text(),
        "ok"
    );
    let reply = relay.send("PUT", "/api/1/envelope/", &[], b"").await;
    assert_eq!(
        (reply.status, reply.header("allow")),
        (405, "POST, OPTIONS")
    );
}

#[tokio::test]
async fn browsers_may_ask_first() {
    let relay = start().await;
    for path in ["/api/1/envelope/", "/api/1/store/", "/api/store/"] {
        let reply = relay
            .send("OPTIONS", path, &[("Origin", "https://shop.test")], b"")
            .await;
        assert_eq!(reply.status, 200);
        assert_eq!(reply.header("access-control-allow-methods"), "POST");
        assert_eq!(reply.header("access-control-max-age"), "3600");
        assert!(
            reply
                .header("access-control-allow-headers")
                .contains("x-sentry-auth")
        );
        assert!(
            reply
                .header("access-control-expose-headers")
                .contains("retry-after")
        );
    }
}

#[tokio::test]
async fn origins_are_checked() {
    let relay = start().await;
    let path = format!("/api/2/envelope/?sentry_key={LIMITED}");
    let body = "{}\n{\"type\":\"session\"}\n{}";
    let send = async |name: &str, value: &str| {
        relay
            .send("POST", &path, &[(name, value)], body.as_bytes())
            .await
            .status
    };
    assert_eq!(send("Origin", "https://example.com").await, 200);
    assert_eq!(send("Origin", "https://evil.test").await, 403);
    assert_eq!(send("Referer", "https://evil.test/page").await, 403);
    assert_eq!(send("X-Other", "none").await, 200);
    assert!(
        relay
            .counts()
            .contains(&"session refused cors 2".to_owned())
    );
    relay.assert_adds_up().await;
}

#[tokio::test]
async fn a_used_up_quota_is_told_by_category_and_the_rest_is_taken() {
    let relay = start().await;
    let path = format!("/api/2/envelope/?sentry_key={LIMITED}");
    let body = format!(
        "{}{{\"type\":\"attachment\",\"filename\":\"a.txt\"}}\ntext\n{{\"type\":\"session\"}}\n{{}}\n",
        event(ID, "{}")
    );
    for _ in 0..2 {
        let reply = relay.send("POST", &path, &[], body.as_bytes()).await;
        assert_eq!(reply.status, 200);
    }
    let reply = relay
        .send("POST", &path, &[], event(ID, "{}").as_bytes())
        .await;
    assert_eq!(reply.status, 429);
    let wait: u64 = reply.header("retry-after").parse().unwrap();
    assert!((1..=66).contains(&wait), "{wait}");
    assert_eq!(
        reply.header("x-sentry-rate-limits"),
        format!("{wait}:error:key:rate_limited")
    );
    let report = "{}\n{\"type\":\"client_report\"}\n{\"discarded_events\":[]}\n{\"type\":\"log\"}\n{\"items\":[]}";
    let reply = relay
        .send("POST", &path, &[], format!("{report}\n").as_bytes())
        .await;
    assert_eq!(reply.status, 200, "other categories and reports go on");
    let reply = relay.send("POST", &path, &[], body.as_bytes()).await;
    assert_eq!(reply.status, 429);
    let counts = relay.counts();
    assert!(
        counts.contains(&"error refused rate_limited 2".to_owned()),
        "{counts:?}"
    );
    assert!(
        counts.contains(&"attachment refused rate_limited 1".to_owned()),
        "{counts:?}"
    );
    relay.assert_adds_up().await;
}

#[tokio::test]
async fn without_a_roster_it_accepts_and_holds() {
    let relay = start_with(Default::default(), None).await;
    let body = event(ID, "{\"user\":{\"email\":\"a@b.test\"}}");
    let reply = relay.post(&body).await;
    assert_eq!(reply.status, 200);
    let kept = relay.kept().await;
    assert_eq!(kept[0].1.project.get(), 1);
    assert_eq!(kept[0].1.key.to_string(), KEY);
    assert_eq!(
        kept[0].1.remote_addr, None,
        "the strictest rules hold until others are known"
    );
    let path = format!("/api/store/?sentry_key={KEY}");
    let reply = relay.send("POST", &path, &[], b"{}").await;
    assert_eq!(reply.status, 503, "nothing says which project");
    relay.tell(&projects());
    assert_eq!(relay.send("POST", &path, &[], b"{}").await.status, 200);
    relay.assert_adds_up().await;
}

#[tokio::test]
async fn store_takes_events_of_the_older_protocol() {
    let relay = start().await;
    let path = format!("/api/1/store/?sentry_key={KEY}&sentry_version=5");
    let json = format!("{{\"event_id\":\"{ID}\",\"message\":\"old\"}}");
    let check = async |body: &[u8], headers: &[(&str, &str)], status: u16| {
        let reply = relay.send("POST", &path, headers, body).await;
        assert_eq!(reply.status, status, "{}", reply.text());
        reply
    };
    check(json.as_bytes(), &[], 200).await;
    check(&gzip(json.as_bytes()), &[("Content-Encoding", "gzip")], 200).await;
    check(
        &zlib(json.as_bytes()),
        &[("Content-Encoding", "deflate")],
        200,
    )
    .await;
    check(b"{\"message\":NaN}", &[], 200).await;
    check(b"", &[], 400).await;
    check(b"{\"message\":", &[], 400).await;
    check(b"no base64!", &[], 400).await;
    check(b"{\"event_id\":\"abc\"}", &[], 400).await;
    let large = format!("{{\"message\":\"{}\"}}", "x".repeat(1 << 20));
    check(large.as_bytes(), &[], 413).await;
    let pixel = format!(
        "/api/1/store/?sentry_key={KEY}&sentry_data={}",
        json.replace('"', "%22")
    );
    let reply = relay.send("GET", &pixel, &[], b"").await;
    assert_eq!(
        (reply.status, reply.header("content-type")),
        (200, "image/gif")
    );
    assert!(reply.body.starts_with(b"GIF89a"));
    let kept = relay.kept().await;
    assert_eq!(kept.len(), 5);
    assert_eq!(kept[0].1.event_id.unwrap().to_string(), ID);
    relay.assert_adds_up().await;
}

#[tokio::test]
async fn items_of_no_use_are_dropped_and_counted_and_the_rest_is_kept() {
    let relay = start().await;
    let items = [
        ("event", "{\"ok\":true}"),
        ("x_future", "?"),
        ("statsd", "a:1|c"),
        ("check_in", "{\"monitor_slug\":\"a\"}"),
        ("check_in", "{\"monitor_slug\":\"b\"}"),
        ("session", "{not json"),
        ("feedback", "{\"contexts\":{}}"),
        (
            "client_report",
            "{\"discarded_events\":[{\"reason\":\"before_send\",\"category\":\"error\",\"quantity\":3}]}",
        ),
    ];
    let items: String = items
        .iter()
        .map(|(kind, payload)| format!("{{\"type\":\"{kind}\"}}\n{payload}\n"))
        .collect();
    let reply = relay
        .post(format!("{{\"event_id\":\"{ID}\"}}\n{items}"))
        .await;
    assert_eq!(
        (reply.status, reply.text()),
        (200, format!("{{\"id\":\"{ID}\"}}"))
    );
    let counts = relay.counts();
    for expected in [
        "error client_discard before_send 3",
        "monitor invalid duplicate_item 1",
        "session invalid invalid_json 1",
        "unknown invalid unknown_item 1",
        "unknown invalid unsupported 1",
    ] {
        assert!(
            counts.contains(&expected.to_owned()),
            "{expected} in {counts:?}"
        );
    }
    let kept = relay.kept().await;
    let lanes: Vec<_> = kept
        .iter()
        .map(|(lane, items)| (lane.index(), items.items.len()))
        .collect();
    assert_eq!(lanes, [(0, 2), (1, 1), (1, 1)]);
    relay.assert_adds_up().await;
}

#[tokio::test]
async fn the_client_and_its_address_come_from_where_they_are_told() {
    let relay = start().await;
    let path = "/api/1/envelope/";
    let auth = format!("Sentry sentry_key={KEY}, sentry_client=sentry.python/2.75.0");
    let headers = [
        ("X-Sentry-Auth", auth.as_str()),
        ("X-Forwarded-For", "203.0.113.7, 10.0.0.1"),
        ("User-Agent", "Mozilla/5.0"),
    ];
    let header = "{\"sent_at\":\"2026-01-02T03:04:05Z\",\"trace\":{\"trace_id\":\"1\"}}";
    let body = format!("{header}\n{{\"type\":\"event\",\"length\":2}}\n{{}}");
    assert_eq!(
        relay
            .send("POST", path, &headers, body.as_bytes())
            .await
            .status,
        200
    );
    let kept = relay.kept().await;
    let items = &kept[0].1;
    assert_eq!(items.client.as_deref(), Some("sentry.python/2.75.0"));
    assert_eq!(items.remote_addr.as_deref(), Some("203.0.113.7"));
    assert_eq!(items.user_agent.as_deref(), Some("Mozilla/5.0"));
    assert_eq!(items.sent_at.unwrap().as_millis(), 1_767_323_045_000);
    assert_eq!(
        items.trace.as_deref(),
        Some("{\"trace_id\":\"1\"}".as_bytes())
    );
    assert!(
        items.event_id.is_some(),
        "an event without an id is given one"
    );
    assert_eq!(
        items.items[0].header, "{\"type\":\"event\"}",
        "without its length"
    );

    let sdk = "{\"name\":\"sentry.x\",\"version\":\"1\"}";
    let payload = "{\"attrs\":{},\"sdk\":{\"settings\":{\"infer_ip\":\"never\"}}}";
    let body = format!("{{\"sdk\":{sdk}}}\n{{\"type\":\"session\"}}\n{payload}");
    assert_eq!(relay.post(body).await.status, 200);
    let kept = relay.kept().await;
    let items = &kept[0].1;
    assert_eq!(items.client.as_deref(), Some("sentry.x/1"));
    assert_eq!(items.remote_addr, None, "the application does not want it");
}

#[tokio::test]
async fn it_speaks_http2_and_finishes_requests_before_it_ends() {
    use http_body_util::{BodyExt as _, Full};
    let relay = start().await;
    let stream = tokio::net::TcpStream::connect(relay.addr).await.unwrap();
    let io = hyper_util::rt::TokioIo::new(stream);
    let executor = hyper_util::rt::TokioExecutor::new();
    let (mut sender, connection) = hyper::client::conn::http2::handshake(executor, io)
        .await
        .unwrap();
    #[expect(clippy::disallowed_methods, reason = "a test owns its client")]
    let driving = tokio::spawn(connection);
    let request = http::Request::post(format!("http://relay/api/1/envelope/?sentry_key={KEY}"));
    let body = Full::new(bytes::Bytes::from(event(ID, "{}")));
    let reply = sender
        .send_request(request.body(body).unwrap())
        .await
        .unwrap();
    assert_eq!(reply.status(), 200);
    let body = reply.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, format!("{{\"id\":\"{ID}\"}}"));
    relay.cancel.cancel();
    relay.served.await.unwrap();
    drop(sender);
    drop(driving.await);
    assert!(tokio::net::TcpStream::connect(relay.addr).await.is_err());
}

#[tokio::test]
async fn a_connection_that_is_used_again_and_again_is_told_of_the_end_with_an_answer() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let relay = start().await;
    let mut stream = tokio::net::TcpStream::connect(relay.addr).await.unwrap();
    let body = event(ID, "{}");
    let request = format!(
        "POST /api/1/envelope/?sentry_key={KEY} HTTP/1.1\r\nHost: relay\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut ask = async || {
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(format!("{{\"id\":\"{ID}\"}}").as_bytes()) {
            let n = stream.read_buf(&mut answer).await.unwrap();
            assert!(n > 0, "closed after {}", String::from_utf8_lossy(&answer));
        }
        String::from_utf8(answer).unwrap().to_ascii_lowercase()
    };
    assert!(!ask().await.contains("connection: close"));
    relay.cancel.cancel();
    assert!(ask().await.contains("connection: close"));
    relay.served.await.unwrap();
}
