//! Logs, spans and metrics: each entry of a container has an end of its own.

use protocol::block;
use protocol::ids::{Lane, Seq};
use protocol::roster::{GenericFilter, Quota, QuotaScope, RateLimit, SampleRate};

use super::harness::*;
use crate::spool::ReadOutcome;

/// An envelope of a container of these entries.
fn container(kind: &str, entries: &[&str]) -> String {
    let payload = format!("{{\"version\":2,\"items\":[{}]}}", entries.join(","));
    format!(
        "{{}}\n{{\"type\":\"{kind}\",\"item_count\":{},\"length\":{}}}\n{payload}\n",
        entries.len(),
        payload.len()
    )
}

/// The payloads of what is kept, as texts, by record.
async fn kept(relay: &Relay) -> Vec<Vec<String>> {
    let records = relay.kept().await.into_iter();
    let payload = |item: block::Item| String::from_utf8(item.payload.to_vec()).unwrap();
    records
        .map(|(_, record)| record.items.into_iter().map(payload).collect())
        .collect()
}

fn log(release: &str, body: &str) -> String {
    format!(
        "{{\"body\":\"{body}\",\"attributes\":{{\"sentry.release\":{{\"value\":\"{release}\",\"type\":\"string\"}}}}}}"
    )
}

#[tokio::test]
async fn every_entry_is_kept_by_itself_in_one_record_and_counts_one() {
    let relay = start().await;
    let body = container(
        "log",
        &[
            "{\"body\":\"a\"}",
            "{\"body\":\"b\"}",
            "{\"body\":\"card 4111111111111111\"}",
        ],
    );
    assert_eq!(relay.post(body).await.status, 200);
    let kept = kept(&relay).await;
    assert_eq!(kept.len(), 1, "one record: {kept:?}");
    assert_eq!(
        kept[0][..2],
        [
            "{\"version\":2,\"items\":[{\"body\":\"a\"}]}",
            "{\"version\":2,\"items\":[{\"body\":\"b\"}]}"
        ]
    );
    assert!(
        kept[0][2].contains("[creditcard]") && kept[0][2].contains("\"_meta\""),
        "{kept:?}"
    );
    assert_eq!(
        relay.counts(),
        ["log_item accepted 3", "log_item received 3"]
    );
    relay.assert_adds_up().await;
}

#[tokio::test]
async fn one_log_of_three_is_filtered_and_two_are_kept() {
    let mut told = projects();
    let filters = &mut told.projects[0].filters;
    filters.releases = vec!["shop@0.*".to_owned()];
    filters.error_messages = vec!["*heartbeat*".to_owned()];
    filters.generic = vec![GenericFilter {
        id: "no-debug".to_owned(),
        condition: r#"{"op":"eq","name":"log.attributes.sentry.release","value":"debug"}"#
            .to_owned(),
    }];
    let relay = start_with(Default::default(), Some(told)).await;
    for (out, why) in [
        (log("shop@0.9", "old"), "release-version"),
        (log("shop@1", "a heartbeat"), "error-message"),
        (log("debug", "x"), "no-debug"),
    ] {
        let (first, last) = (log("shop@1", "first"), log("shop@1", "last"));
        let body = container("log", &[&first, &out, &last]);
        assert_eq!(relay.post(body).await.status, 200);
        assert_eq!(relay.count("filtered", why), 1);
    }
    let kept = kept(&relay).await;
    assert_eq!(kept.len(), 3);
    for record in kept {
        assert_eq!(record.len(), 2, "{record:?}");
        assert!(record[0].contains("first") && record[1].contains("last"));
    }
    assert_eq!(
        relay.counts(),
        [
            "log_item accepted 9",
            "log_item filtered error-message 1",
            "log_item filtered no-debug 1",
            "log_item filtered release-version 1",
            "log_item received 9",
        ]
    );
    relay.assert_adds_up().await;
}

#[tokio::test]
async fn a_limit_takes_as_many_entries_as_it_has_room_for() {
    let mut told = projects();
    told.projects[0].quotas = vec![Quota {
        scope: QuotaScope::Project,
        scope_id: 1,
        categories: vec!["trace_metric".to_owned()],
        limit: RateLimit::new(3, 600),
        reason: "project_quota".to_owned(),
    }];
    let relay = start_with(Default::default(), Some(told)).await;
    let metrics = container("trace_metric", &["{\"name\":\"a\"}"; 5]);
    let reply = relay.post(&metrics).await;
    let limits = reply.header("x-sentry-rate-limits").to_owned();
    assert!(
        limits.ends_with(":trace_metric:project:project_quota"),
        "{limits}"
    );
    assert_eq!(
        relay.counts(),
        [
            "trace_metric accepted 3",
            "trace_metric received 5",
            "trace_metric refused project_quota 2",
        ]
    );
    relay.assert_adds_up().await;
}

