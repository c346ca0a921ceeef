//! Times and clocks.

use super::*;

#[test]
fn judges_times_against_the_receipt_at_the_relay() {
    let check = |timestamp: Json, sent_at: Option<&str>, expected: &str, notes: &[&str]| {
        let payload = json!({"message": "m", "timestamp": timestamp}).to_string();
        let receipt = Receipt {
            sent_at: sent_at.map(|time| Timestamp::parse(time).unwrap()),
            ..receipt()
        };
        let event = normalise(payload.as_bytes(), &receipt).unwrap();
        assert_eq!(
            event.timestamp,
            Timestamp::parse(expected).unwrap(),
            "{timestamp}"
        );
        assert_eq!(corrections(&event), notes, "{timestamp}");
        let is_moved = notes
            .iter()
            .any(|note| note.ends_with(" timestamp") && !note.starts_with("invalid"));
        assert_eq!(event.original_timestamp.is_some(), is_moved, "{timestamp}");
    };
    check(json!(null), None, RECEIVED, &[]);
    check(
        json!("2026-11-20T18:39:00Z"),
        None,
        "2026-11-20T18:39:00Z",
        &[],
    );
    check(json!(1795199940), None, "2026-11-20T18:39:00Z", &[]);
    check(json!(1_795_199_940.5), None, "2026-11-20T18:39:00.5Z", &[]);
    check(json!("1795199940"), None, "2026-11-20T18:39:00Z", &[]);
    check(
        json!("2026-11-20T18:41:00Z"),
        None,
        "2026-11-20T18:41:00Z",
        &[],
    );
    check(
        json!("2026-11-20T18:41:01Z"),
        None,
        RECEIVED,
        &["future_timestamp timestamp"],
    );
    check(
        json!("2026-01-02T03:04:05"),
        None,
        RECEIVED,
        &["past_timestamp timestamp"],
    );
    check(
        json!("whenever"),
        None,
        RECEIVED,
        &["invalid_data timestamp"],
    );
    check(json!(1e12), None, RECEIVED, &["invalid_data timestamp"]);
    // A clock that is 54 minutes off is believed, one that is 55 minutes off is not.
    check(
        json!("2026-11-20T17:45:00Z"),
        Some("2026-11-20T17:46:00Z"),
        "2026-11-20T17:45:00Z",
        &[],
    );
    check(
        json!("2026-11-20T17:44:00Z"),
        Some("2026-11-20T17:45:00Z"),
        "2026-11-20T18:39:00Z",
        &["clock_drift timestamp"],
    );
    check(
        json!("2026-11-20T20:00:00Z"),
        Some("2026-11-20T20:01:00Z"),
        "2026-11-20T18:39:00Z",
        &["clock_drift timestamp"],
    );
}

#[test]
fn moves_breadcrumbs_with_the_clock() {
    let payload = json!({"message": "m", "timestamp": "2026-11-20T10:00:00Z",
        "breadcrumbs": [{"timestamp": "2026-11-20T09:59:00Z", "level": "log"}]})
    .to_string();
    let receipt = Receipt {
        sent_at: Some(Timestamp::parse("2026-11-20T10:00:00Z").unwrap()),
        ..receipt()
    };
    let event = normalise(payload.as_bytes(), &receipt).unwrap();
    assert_eq!(
        event.breadcrumbs[0].timestamp.unwrap().to_rfc3339(),
        "2026-11-20T18:39:00.000Z"
    );
    assert_eq!(event.breadcrumbs[0].level.as_deref(), Some("info"));
}

#[test]
fn what_happened_before_keeps_its_distance_to_an_event_of_the_future() {
    let event = json!({"message": "m", "timestamp": "2026-11-21T10:00:00Z",
        "breadcrumbs": [{"timestamp": "2026-11-21T09:59:00Z"}]});
    look(&event, |event| {
        assert_eq!(corrections(event), ["future_timestamp timestamp"]);
        let crumb = event.breadcrumbs[0].timestamp.unwrap();
        assert_eq!(crumb.to_rfc3339(), "2026-11-20T18:39:00.000Z");
    });
}

#[test]
fn receipts_of_a_relay_with_a_wrong_clock_are_moved() {
    const HOUR: i64 = 3_600_000;
    let check = |offset: i64, sent_at: &str, timestamp: &str, received: &str, notes: &[&str]| {
        let payload = json!({"message": "m", "timestamp": timestamp}).to_string();
        let receipt = Receipt {
            relay_offset_millis: offset,
            sent_at: Some(Timestamp::parse(sent_at).unwrap()),
            ..receipt()
        };
        let event = normalise(payload.as_bytes(), &receipt).unwrap();
        let times = (event.timestamp, event.received_at);
        let parse = |text: &str| Timestamp::parse(text).unwrap();
        assert_eq!(
            times,
            (parse(received).plus_millis(-60_000), parse(received))
        );
        assert_eq!(corrections(&event), notes);
    };
    check(
        0,
        "2026-11-20T18:40:00Z",
        "2026-11-20T18:39:00Z",
        RECEIVED,
        &[],
    );
    // The relay is a day ahead, and so is the SDK on the same host.
    check(
        24 * HOUR,
        "2026-11-20T18:40:00Z",
        "2026-11-20T18:39:00Z",
        "2026-11-19T18:40:00Z",
        &["relay_clock_drift received", "clock_drift timestamp"],
    );
    // The relay is a day behind, the SDK is right.
    check(
        -24 * HOUR,
        "2026-11-21T18:40:00Z",
        "2026-11-21T18:39:00Z",
        "2026-11-21T18:40:00Z",
        &["relay_clock_drift received"],
    );
}

#[test]
fn any_offset_of_a_relay_is_borne() {
    for offset in [i64::MIN, i64::MAX, 0] {
        let receipt = Receipt {
            relay_offset_millis: offset,
            ..receipt()
        };
        assert!(normalise(br#"{"timestamp": 1, "message": "m"}"#, &receipt).is_ok());
    }
}

#[test]
fn a_clock_is_judged_by_what_arrives_with_its_measure() {
    const MINUTE: i64 = 60_000;
    const DAY: i64 = 24 * 60 * MINUTE;
    let arrived = Timestamp::parse(RECEIVED).unwrap();
    let check = |by_relay: i64, measured: i64, expected: i64| {
        let got = relay_offset(arrived.plus_millis(by_relay), arrived, measured);
        assert_eq!(got, expected, "{by_relay} {measured}");
    };
    // Right, and near enough, and long in the spool.
    check(0, 0, 0);
    check(-DAY, 0, 0);
    check(4 * MINUTE, 4 * MINUTE, 0);
    // A day off, and just received.
    check(DAY - MINUTE, DAY, DAY);
    check(-DAY - MINUTE, -DAY, -DAY);
    // Received by a clock that was right, or of which nobody knows, and sent by one that is wrong.
    check(-30 * DAY, DAY, 0);
    check(-DAY, -10 * DAY, 0);
    check(-MINUTE, 3650 * DAY, 0);
    // It cannot have been received before it arrived.
    check(2 * DAY, 0, 2 * DAY);
    check(2 * DAY, -DAY, 2 * DAY);
    check(i64::MAX, i64::MIN, i64::MAX - arrived.as_millis());
}
