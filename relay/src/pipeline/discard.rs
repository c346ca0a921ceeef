//! What clients say they dropped themselves: counted, and kept for the hub.

use std::borrow::Cow;

use protocol::envelope::EnvelopeItem;
use protocol::ids::ProjectId;
use protocol::item::{Category, ItemKind};
use protocol::outcome::{Account, Term};
use serde::Deserialize;

/// Most entries of one report that are counted.
const ENTRIES_MAX: usize = 200;
/// Longest reason, in bytes.
const REASON_BYTES_MAX: usize = 64;
/// Largest quantity of one entry; more is a mistake.
const QUANTITY_MAX: u64 = 1_000_000_000;
/// Categories that tell bytes of what is told by number beside them. Bytes are no items.
const OF_BYTES: [&str; 2] = ["log_byte", "trace_metric_byte"];

#[derive(Default, Deserialize)]
#[serde(default)]
struct Report {
    discarded_events: Vec<Entry>,
    rate_limited_events: Vec<Entry>,
    filtered_events: Vec<Entry>,
    filtered_sampling_events: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    reason: String,
    #[serde(default)]
    category: String,
    quantity: u64,
}

/// The counts of a client report; none for other kinds and for reports that make no sense.
pub(super) fn counts(project: ProjectId, item: &EnvelopeItem) -> Vec<(Account, u64)> {
    if item.kind != ItemKind::ClientReport {
        return Vec::new();
    }
    let report: Report = serde_json::from_slice(&item.payload).unwrap_or_default();
    let entries = report
        .discarded_events
        .into_iter()
        .chain(report.rate_limited_events)
        .chain(report.filtered_events)
        .chain(report.filtered_sampling_events);
    let entries =
        entries.filter(|entry| entry.quantity > 0 && !OF_BYTES.contains(&entry.category.as_str()));
    entries
        .take(ENTRIES_MAX)
        .map(|entry| {
            let mut reason: String = entry.reason.chars().filter(|c| !c.is_control()).collect();
            reason.truncate(reason.floor_char_boundary(REASON_BYTES_MAX));
            let account = Account {
                project: Some(project),
                category: Category::from_name(&entry.category).unwrap_or(Category::Unknown),
                term: Term::ClientDiscard,
                reason: Cow::Owned(reason),
            };
            (account, entry.quantity.min(QUANTITY_MAX))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use protocol::envelope::Envelope;

    use super::*;

    fn check(payload: &str, expected: &[(&str, &str, u64)]) {
        let text = format!("{{}}\n{{\"type\":\"client_report\"}}\n{payload}\n");
        let envelope = Envelope::parse(&Bytes::from(text)).unwrap();
        let counts = counts(ProjectId::new(1).unwrap(), &envelope.items[0]);
        let counts: Vec<_> = counts
            .iter()
            .map(|(a, n)| (a.category.name(), a.reason.as_ref(), *n))
            .collect();
        assert_eq!(counts, expected, "{payload}");
    }

    #[test]
    fn counts_by_reason_and_category() {
        check(
            r#"{"timestamp":1.5,"discarded_events":[
                {"reason":"before_send","category":"error","quantity":2},
                {"reason":"queue_overflow","category":"transaction","quantity":1},
                {"reason":"x","category":"of the future","quantity":1},
                {"reason":"queue_overflow","category":"log_item","quantity":3},
                {"reason":"queue_overflow","category":"log_byte","quantity":4096},
                {"reason":"x","category":"user_report_v2","quantity":1},
                {"reason":"none","category":"error","quantity":0}],
               "rate_limited_events":[{"reason":"key","category":"error","quantity":5}]}"#
                .replace('\n', " ")
                .as_str(),
            &[
                ("error", "before_send", 2),
                ("transaction", "queue_overflow", 1),
                ("unknown", "x", 1),
                ("log_item", "queue_overflow", 3),
                ("feedback", "x", 1),
                ("error", "key", 5),
            ],
        );
    }

    #[test]
    fn hostile_reports_are_bounded() {
        check("[]", &[]);
        check("{\"discarded_events\":7}", &[]);
        let long = "x".repeat(100);
        check(
            &format!(
                "{{\"discarded_events\":[{{\"reason\":\"{long}\",\"category\":\"error\",\
                 \"quantity\":18446744073709551615}}]}}"
            ),
            &[("error", &long[..64], QUANTITY_MAX)],
        );
        let entry = "{\"reason\":\"a\",\"category\":\"error\",\"quantity\":1}";
        let many = format!("{{\"discarded_events\":[{}]}}", [entry; 1000].join(","));
        check(&many, &[("error", "a", 1); ENTRIES_MAX]);
    }
}
