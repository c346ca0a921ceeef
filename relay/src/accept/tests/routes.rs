//! Every address of the ingest: method, credentials, status, body, headers, and what is counted.

use super::harness::*;

const ID: &str = "9ec79c33ec9942ab8353589fcb2e04dc";
const DUMP: &[u8] = b"MDMP rest";

/// One request, and what is answered.
struct Row {
    method: &'static str,
    path: &'static str,
    content_type: &'static str,
    body: Vec<u8>,
    status: u16,
    answer: &'static str,
}

fn row(
    method: &'static str,
    path: &'static str,
    content_type: &'static str,
    body: impl Into<Vec<u8>>,
    status: u16,
    answer: &'static str,
) -> Row {
    Row {
        method,
        path,
        content_type,
        body: body.into(),
        status,
        answer,
    }
}

fn form(name: &str, data: &[u8]) -> Vec<u8> {
    let head = format!(
        "--b\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"f.dmp\"\r\n\r\n"
    );
    [head.as_bytes(), data, b"\r\n--b--\r\n"].concat()
}

const JSON: &str = "application/json";
const PROTO: &str = "application/x-protobuf";
const FORM: &str = "multipart/form-data; boundary=b";
const EVENT: &str = "{\"event_id\":\"9ec79c33ec9942ab8353589fcb2e04dc\"}";
const CSP: &str = "{\"csp-report\":{\"document-uri\":\"https://a.test/\"}}";
const TRACES: &str = "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"name\":\"a\"}]}]}]}";
const LOGS: &str =
    "{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[{\"severityNumber\":9}]}]}]}";
const IDENTIFIED: &str = "{\"id\":\"9ec79c33ec9942ab8353589fcb2e04dc\"}";
const EXPORT: &str = "/api/1/integration/otlp/v1";

fn taken() -> Vec<Row> {
    let envelope = format!("{EVENT}\n{{\"type\":\"event\"}}\n{{}}\n");
    let late = "/api/1/events/9ec79c33ec9942ab8353589fcb2e04dc/attachments/";
    let nel = "[{\"type\":\"network-error\",\"age\":1,\"body\":{\"type\":\"dns.failed\"}}]";
    vec![
        row(
            "POST",
            "/api/1/envelope/",
            "text/plain",
            envelope.clone(),
            200,
            IDENTIFIED,
        ),
        row(
            "POST",
            "/api/1/envelope/",
            "",
            "{}\n{\"type\":\"session\"}\n{}\n",
            200,
            "{}",
        ),
        row("POST", "/api/1/store/", JSON, EVENT, 200, IDENTIFIED),
        row(
            "POST",
            "/api/store/",
            "application/x-sentry-envelope",
            envelope,
            200,
            IDENTIFIED,
        ),
        row(
            "GET",
            "/api/1/store/?sentry_data=%7B%7D",
            "",
            "",
            200,
            "GIF89a",
        ),
        row(
            "POST",
            "/api/1/security/?sentry_release=a",
            "application/csp-report",
            CSP,
            201,
            "",
        ),
        row("POST", "/api/1/csp-report/", JSON, CSP, 201, ""),
        row(
            "POST",
            "/api/1/security/",
            "application/reports+json",
            "[{\"body\":{}},{\"body\":{}}]",
            201,
            "",
        ),
        row(
            "POST",
            "/api/1/nel/",
            "application/reports+json",
            nel,
            200,
            "",
        ),
        row(
            "POST",
            "/api/1/minidump",
            "application/x-dmp",
            DUMP,
            200,
            "-",
        ),
        row(
            "POST",
            "/api/1/minidump/",
            FORM,
            form("upload_file_minidump", DUMP),
            200,
            "-",
        ),
        row("POST", late, FORM, form("log", b"a line"), 201, ""),
        row(
            "GET",
            "/api/1/cron/nightly?status=in_progress",
            "",
            "",
            202,
            "",
        ),
        row(
            "POST",
            "/api/1/cron/nightly/",
            JSON,
            "{\"status\":\"ok\"}",
            202,
            "",
        ),
        row(
            "POST",
            "/api/1/integration/otlp/v1/traces",
            JSON,
            TRACES,
            200,
            "{}",
        ),
        row(
            "POST",
            "/api/1/integration/otlp/v1/traces/",
            PROTO,
            "",
            200,
            "",
        ),
        row(
            "POST",
            "/api/1/integration/otlp/v1/logs",
            JSON,
            LOGS,
            200,
            "{}",
        ),
        row(
            "POST",
            "/api/1/integration/otlp/v1/metrics",
            JSON,
            "{}",
            200,
            "{}",
        ),
        row(
            "POST",
            "/api/1/integration/vercel/logs/",
            JSON,
            "[{\"message\":\"a\"}]",
            202,
            "",
        ),
    ]
}

