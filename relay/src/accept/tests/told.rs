//! What the policy of the host, and the hub's filters, sampling and quotas make of requests.

use protocol::roster::{GenericFilter, Quota, QuotaScope, RateLimit, SampleRate, SamplingRule};

use super::harness::*;
use crate::policy::Policy;

const TRACE: &str = "0ce3763a664740e48329d8add471c1d7";

/// An envelope of these items, each a type and a payload.
fn envelope(header: &str, items: &[(&str, &str)]) -> Vec<u8> {
    let mut text = format!("{{{header}}}\n");
    for (kind, payload) in items {
        text += &format!(
            "{{\"type\":\"{kind}\",\"length\":{}}}\n{payload}\n",
            payload.len()
        );
    }
    text.into_bytes()
}

fn withholding(names: &[&str]) -> Policy {
    Policy {
        never_send: names.iter().map(|name| name.parse().unwrap()).collect(),
        ..Policy::default()
    }
}

#[tokio::test]
async fn feedback_that_comes_with_an_event_is_an_event_of_its_own() {
    let own = "2".repeat(32);
    for (payload, is_given) in [
        ("{\"event_id\":\"OWN\"}".replace("OWN", &own), true),
        ("{\"event_id\":\"OWN\"}".replace("OWN", TRACE), false),
        ("{}".to_owned(), false),
    ] {
        let relay = start().await;
        let header = format!("\"event_id\":\"{TRACE}\"");
        let items = [("event", "{\"message\":\"x\"}"), ("feedback", &payload)];
        assert_eq!(relay.post(&envelope(&header, &items)).await.status, 200);
        let kept = relay.kept().await;
        let id = |kind: &str| {
            let mut records = kept.iter().map(|(_, items)| items);
            let record = records.find(|record| record.items[0].kind == kind).unwrap();
            assert_eq!(record.items.len(), 1);
            record.event_id.unwrap().to_string()
        };
        assert_eq!(id("event"), TRACE);
        assert_ne!(id("feedback"), TRACE);
        assert_eq!(id("feedback") == own, is_given, "{payload}");
    }
}

#[tokio::test]
async fn what_the_policy_withholds_is_taken_counted_and_kept_nowhere() {
    let policy = withholding(&["attachment", "traces"]);
    let relay = start_under(policy, Default::default(), Some(projects())).await;
    let body = envelope(
        "\"event_id\":\"11111111111111111111111111111111\"",
        &[
            ("event", "{\"message\":\"kept\"}"),
            ("attachment", "file"),
            ("span", "{}"),
        ],
    );
    assert_eq!(relay.post(&body).await.status, 200);
    let kept = relay.kept().await;
    let kinds: Vec<_> = kept
        .iter()
        .flat_map(|(_, r)| &r.items)
        .map(|i| i.kind.as_str())
        .collect();
    assert_eq!(kinds, ["event"]);
    assert_eq!(relay.count("filtered", "policy"), 2);
    relay.assert_adds_up().await;
}

#[tokio::test]
async fn a_policy_holds_before_any_roster_too() {
    let relay = start_under(withholding(&["error"]), Default::default(), None).await;
    let body = envelope(
        "",
        &[
            ("event", "{\"message\":\"secret\"}"),
            ("attachment", "file"),
        ],
    );
    assert_eq!(relay.post(&body).await.status, 200);
    assert!(
        relay.kept().await.is_empty(),
        "an attachment goes with its event"
    );
    assert_eq!(relay.count("filtered", "policy"), 2);
    relay.assert_adds_up().await;
}

