//! A hub that takes nothing, and a spool that fills: clients are held back by importance.

use protocol::ids::Lane;

use super::harness::*;

/// An envelope of one item of some bytes that do not compress.
fn item(kind: &str, n: u64, len: usize) -> Vec<u8> {
    let mut x = n.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let noise = std::iter::repeat_with(|| {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        format!("{x:016x}")
    });
    let noise: String = noise.take(len / 16).collect();
    let payload = match kind {
        "log" => format!("{{\"items\":[{{\"body\":\"{noise}\"}}]}}"),
        _ => format!("{{\"message\":\"{noise}\"}}"),
    };
    let header = format!("{{\"event_id\":\"{n:032x}\"}}");
    let bytes = payload.len();
    format!("{header}\n{{\"type\":\"{kind}\",\"length\":{bytes}}}\n{payload}\n").into_bytes()
}

/// Sends one kind until it is held back; gives how many were taken, and what clients are told.
async fn until_held_back(relay: &Relay, kind: &str, from: u64) -> (u64, Reply) {
    for n in from..from + 400 {
        let reply = relay.post(item(kind, n, 40_000)).await;
        match reply.status {
            200 => {}
            429 => return (n - from, reply),
            status => panic!("{kind} {n}: {status} {}", reply.text()),
        }
    }
    panic!("{kind} was never held back");
}

#[tokio::test]
async fn while_the_hub_takes_nothing_clients_are_held_back_by_importance_and_errors_last() {
    let relay = start_with_spool(2 << 20).await;
    let (n_taken, reply) = until_held_back(&relay, "attachment", 1_000).await;
    assert!(n_taken > 10, "{n_taken}");
    assert_eq!(
        reply.header("x-sentry-rate-limits"),
        "60:attachment;profile;replay;profile_chunk:organization:backpressure"
    );
    assert_eq!(reply.header("retry-after"), "60");
    // All else is more important than what fills the room.
    for (n, kind) in (1..).zip(["event", "transaction", "log", "session"]) {
        assert_eq!(relay.post(item(kind, n, 100)).await.status, 200, "{kind}");
    }
    let (_, reply) = until_held_back(&relay, "event", 2_000).await;
    let told = reply.header("x-sentry-rate-limits");
    assert_eq!(
        told,
        "60:default;error;security;feedback:organization:backpressure"
    );
    for (n, kind) in (10..).zip(["transaction", "log", "attachment"]) {
        assert_eq!(relay.post(item(kind, n, 100)).await.status, 429, "{kind}");
    }
    // Old errors give way for check-ins and sessions, which need next to nothing.
    for (n, kind) in (15..).zip(["check_in", "session"]) {
        assert_eq!(relay.post(item(kind, n, 100)).await.status, 200, "{kind}");
    }
    // What clients say they dropped themselves is never held back.
    let report =
        r#"{"discarded_events":[{"reason":"ratelimit_backoff","category":"error","quantity":3}]}"#;
    let report = format!(
        "{{}}\n{{\"type\":\"client_report\",\"length\":{}}}\n{report}\n",
        report.len()
    );
    assert_eq!(relay.post(report).await.status, 200);
    assert_eq!(relay.count("refused", "spool_full"), 0);
    relay.assert_counted().await;

    // When the hub has taken it, all goes on.
    for lane in Lane::ALL {
        relay.deliver(lane).await;
    }
    for (n, kind) in (20..).zip(["event", "transaction", "attachment", "check_in"]) {
        assert_eq!(relay.post(item(kind, n, 100)).await.status, 200, "{kind}");
    }
}
