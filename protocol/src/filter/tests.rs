//! What each filter refuses, and which goes first.

use bytes::Bytes;

use super::*;
use crate::envelope::{EnvelopeItem, ItemHeader};
use crate::facts::Sender;
use crate::roster::GenericFilter;

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn settings(change: impl FnOnce(&mut FilterSettings)) -> FilterSettings {
    let mut settings = FilterSettings::default();
    change(&mut settings);
    settings
}

fn refused_from(
    settings: &FilterSettings,
    kind: ItemKind,
    payload: &str,
    sender: Sender<'_>,
) -> Option<String> {
    let item = EnvelopeItem {
        kind,
        header: ItemHeader::default(),
        payload: Bytes::from(payload.to_owned()),
    };
    let filters = Filters::compile(settings).unwrap();
    let subject = Subject::read(&item, sender);
    filters.refuse(&item.kind, &subject).map(Reason::into_owned)
}

#[track_caller]
fn check(settings: &FilterSettings, kind: ItemKind, payload: &str, expected: Option<&str>) {
    let found = refused_from(settings, kind, payload, Sender::default());
    assert_eq!(found.as_deref(), expected, "{payload}");
}

fn error(settings: &FilterSettings, payload: &str, expected: Option<&str>) {
    check(settings, ItemKind::Event, payload, expected);
}

#[test]
fn what_is_off_refuses_nothing() {
    let nothing = FilterSettings::default();
    error(
        &nothing,
        r#"{"release":"1","user":{"ip_address":"127.0.0.1"}}"#,
        None,
    );
    let filters = Filters::compile(&nothing).unwrap();
    assert!(!filters.concern(&ItemKind::Event));
    let some = Filters::compile(&settings(|s| s.localhost = true)).unwrap();
    assert!(some.concern(&ItemKind::Event));
    assert!(!some.concern(&ItemKind::Session) && !some.concern(&ItemKind::ClientReport));
}