#[tokio::test]
async fn an_exporter_whose_entries_are_kept_in_part_is_not_told_to_send_all_again() {
    let mut told = projects();
    told.projects[0].quotas = vec![Quota {
        scope: QuotaScope::Project,
        scope_id: 1,
        categories: vec!["log_item".to_owned()],
        limit: RateLimit::new(3, 600),
        reason: "project_quota".to_owned(),
    }];
    let relay = start_with(Default::default(), Some(told)).await;
    let records = ["{\"body\":{\"stringValue\":\"a\"}}"; 2].join(",");
    let body = format!("{{\"resourceLogs\":[{{\"scopeLogs\":[{{\"logRecords\":[{records}]}}]}}]}}");
    let path = format!("/api/1/integration/otlp/v1/logs?sentry_key={KEY}");
    let json = [("Content-Type", "application/json")];
    let send = async || relay.send("POST", &path, &json, body.as_bytes()).await;
    assert_eq!(send().await.text(), "{}");
    let reply = send().await;
    assert_eq!(reply.status, 200);
    let said: serde_json::Value = serde_json::from_str(&reply.text()).unwrap();
    let partial = &said["partialSuccess"];
    assert_eq!(partial["rejectedLogRecords"], "1");
    assert_eq!(partial["errorMessage"], "a rate limit is reached");
    assert_eq!(send().await.status, 429);
    assert_eq!(relay.count("refused", "project_quota"), 3);
    relay.assert_adds_up().await;
}

#[tokio::test]
async fn a_drain_whose_entries_are_kept_in_part_is_not_told_to_send_all_again() {
    let path = format!("/api/2/integration/vercel/logs/?sentry_key={LIMITED}");
    let headers = [
        ("Content-Type", "application/json"),
        ("Origin", "https://example.com"),
    ];
    let relay = start().await;
    let body = "[{\"message\":\"a\"},{\"message\":\"b\"},{\"message\":\"c\"}]";
    let send = async || relay.send("POST", &path, &headers, body.as_bytes()).await;
    let reply = send().await;
    assert_eq!((reply.status, reply.text().as_str()), (200, ""));
    let limits = reply.header("x-sentry-rate-limits");
    assert!(limits.ends_with(":log_item:key:rate_limited"), "{limits}");
    assert_eq!(send().await.status, 429);
    assert_eq!(relay.count("refused", "rate_limited"), 4);
    relay.assert_adds_up().await;
}

#[tokio::test]
async fn spans_of_a_trace_are_kept_together_without_a_trace_in_the_envelope() {
    let mut told = projects();
    let half = SampleRate::from_share(0.5).unwrap();
    told.projects[0].sampling.insert("span".to_owned(), half);
    let relay = start_with(Default::default(), Some(told)).await;
    let spans: Vec<String> = (0..60_u32)
        .map(|n| {
            format!(
                "{{\"trace_id\":\"{:032x}\",\"span_id\":\"{n:016x}\"}}",
                1 + n / 3
            )
        })
        .collect();
    let spans: Vec<&str> = spans.iter().map(String::as_str).collect();
    assert_eq!(relay.post(container("span", &spans)).await.status, 200);
    let kept = kept(&relay).await.concat();
    for trace in 1..=20 {
        let trace = format!("{trace:032x}");
        let n = kept.iter().filter(|span| span.contains(&trace)).count();
        assert!(n == 0 || n == 3, "{n} of 3 spans of {trace}");
    }
    assert_eq!(
        relay.count("sampled", "sample_rate"),
        60 - kept.len() as u64
    );
    assert!((3..=57).contains(&kept.len()), "{}", kept.len());
    relay.assert_adds_up().await;
}

#[tokio::test]
async fn what_cannot_be_cut_or_is_refused_counts_what_it_claims() {
    let relay = start().await;
    let broken = container("log", &["{}"; 4]).replace("]}", "}]");
    assert_eq!(relay.post(broken).await.status, 200);
    let wrong =
        container("trace_metric", &["{}"; 2]).replace("\"item_count\":2", "\"item_count\":3");
    assert_eq!(relay.post(wrong).await.status, 200);
    let path = format!("/api/1/envelope/?sentry_key={}", "f".repeat(32));
    let spans = container("span", &["{}"; 5]);
    let reply = relay.send("POST", &path, &[], spans.as_bytes()).await;
    assert_eq!(reply.status, 403);
    assert_eq!(
        relay.counts(),
        [
            "log_item accepted 4",
            "log_item invalid invalid_json 4",
            "log_item received 4",
            "span received 5",
            "span refused unknown_key 5",
            "trace_metric accepted 3",
            "trace_metric invalid invalid_trace_metric 3",
            "trace_metric received 3",
        ]
    );
    relay.assert_adds_up().await;
}