#[tokio::test]
async fn a_trace_is_kept_whole_or_not_at_all_and_what_is_not_is_counted_as_sampled() {
    let mut told = projects();
    let half = SampleRate::from_share(0.5).unwrap();
    for name in ["error", "transaction"] {
        told.projects[0].sampling.insert(name.to_owned(), half);
    }
    let relay = start_with(Default::default(), Some(told)).await;
    let (mut n_kept, mut n_sampled) = (0, 0);
    for n in 0..40_u32 {
        let header = format!("\"trace\":{{\"trace_id\":\"{n:08x}{}\"}}", &TRACE[8..]);
        let error = envelope(
            &header,
            &[("event", "{\"message\":\"x\"}"), ("attachment", "file")],
        );
        let transaction = envelope(&header, &[("transaction", "{\"type\":\"transaction\"}")]);
        // Sent again, it is decided again alike.
        for body in [&error, &transaction, &error] {
            assert_eq!(relay.post(body).await.status, 200);
        }
        let sampled = relay.count("sampled", "sample_rate");
        // Two errors with an attachment each, and a transaction: all or nothing.
        match sampled - n_sampled {
            0 => n_kept += 1,
            5 => {}
            other => panic!("{other} of 5 items of trace {n} are sampled"),
        }
        n_sampled = sampled;
    }
    assert!((8..=32).contains(&n_kept), "{n_kept} of 40 traces");
    relay.assert_adds_up().await;
}