#[test]
fn releases_and_messages_are_globs_of_any_case() {
    let releases = settings(|s| s.releases = texts(&["SHOP@1.*", "old"]));
    error(
        &releases,
        r#"{"release":"shop@1.2"}"#,
        Some("release-version"),
    );
    error(&releases, r#"{"release":"shop@2.0"}"#, None);
    error(&releases, "{}", None);
    let messages = settings(|s| s.error_messages = texts(&["*timed out*", "KeyError: 'x*"]));
    let by_message = Some("error-message");
    error(&messages, r#"{"message":"it Timed Out"}"#, by_message);
    error(
        &messages,
        r#"{"logentry":{"message":"%s","formatted":"it timed out"}}"#,
        by_message,
    );
    error(
        &messages,
        r#"{"logentry":{"message":"it timed out"}}"#,
        by_message,
    );
    error(
        &messages,
        r#"{"exception":{"values":[{"type":"A","value":"b"},{"type":"KeyError","value":"'xy'"}]}}"#,
        by_message,
    );
    error(
        &messages,
        r#"{"exception":[{"type":"KeyError","value":"'a'"}]}"#,
        None,
    );
    error(
        &messages,
        r#"{"exception":[{"value":"x timed out"}]}"#,
        by_message,
    );
    error(&messages, r#"{"exception":[{}]}"#, None);
}

#[test]
fn localhost_is_told_by_user_url_and_headers() {
    let local = settings(|s| s.localhost = true);
    let refused = Some("localhost");
    error(&local, r#"{"user":{"ip_address":"127.0.0.1"}}"#, refused);
    error(&local, r#"{"user":{"ip_address":"::1"}}"#, refused);
    error(&local, r#"{"user":{"ip_address":"{{auto}}"}}"#, None);
    let urls = [
        ("http://localhost/a", true),
        ("https://LOCALHOST:3000", true),
        ("http://app.localhost:3000/x", true),
        ("http://127.0.0.1:8000/", true),
        ("http://[::1]:8000/", true),
        ("file:///home/me/index.html", true),
        ("http://me@localhost/", true),
        ("https://example.com/localhost", false),
        ("https://notlocalhost/", false),
        ("https://localhost.example.com/", false),
    ];
    for (url, is_local) in urls {
        let payload = format!(r#"{{"request":{{"url":"{url}"}}}}"#);
        error(&local, &payload, refused.filter(|_| is_local));
    }
    error(
        &local,
        r#"{"request":{"headers":[["Host","localhost:80"]]}}"#,
        refused,
    );
    error(
        &local,
        r#"{"request":{"headers":{"X-Forwarded-Host":"a.localhost"}}}"#,
        refused,
    );
    error(
        &local,
        r#"{"request":{"headers":{"Host":"example.com"}}}"#,
        None,
    );
}

#[test]
fn errors_of_extensions_are_told_by_message_and_place() {
    let extensions = settings(|s| s.browser_extensions = true);
    let refused = Some("browser-extensions");
    let raised = |value: &str, places: &[&str]| {
        let frames: Vec<_> = places
            .iter()
            .map(|p| format!(r#"{{"abs_path":"{p}"}}"#))
            .collect();
        format!(
            r#"{{"exception":[{{"type":"Error","value":"{value}","stacktrace":{{"frames":[{}]}}}}]}}"#,
            frames.join(",")
        )
    };
    error(&extensions, &raised("DealPly is not there", &[]), refused);
    error(&extensions, &raised("x", &["https://a/b.js"]), None);
    error(
        &extensions,
        &raised("x", &["https://a/b.js", "chrome-extension://f/x.js"]),
        refused,
    );
    error(
        &extensions,
        &raised("x", &["chrome-extension://f/x.js", "https://a/b.js"]),
        None,
    );
    error(
        &extensions,
        &raised(
            "x",
            &["moz-extension://f/x.js", "<anonymous>", "[native code]"],
        ),
        refused,
    );
    error(&extensions, r#"{"message":"DealPly"}"#, None);
}

#[test]
fn browsers_and_crawlers_are_told_by_the_events_request_then_by_the_connection() {
    const IE: &str = "Mozilla/5.0 (compatible; MSIE 9.0; Windows NT 6.1)";
    let old = settings(|s| s.legacy_browsers = texts(&["ie9", "of the future"]));
    let by_event = format!(r#"{{"request":{{"headers":{{"user-agent":"{IE}"}}}}}}"#);
    error(&old, &by_event, Some("legacy-browsers"));
    let sender = Sender {
        user_agent: Some(IE),
        ..Sender::default()
    };
    let found = |payload: &str| refused_from(&old, ItemKind::Event, payload, sender);
    assert_eq!(found("{}").as_deref(), Some("legacy-browsers"));
    assert_eq!(
        found(r#"{"request":{"headers":{"user-agent":"curl"}}}"#),
        None
    );
    let crawlers = settings(|s| s.web_crawlers = true);
    let bot = r#"{"request":{"headers":{"User-Agent":"Googlebot/2.1"}}}"#;
    error(&crawlers, bot, Some("web-crawlers"));
    error(&crawlers, &by_event, None);
}

#[test]
fn addresses_are_those_of_the_connection() {
    let blocked = settings(|s| s.client_ips = texts(&["192.0.2.0/24", "2001:db8::1"]));
    let from = |ip: &str, kind: ItemKind| {
        let sender = Sender {
            client_ip: Some(ip.parse().unwrap()),
            ..Sender::default()
        };
        refused_from(&blocked, kind, "{}", sender)
    };
    let refused = Some("ip-address".to_owned());
    assert_eq!(from("192.0.2.200", ItemKind::Event), refused);
    assert_eq!(from("192.0.2.200", ItemKind::Log), refused);
    assert_eq!(from("2001:db8::1", ItemKind::Transaction), refused);
    assert_eq!(from("192.0.3.1", ItemKind::Event), None);
    error(&blocked, r#"{"user":{"ip_address":"192.0.2.1"}}"#, None);
    let wrong = settings(|s| s.client_ips = texts(&["192.0.2"]));
    let wrong = Filters::compile(&wrong).unwrap_err();
    assert!(wrong.to_string().contains("192.0.2\" is not"), "{wrong}");
}

#[test]
fn health_checks_are_transactions() {
    let health = settings(|s| s.health_checks = true);
    for (name, is_check) in [
        ("GET /healthz", true),
        ("/api/v1/health/", true),
        ("/livez", true),
        ("/readyz", true),
        ("my-healthcheck", true),
        ("/health-insurance", false),
        ("/deliver", false),
        ("/backup", false),
        ("", false),
    ] {
        let payload = format!(r#"{{"transaction":"{name}"}}"#);
        let refused = Some("filtered-transaction").filter(|_| is_check);
        check(&health, ItemKind::Transaction, &payload, refused);
        error(&health, &payload, None);
    }
}

#[test]
fn security_reports_are_told_by_their_sources() {
    let csp = settings(|s| {
        s.csp_defaults = true;
        s.csp_sources = texts(&["*.ads.example"]);
    });
    let refused = Some("invalid-csp");
    let report = |field: &str, place: &str| {
        format!(r#"{{"csp-report":{{"effective-directive":"img-src","{field}":"{place}"}}}}"#)
    };
    let check = |payload: &str, expected| check(&csp, ItemKind::RawSecurity, payload, expected);
    check(&report("blocked-uri", "https://x.ads.example/a"), refused);
    check(&report("source-file", "chrome-extension://abc"), refused);
    check(&report("document-uri", "http://localhost:3000/"), refused);
    check(&report("blocked-uri", "https://example.com"), None);
    check(
        r#"{"type":"csp-violation","body":{"blockedURL":"moz-extension://a","effectiveDirective":"x"}}"#,
        refused,
    );
    check("[", None);
}

fn generic(id: &str, condition: &str) -> GenericFilter {
    GenericFilter {
        id: id.to_owned(),
        condition: condition.to_owned(),
    }
}

#[test]
fn conditions_give_their_own_reason_and_go_first() {
    let both = settings(|s| {
        s.releases = texts(&["1"]);
        s.localhost = true;
        s.generic = vec![generic(
            "no-canaries",
            r#"{"op":"eq","name":"event.tags.canary","value":"yes"}"#,
        )];
    });
    let local = r#""user":{"ip_address":"127.0.0.1"}"#;
    error(
        &both,
        r#"{"release":"1","tags":{"canary":"yes"}}"#,
        Some("no-canaries"),
    );
    error(
        &both,
        &format!(r#"{{"release":"1",{local}}}"#),
        Some("release-version"),
    );
    error(&both, &format!("{{{local}}}"), Some("localhost"));
    let wrong = settings(|s| s.generic = vec![generic("No Name", "{}")]);
    assert!(matches!(
        Filters::compile(&wrong),
        Err(FilterError::Id { .. })
    ));
    let wrong = settings(|s| s.generic = vec![generic("x", "{}")]);
    assert!(matches!(
        Filters::compile(&wrong),
        Err(FilterError::Condition { .. })
    ));
}

#[test]
fn the_conditions_that_come_with_the_program_are_right() {
    let ready = |(id, condition): Ready| settings(|s| s.generic = vec![generic(id, condition)]);
    let hydration = ready(REACT_HYDRATION_ERRORS);
    let refused = Some("react-hydration-errors");
    let raised =
        |ty: &str, value: &str| format!(r#"{{"exception":[{{"type":"{ty}","value":"{value}"}}]}}"#);
    error(
        &hydration,
        &raised("Error", "Minified React error #423; visit https://x"),
        refused,
    );
    error(
        &hydration,
        &raised("Error", "Hydration failed because the initial UI"),
        refused,
    );
    error(
        &hydration,
        &raised("Error", "Minified React error #31; visit"),
        None,
    );
    let chunks = ready(CHUNK_LOAD_ERROR);
    error(
        &chunks,
        &raised("ChunkLoadError", "Loading chunk 552 failed"),
        Some("chunk-load-error"),
    );
    error(&chunks, &raised("TypeError", "x"), None);
}

#[test]
fn logs_spans_and_metrics_are_asked_for_their_own_attributes() {
    let entry = |members: &str| format!("{{\"version\":2,\"items\":[{{{members}}}]}}");
    let with = |name: &str, value: &str| {
        entry(&format!(
            "\"attributes\":{{\"{name}\":{{\"value\":{value},\"type\":\"string\"}}}}"
        ))
    };
    let releases = settings(|s| s.releases = texts(&["shop@0.*"]));
    let old = with("sentry.release", "\"shop@0.1\"");
    for kind in [ItemKind::Log, ItemKind::Span, ItemKind::TraceMetric] {
        check(&releases, kind.clone(), &old, Some("release-version"));
        check(&releases, kind, &with("sentry.release", "\"shop@1\""), None);
    }
    let messages = settings(|s| s.error_messages = texts(&["*timed out*"]));
    let body = entry("\"body\":\"it timed out\"");
    check(&messages, ItemKind::Log, &body, Some("error-message"));
    let logs = settings(|s| s.log_messages = texts(&["GET /health*"]));
    let probe = entry("\"body\":\"get /healthz 200\"");
    check(&logs, ItemKind::Log, &probe, Some("log-message"));
    check(&logs, ItemKind::Log, &body, None);
    let spans_name = entry("\"name\":\"GET /healthz\"");
    check(&logs, ItemKind::Span, &spans_name, None);
    error(&logs, r#"{"message":"GET /healthz"}"#, None);
    let metrics = settings(|s| s.trace_metric_names = texts(&["debug.*"]));
    let named = entry("\"name\":\"Debug.queue\"");
    check(
        &metrics,
        ItemKind::TraceMetric,
        &named,
        Some("trace-metric-name"),
    );
    check(&metrics, ItemKind::Span, &named, None);
    let exception = with("exception.message", "\"it timed out\"");
    check(&messages, ItemKind::Log, &exception, Some("error-message"));
    check(&messages, ItemKind::Log, &entry("\"body\":7"), None);
    let crawlers = settings(|s| s.web_crawlers = true);
    let bot = with("user_agent.original", "\"Googlebot/2.1\"");
    check(&crawlers, ItemKind::Log, &bot, Some("web-crawlers"));
    let health = settings(|s| s.health_checks = true);
    let segment = entry("\"is_segment\":true,\"name\":\"GET /healthz\"");
    check(
        &health,
        ItemKind::Span,
        &segment,
        Some("filtered-transaction"),
    );
    let child = with("sentry.segment.name", "\"GET /healthz\"");
    check(
        &health,
        ItemKind::Span,
        &child,
        Some("filtered-transaction"),
    );
    check(
        &health,
        ItemKind::Span,
        &entry("\"name\":\"GET /healthz\""),
        None,
    );
    let local = settings(|s| s.localhost = true);
    let url = "\"attributes\":{\"url.full\":{\"value\":\"http://localhost:9200/\"}}";
    check(&local, ItemKind::Span, &entry(url), None);
    let served = entry(&format!("\"is_segment\":true,{url}"));
    check(&local, ItemKind::Span, &served, Some("localhost"));
    let says_so = with("sentry.is_localhost", "true");
    check(&local, ItemKind::TraceMetric, &says_so, Some("localhost"));
}

#[test]
fn conditions_ask_logs_spans_and_metrics_by_their_names() {
    let check = |kind: ItemKind, name: &str, value: &str, payload: &str, fits: bool| {
        let by = settings(|s| {
            s.generic = vec![GenericFilter {
                id: "mine".to_owned(),
                condition: format!(r#"{{"op":"eq","name":"{name}","value":{value}}}"#),
            }];
        });
        check(&by, kind, payload, fits.then_some("mine"));
    };
    let log = r#"{"items":[{"body":"b","level":"warn","attributes":{"a.b":{"value":"c","type":"string"},"n":{"value":7}}}]}"#;
    for (name, value) in [
        ("log.body", "\"b\""),
        ("log.level", "\"warn\""),
        ("event.level", "\"warn\""),
        ("event.message", "\"b\""),
        ("log.attributes.a.b", "\"c\""),
        ("log.attributes.a.b.value", "\"c\""),
        ("log.attributes.n.value", "7"),
    ] {
        check(ItemKind::Log, name, value, log, true);
    }
    check(ItemKind::Log, "span.body", "\"b\"", log, false);
    check(ItemKind::TraceMetric, "log.body", "\"b\"", log, false);
    let span = r#"{"items":[{"name":"s","status":"ok","start_timestamp":1,"end_timestamp":2.5}]}"#;
    check(ItemKind::Span, "span.name", "\"s\"", span, true);
    check(ItemKind::Span, "span.duration", "1500", span, true);
    let old = r#"{"description":"s","data":{"http.url":"/x"}}"#;
    check(ItemKind::Span, "span.description", "\"s\"", old, true);
    check(ItemKind::Span, "span.data.http.url", "\"/x\"", old, true);
    let metric = r#"{"items":[{"name":"m","type":"counter","value":2}]}"#;
    check(
        ItemKind::TraceMetric,
        "trace_metric.value",
        "2",
        metric,
        true,
    );
}
