//! Metrics of the rooms that do not serve HTTP, as Prometheus text.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::index::Index;
use crate::{digest, receive, web};

/// The digest's, the link's and the index's.
pub(super) fn of(digest: digest::Handle, link: receive::Handle, index: Index) -> web::Source {
    Arc::new(move |text| {
        let counters = digest.counters();
        let mut count = |name: &str, help: &str, value: &AtomicU64| {
            metric(text, name, "counter", help, value.load(Ordering::Relaxed));
        };
        count("commits_total", "Transactions.", &counters.commits);
        count("records_total", "Records applied.", &counters.records);
        count("events_total", "Events stored.", &counters.events);
        count(
            "items_total",
            "Items stored that are no events.",
            &counters.items,
        );
        count(
            "duplicate_events_total",
            "Events and other items that were stored before.",
            &counters.duplicate_events,
        );
        count(
            "repeated_records_total",
            "Records that came again after they were applied.",
            &counters.repeated_records,
        );
        count("poison_total", "Records set aside.", &counters.poison);
        count(
            "more_names_total",
            "Releases and environments beyond the new ones of an hour.",
            &counters.more_names,
        );
        count(
            "failures_total",
            "Transactions that could not be committed.",
            &counters.failures,
        );
        count(
            "commit_microseconds_total",
            "Time spent in transactions.",
            &counters.commit_micros,
        );
        let connected = link.connected().len();
        let name = "vedette_hub_relays_connected";
        write_out(text, name, "gauge", "Relays on the link.", connected as u64);
        let upto = index.upto().cast_unsigned();
        let name = "vedette_hub_index_row";
        write_out(text, name, "gauge", "Last event safe in the index.", upto);
    })
}

fn metric(text: &mut String, name: &str, kind: &str, help: &str, value: u64) {
    let name = format!("vedette_hub_digest_{name}");
    write_out(text, &name, kind, help, value);
}

fn write_out(text: &mut String, name: &str, kind: &str, help: &str, value: u64) {
    let written = writeln!(
        text,
        "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}"
    );
    // Writing to a String cannot fail.
    debug_assert!(written.is_ok());
}