fn refused() -> Vec<Row> {
    vec![
        row(
            "POST",
            "/api/1/security/",
            "text/plain",
            CSP,
            415,
            "content type",
        ),
        row("POST", "/api/1/security/", JSON, "7", 400, "report"),
        row(
            "POST",
            "/api/1/nel/",
            "text/plain",
            "[]",
            415,
            "content type",
        ),
        row(
            "POST",
            "/api/1/minidump/",
            FORM,
            form("other", DUMP),
            400,
            "upload_file_minidump",
        ),
        row("POST", "/api/1/minidump/", "", "text", 400, "minidump"),
        row("POST", "/api/1/minidump/", "", "", 400, "empty"),
        row(
            "POST",
            "/api/1/events/x/attachments/",
            FORM,
            form("a", b"b"),
            400,
            "event id",
        ),
        row(
            "GET",
            "/api/1/cron/nightly/?status=fine",
            "",
            "",
            400,
            "status",
        ),
        row(
            "POST",
            "/api/1/integration/otlp/v1/traces",
            "text/plain",
            TRACES,
            415,
            "\"code\":3",
        ),
        row(
            "POST",
            "/api/1/integration/otlp/v1/traces",
            JSON,
            "[",
            400,
            "\"code\":3",
        ),
        row(
            "POST",
            "/api/1/integration/otlp/v1/logs",
            PROTO,
            "text",
            400,
            "\u{8}\u{3}",
        ),
        row(
            "POST",
            "/api/1/integration/vercel/logs/",
            JSON,
            "{",
            400,
            "log entries",
        ),
        row("PUT", "/api/1/minidump/", "", "", 405, "method"),
        row("GET", "/api/1/envelope/", "", "", 405, "method"),
        row("POST", "/api/1/nothing/", "", "", 404, "endpoint"),
    ]
}

async fn send(relay: &Relay, row: &Row, headers: &[(&str, &str)]) -> Reply {
    let mut headers = headers.to_vec();
    if !row.content_type.is_empty() {
        headers.push(("Content-Type", row.content_type));
    }
    relay.send(row.method, row.path, &headers, &row.body).await
}

#[tokio::test]
async fn every_address_answers_as_its_clients_expect() {
    let relay = start().await;
    let auth = format!("Sentry sentry_key={KEY}");
    let headers = [("X-Sentry-Auth", auth.as_str())];
    for row in taken() {
        let reply = send(&relay, &row, &headers).await;
        let (path, text) = (row.path, reply.text());
        assert_eq!(reply.status, row.status, "{path}: {text}");
        match row.answer {
            "" => assert_eq!(text, "", "{path}"),
            "-" => assert_eq!(
                (text.len(), text.matches('-').count()),
                (36, 4),
                "{path}: {text}"
            ),
            answer => assert!(text.starts_with(answer), "{path}: {text}"),
        }
        assert_eq!(reply.header("access-control-allow-origin"), "*", "{path}");
        assert!(
            reply
                .header("access-control-expose-headers")
                .contains("x-sentry-error"),
            "{path}"
        );
        let options = relay.send("OPTIONS", row.path, &[], b"").await;
        assert_eq!(
            (options.status, options.header("access-control-max-age")),
            (200, "3600")
        );
        let anonymous = send(&relay, &row, &[]).await;
        assert_eq!(anonymous.status, 401, "{path}: {}", anonymous.text());
    }
    for row in refused() {
        let reply = send(&relay, &row, &headers).await;
        let (path, text) = (row.path, reply.text());
        assert_eq!(reply.status, row.status, "{path}: {text}");
        assert!(text.contains(row.answer), "{path}: {text:?}");
        if !matches!(row.status, 404 | 405) {
            assert!(!reply.header("x-sentry-error").is_empty(), "{path}");
        }
    }
    relay.assert_adds_up().await;
    let kept = relay.count("accepted", "");
    // A dump is an error and a file; a list of two reports is two.
    assert_eq!(kept, 20);
}