#[tokio::test]
async fn ten_thousand_small_entries_and_a_few_large_ones_are_within_the_bounds() {
    let relay = start().await;
    let many = vec!["{}"; 10_000];
    assert_eq!(relay.post(container("log", &many)).await.status, 200);
    let records = kept(&relay).await;
    assert_eq!(records.concat().len(), 10_000);
    assert_eq!(records.len(), 1, "the link pays for one header");
    let large = format!("{{\"body\":\"{}\"}}", "x".repeat(1024 * 1024));
    let too_large = format!("{{\"body\":\"{}\"}}", "x".repeat(2 * 1024 * 1024));
    let few = container("log", &[&large, &large, &too_large, &large, &large]);
    assert_eq!(relay.post(few).await.status, 200);
    assert_eq!(kept(&relay).await.concat().len(), 10_004);
    assert_eq!(relay.count("invalid", "too_large"), 1);
    relay.assert_adds_up().await;
}

#[tokio::test]
async fn a_span_that_is_too_large_loses_the_ends_of_its_long_texts() {
    let relay = start().await;
    let span = |text: &str, n: usize| {
        let id = "1410ed60b9f52361";
        let trace = "d1901c4e6b5d6d4cb962dc071d7b7f9e";
        format!(
            "{{\"trace_id\":\"{trace}\",\"span_id\":\"{id}\",\"data\":{{\"q\":\"card 4111111111111111 {}\"}},\"tags\":[{}]}}",
            text.repeat(4 * 1024 * 1024),
            vec!["\"abcdefgh\""; n].join(",")
        )
    };
    let body = container("span", &["{}", &span("x", 1)]);
    assert_eq!(relay.post(body).await.status, 200);
    let alone = span("x", 1);
    let body = format!("{{}}\n{{\"type\":\"span\"}}\n{alone}\n");
    assert_eq!(relay.post(body).await.status, 200);
    let kept: Vec<serde_json::Value> = kept(&relay)
        .await
        .concat()
        .iter()
        .map(|payload| serde_json::from_str(payload).unwrap())
        .collect();
    for (span, notes) in [
        (&kept[1]["items"][0], &kept[1]["_meta"]["items"]["0"]),
        (&kept[2], &kept[2]["_meta"]),
    ] {
        let text = span["data"]["q"].as_str().unwrap();
        assert_eq!(text.chars().count(), 8192);
        assert!(text.starts_with("card [creditcard] x") && text.ends_with("x..."));
        let notes = &notes["data"]["q"][""];
        assert_eq!(notes["rem"][0][0], "@creditcard");
        assert_eq!(
            notes["rem"][1],
            serde_json::json!(["!limit", "s", 8189, 8192])
        );
        assert_eq!(notes["len"], 4 * 1024 * 1024 + 22);
    }
    // What is of many small parts stays too large.
    let body = container("span", &[&span("", 400_000)]);
    assert_eq!(relay.post(body).await.status, 200);
    assert_eq!(relay.count("invalid", "too_large"), 1);
    relay.assert_adds_up().await;
}

#[tokio::test]
async fn the_link_pays_little_for_entries_being_apart() {
    let relay = start().await;
    let entries: Vec<String> = (0..200_u32)
        .map(|n| {
            format!(
                "{{\"timestamp\":17951988{n}.25,\"level\":\"info\",\"body\":\"order {} is paid by customer {}\",\
                 \"trace_id\":\"{:032x}\",\"attributes\":{{\"sentry.release\":{{\"value\":\"shop@1.2.3\",\"type\":\"string\"}},\
                 \"order\":{{\"value\":{n},\"type\":\"integer\"}}}}}}",
                n * 7919,
                n * 104_729 % 1000,
                u128::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
            )
        })
        .collect();
    let entries: Vec<&str> = entries.iter().map(String::as_str).collect();
    let whole = container("log", &entries);
    assert_eq!(relay.post(&whole).await.status, 200);
    let block = relay.spool.read(Lane::Logs, Seq(1)).await.unwrap();
    let ReadOutcome::Block { bytes, .. } = block else {
        panic!("nothing is kept");
    };
    let packed = block::compress(block::DictId::BUILT_IN, whole.as_bytes()).unwrap();
    let (apart, together) = (bytes.len(), packed.len());
    assert!(
        apart * 10 < together * 12,
        "{apart} bytes, {together} in one"
    );
}