#[tokio::test]
async fn what_filters_refuse_is_answered_200_counted_by_reason_and_kept_nowhere() {
    let mut told = projects();
    let filters = &mut told.projects[0].filters;
    filters.releases = vec!["shop@0.*".to_owned()];
    filters.web_crawlers = true;
    filters.health_checks = true;
    filters.generic = vec![GenericFilter {
        id: "no-canaries".to_owned(),
        condition: r#"{"op":"eq","name":"event.tags.canary","value":"yes"}"#.to_owned(),
    }];
    let relay = start_with(Default::default(), Some(told)).await;
    let old = [
        ("event", r#"{"release":"shop@0.9"}"#),
        ("attachment", "file"),
    ];
    assert_eq!(relay.post(envelope("", &old)).await.status, 200);
    let canary = [("event", r#"{"release":"shop@0.9","tags":{"canary":"yes"}}"#)];
    assert_eq!(relay.post(envelope("", &canary)).await.status, 200);
    let check = [(
        "transaction",
        r#"{"type":"transaction","transaction":"/healthz"}"#,
    )];
    assert_eq!(relay.post(envelope("", &check)).await.status, 200);
    let path = format!("/api/1/envelope/?sentry_key={KEY}");
    let bot = [("User-Agent", "Googlebot/2.1")];
    let body = envelope("", &[("event", "{}"), ("session", "{}")]);
    assert_eq!(relay.send("POST", &path, &bot, &body).await.status, 200);
    let wanted = [("event", r#"{"release":"shop@1.0"}"#)];
    assert_eq!(relay.post(envelope("", &wanted)).await.status, 200);
    assert_eq!(
        relay.count("filtered", "release-version"),
        2,
        "with its attachment"
    );
    assert_eq!(relay.count("filtered", "no-canaries"), 1);
    assert_eq!(relay.count("filtered", "filtered-transaction"), 1);
    assert_eq!(relay.count("filtered", "web-crawlers"), 1);
    let kept = relay.kept().await;
    let kinds: Vec<_> = kept
        .iter()
        .flat_map(|(_, r)| &r.items)
        .map(|i| i.kind.as_str())
        .collect();
    assert_eq!(kinds, ["session", "event"]);
    relay.assert_adds_up().await;
}

#[tokio::test]
async fn what_is_kept_says_the_share_of_those_like_it_and_clients_cannot() {
    let mut told = projects();
    let cheap = r#"{"op":"glob","name":"event.transaction","value":["/static/*"]}"#;
    told.projects[0].sampling_rules = vec![rule(3001, cheap, 0.999_999)];
    let rate = |share| SampleRate::from_share(share).unwrap();
    let sampling = &mut told.projects[0].sampling;
    sampling.insert("span".to_owned(), rate(0.999_998));
    sampling.insert("session".to_owned(), rate(0.999_997));
    let relay = start_with(Default::default(), Some(told)).await;
    let trace = format!("{{\"trace\":{{\"trace_id\":\"{TRACE}\"}}}}\n");
    let said = "\"server_sample_rate\":0.5,\"server_sampl\\u0065_rate\":0.5";
    let item = |kind: &str, payload: &str| {
        let head = format!(
            "{{\"type\":\"{kind}\",{said},\"length\":{}}}",
            payload.len()
        );
        format!("{head}\n{payload}\n")
    };
    let named = |name: &str| item("transaction", &format!("{{\"transaction\":\"{name}\"}}"));
    let first = trace.clone() + &named("/static/a.js") + &item("span", r#"{"op":"db"}"#);
    let second = trace + &named("/") + &item("session", "{}");
    for body in [first, second] {
        assert_eq!(relay.post(body).await.status, 200);
    }
    let kept = relay.kept().await;
    let items = kept.iter().flat_map(|(_, record)| &record.items);
    let mut shares: Vec<_> = items
        .map(|item| {
            let has_name = item.header.windows(11).any(|w| w == b"sample_rate");
            let share = protocol::sampling::rate_of(&item.header).share();
            (item.kind.as_str(), has_name.then_some(share))
        })
        .collect();
    shares.sort_by_key(|(kind, share)| (*kind, share.is_some()));
    let expected = [
        ("session", None),
        ("span", Some(0.999_998)),
        ("transaction", None),
        ("transaction", Some(0.999_999)),
    ];
    assert_eq!(shares, expected);
    relay.assert_adds_up().await;
}

#[tokio::test]
async fn a_file_says_what_was_removed_from_it_and_clients_cannot() {
    let relay = start_with(Default::default(), Some(projects())).await;
    let item = |name: &str, payload: &str| {
        let said = "\"server_removed\":{\"@ip\":9},\"server_remov\\u0065d\":{\"@ip\":8}";
        let head = format!("\"type\":\"attachment\",\"filename\":\"{name}\",{said}");
        format!("{{{head},\"length\":{}}}\n{payload}\n", payload.len())
    };
    let files = item(
        "a",
        "card 4111111111111111 and 4111111111111111, password=x",
    ) + &item("b", "none");
    let body = format!("{{\"event_id\":\"{}\"}}\n{files}", "8".repeat(32));
    assert_eq!(relay.post(body).await.status, 200);
    let kept = relay.kept().await;
    let items = kept.iter().flat_map(|(_, record)| &record.items);
    let headers: Vec<serde_json::Value> = items
        .map(|item| serde_json::from_slice(&item.header).unwrap())
        .collect();
    let told = serde_json::json!({"@creditcard": 2, "@password:filter": 1});
    assert_eq!(headers[0]["server_removed"], told);
    assert_eq!(headers[1].get("server_removed"), None);
}

fn rule(id: u32, condition: &str, share: f64) -> SamplingRule {
    SamplingRule {
        id,
        category: "transaction".to_owned(),
        condition: condition.to_owned(),
        rate: SampleRate::from_share(share).unwrap(),
        from: None,
        until: None,
    }
}

#[tokio::test]
async fn sampling_rules_go_before_the_rate_and_name_themselves() {
    let mut told = projects();
    let by_trace = r#"{"op":"eq","name":"trace.environment","value":"prod"}"#;
    let cheap = r#"{"op":"glob","name":"event.transaction","value":["/static/*"]}"#;
    told.projects[0].sampling_rules = vec![rule(3001, by_trace, 1.0), rule(3002, cheap, 0.0)];
    let none = SampleRate::from_share(0.0).unwrap();
    told.projects[0]
        .sampling
        .insert("transaction".to_owned(), none);
    let relay = start_with(Default::default(), Some(told)).await;
    let send = async |environment: &str, name: &str| {
        let header =
            format!("\"trace\":{{\"trace_id\":\"{TRACE}\",\"environment\":\"{environment}\"}}");
        let payload = format!("{{\"type\":\"transaction\",\"transaction\":\"{name}\"}}");
        let body = envelope(&header, &[("transaction", &payload)]);
        assert_eq!(relay.post(body).await.status, 200);
    };
    send("prod", "/static/a.js").await;
    send("test", "/static/a.js").await;
    send("test", "/").await;
    assert_eq!(relay.count("sampled", "Sampled:3002"), 1);
    assert_eq!(relay.count("sampled", "sample_rate"), 1);
    assert_eq!(relay.kept().await.len(), 1);
    relay.assert_adds_up().await;
}

#[tokio::test]
async fn a_burst_is_taken_at_once_and_clients_are_told_when_the_next_one_fits() {
    let quota = |count, window_secs, burst| Quota {
        scope: QuotaScope::Project,
        scope_id: 1,
        categories: vec!["error".to_owned()],
        limit: RateLimit {
            burst,
            ..RateLimit::new(count, window_secs)
        },
        reason: "project_quota".to_owned(),
    };
    let mut told = projects();
    // The second is of the same category, and has an account of its own.
    told.projects[0].quotas = vec![quota(60, 3600, Some(3)), quota(5, 86_400, None)];
    let relay = start_with(Default::default(), Some(told)).await;
    let error = envelope("", &[("event", "{}")]);
    for _ in 0..3 {
        assert_eq!(relay.post(&error).await.status, 200);
    }
    let reply = relay.post(&error).await;
    assert_eq!(reply.status, 429);
    let wait: u64 = reply.header("retry-after").parse().unwrap();
    assert!((50..=60).contains(&wait), "one a minute is made up: {wait}");
    let limits = reply.header("x-sentry-rate-limits");
    assert_eq!(limits, format!("{wait}:error:project:project_quota"));
    relay.assert_adds_up().await;
}

#[tokio::test]
async fn quotas_of_a_project_and_its_organization_are_told_with_their_scope() {
    let quota = |scope, scope_id, categories: &[&str], count, reason: &str| Quota {
        scope,
        scope_id,
        categories: categories.iter().map(|name| (*name).to_owned()).collect(),
        limit: RateLimit::new(count, 600),
        reason: reason.to_owned(),
    };
    let mut told = projects();
    let of_project = quota(
        QuotaScope::Project,
        1,
        &["error", "security"],
        2,
        "project_quota",
    );
    let of_all = quota(QuotaScope::Organization, 7, &[], 3, "organization_quota");
    told.projects[0].quotas = vec![of_project, of_all.clone()];
    told.projects[1].quotas = vec![of_all];
    let relay = start_with(Default::default(), Some(told)).await;
    let error = envelope("", &[("event", "{}")]);
    for _ in 0..2 {
        assert_eq!(relay.post(&error).await.status, 200);
    }
    let reply = relay.post(&error).await;
    assert_eq!(reply.status, 429);
    let limits = reply.header("x-sentry-rate-limits").to_owned();
    let wait = reply.header("retry-after").to_owned();
    assert_eq!(
        limits,
        format!("{wait}:error;security:project:project_quota")
    );
    assert_eq!(relay.count("refused", "project_quota"), 1);
    // Another project of the organization takes what is left.
    let path = format!("/api/2/envelope/?sentry_key={LIMITED}");
    let session = envelope("", &[("session", "{}")]);
    assert_eq!(relay.send("POST", &path, &[], &session).await.status, 200);
    let reply = relay.send("POST", &path, &[], &session).await;
    assert_eq!(reply.status, 429);
    let limits = reply.header("x-sentry-rate-limits");
    assert!(
        limits.ends_with("::organization:organization_quota"),
        "{limits}"
    );
    assert_eq!(relay.count("refused", "organization_quota"), 1);
    let report = envelope("", &[("client_report", "{}")]);
    assert_eq!(
        relay.post(&report).await.status,
        200,
        "reports are never limited"
    );
    relay.assert_adds_up().await;
}