#[tokio::test]
async fn keys_in_paths_and_queries_and_headers_count() {
    let relay = start().await;
    let bearer = ("Authorization", "Bearer of-another-system");
    let paths = [
        format!("/api/1/cron/nightly/{KEY}/?status=ok"),
        format!("/api/1/cron/nightly/?status=ok&sentry_key={KEY}"),
        format!("/api/1/security/?sentry_key={KEY}"),
        format!("{EXPORT}/traces?sentry_key={KEY}"),
    ];
    for path in paths {
        let headers = [("Content-Type", JSON), bearer];
        let body = if path.contains("cron") {
            ""
        } else if path.contains("otlp") {
            TRACES
        } else {
            CSP
        };
        let reply = relay.send("POST", &path, &headers, body.as_bytes()).await;
        assert!(reply.status < 300, "{path}: {}", reply.text());
    }
    let other = format!("/api/1/cron/nightly/{KEY}/?status=ok&sentry_key={LIMITED}");
    assert_eq!(relay.send("POST", &other, &[], b"").await.status, 401);
    let unreal = format!("/api/1/unreal/{KEY}/");
    assert_eq!(relay.send("POST", &unreal, &[], b"x").await.status, 400);
    relay.assert_adds_up().await;
}

#[tokio::test]
async fn limits_are_told_where_clients_can_wait() {
    let relay = start().await;
    let check = async |path: &str, content_type: &str, body: &str, after: u16| {
        let path = format!(
            "/api/2/{path}{}sentry_key={LIMITED}",
            if path.contains('?') { '&' } else { '?' }
        );
        let headers = [("Content-Type", content_type)];
        let mut reply = relay.send("POST", &path, &headers, body.as_bytes()).await;
        for _ in 0..3 {
            reply = relay.send("POST", &path, &headers, body.as_bytes()).await;
        }
        assert_eq!(reply.status, after, "{path}: {}", reply.text());
        assert_eq!(
            reply.header("retry-after").is_empty(),
            after != 429,
            "{path}"
        );
        reply
    };
    check("cron/a/?status=ok", "", "", 202).await;
    let nel = "[{\"type\":\"network-error\",\"body\":{}}]";
    check("nel/", JSON, nel, 200).await;
    check("security/", JSON, CSP, 429).await;
    let reply = check("integration/otlp/v1/traces", JSON, TRACES, 429).await;
    assert!(reply.text().contains("\"code\":8"), "{}", reply.text());
    relay.assert_adds_up().await;
}

#[tokio::test]
async fn withdrawn_reports_are_answered_and_counted() {
    let relay = start().await;
    let path = format!("/api/1/security/?sentry_key={KEY}");
    let headers = [("Content-Type", "application/expect-ct-report+json")];
    let reply = relay
        .send("POST", &path, &headers, b"{\"expect-ct-report\":{}}")
        .await;
    assert_eq!(reply.status, 201);
    assert_eq!(relay.count("invalid", "security_report_type"), 1);
    assert!(relay.kept().await.is_empty());
    relay.assert_adds_up().await;
}

#[tokio::test]
async fn the_dialog_of_an_error_page_is_shown_and_sent() {
    let relay = start().await;
    let path = format!("/api/embed/error-page/?eventId={ID}&dsn=http%3A%2F%2F{KEY}%40h%2F1");
    let script = relay.send("GET", &path, &[], b"").await;
    assert_eq!(
        (script.status, script.header("content-type")),
        (200, "text/javascript; charset=utf-8")
    );
    let reply = relay
        .send("POST", &path, &[], b"name=Jane&comments=It+broke")
        .await;
    assert_eq!(
        (reply.status, reply.header("access-control-allow-origin")),
        (200, "*")
    );
    assert_eq!(
        relay.send("POST", &path, &[], b"name=Jane").await.status,
        400
    );
    let no_dsn = format!("/api/embed/error-page/?eventId={ID}");
    assert_eq!(
        relay.send("POST", &no_dsn, &[], b"comments=x").await.status,
        401
    );
    let kept = relay.kept().await;
    assert_eq!(kept[0].1.items[0].kind, "user_report");
    assert_eq!(kept[0].1.event_id.unwrap().to_string(), ID);
    relay.assert_adds_up().await;
}

#[tokio::test]
async fn who_names_no_key_is_told_so_before_anything_is_made_of_what_they_send() {
    let relay = start().await;
    for (path, content_type) in [
        ("integration/otlp/v1/logs", "application/x-protobuf"),
        ("integration/vercel/logs/", "application/json"),
        ("minidump/", "application/octet-stream"),
        ("security/", "application/csp-report"),
    ] {
        let path = format!("/api/1/{path}");
        let headers = [("Content-Type", content_type)];
        let reply = relay.send("POST", &path, &headers, b"junk").await;
        assert_eq!(reply.status, 401, "{path}: {}", reply.text());
    }
    relay.assert_adds_up().await;
}
