//! What the policy of the host and the hub's sampling make of requests.

use protocol::roster::SampleRate;

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
